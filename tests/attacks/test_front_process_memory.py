"""Attacker 4: who reads the memory of the issuer's front process between requests finds nothing of any request."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.adapters.canary_search import search_bytes
from diptych.adapters.catalogue_files import load_catalogue
from diptych.drill.attacker.memory import memory_of
from diptych.roles.officer.order_file import template
from tests.issuer_process import HttpWallet, IssuerProcess, running_issuer

FAMILY, GIVEN = "Canary-Familienname-4711", "Canary-Vorname-0815"


def plain_forms(text: str) -> list[bytes]:
    return [text.encode(), text.encode("utf-16-le"), text.encode("utf-32-le")]


def found_in_memory(process_id: int, secrets: list[str]) -> list[str]:
    memory = memory_of(process_id)
    return [secret for secret in secrets if any(form in memory for form in plain_forms(secret))]


def order_file() -> str:
    catalogue = load_catalogue()
    text = template(catalogue.type("driving-licence"), catalogue, specimen=True)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("family_name ="):
            lines[number] = f'family_name = "{FAMILY}"'
        if line.startswith("given_name ="):
            lines[number] = f'given_name = "{GIVEN}"'
    changed = "\n".join(lines) + "\n"
    assert FAMILY in changed
    assert GIVEN in changed
    return changed


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[IssuerProcess]:
    with running_issuer(tmp_path) as running:
        yield running


def redeem_and_search(issuer: IssuerProcess) -> list[str]:
    """Redeem an order full of canaries; what of it the front process then holds."""
    approval = issuer.approve(order_file())
    wallet = HttpWallet(issuer.url)
    tokens = wallet.redeem(approval)
    licences = wallet.obtain(tokens, "driving-licence").credentials
    wallet.obtain(tokens, "proof-of-age", count=5)
    # The documents really carried the canaries, and they really passed through this server.
    assert set(search_bytes(licences[0], [FAMILY, GIVEN])) == {FAMILY, GIVEN}
    assert tokens.refresh_token is not None
    secrets = (approval.offer.code, tokens.access_token, tokens.refresh_token)
    return found_in_memory(issuer.process.pid, [FAMILY, GIVEN, *(secret.reveal().decode() for secret in secrets)])


def test_the_front_holds_no_attribute_code_or_token_after_an_order_was_redeemed(issuer: IssuerProcess) -> None:
    assert redeem_and_search(issuer) == []
    # What the front does hold is found: the search reads its memory.
    assert found_in_memory(issuer.process.pid, [issuer.url]) == [issuer.url]


def test_without_the_defence_the_same_search_succeeds(tmp_path: Path) -> None:
    with running_issuer(tmp_path, is_weakened=True) as weakened:
        assert redeem_and_search(weakened) != []


def test_the_search_finds_what_is_planted() -> None:

    planted = ctypes.create_string_buffer(b"Planted-" + b"4711-in-memory")
    assert found_in_memory(os.getpid(), ["Planted-" + "4711-in-memory"])
    assert planted.value


def test_the_front_is_one_thread_and_has_no_database_and_no_key_open(issuer: IssuerProcess) -> None:
    HttpWallet(issuer.url).nonces()
    status = Path(f"/proc/{issuer.process.pid}/status").read_text()
    assert "Threads:\t1\n" in status
    folder = str(issuer.folder)
    opened = [str(link.resolve()) for link in Path(f"/proc/{issuer.process.pid}/fd").iterdir()]
    assert not [path for path in opened if path.startswith(folder)]
    key = (issuer.folder / "nonce.key").read_bytes()
    assert key not in memory_of(issuer.process.pid)


def test_no_core_is_ever_dumped(issuer: IssuerProcess) -> None:
    limits = Path(f"/proc/{issuer.process.pid}/limits").read_text()
    (core,) = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core[4:6] == ["0", "0"]
