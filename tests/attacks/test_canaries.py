"""A thief of every server file looks for the citizen: database, write-ahead log, logs, temporary files, keys.

The whole journey runs with real processes. On a build whose sealing does not encrypt, the same search wins.
"""

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.adapters.canary_search import search
from diptych.cli import demo
from diptych.cli.demo_processes import Commands

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(900)
ENVIRONMENT = {"DIPTYCH_WALLET_PASSPHRASE": demo.PASSPHRASE, "PYTHONPATH": str(ROOT)}


class Eavesdropping(Commands):
    """Commands that remember what the officer handed to the citizen."""

    offer = ""

    def run(self, *arguments: str, expects: int = 0) -> dict[str, object]:
        answer = super().run(*arguments, expects=expects)
        if "offer" in answer:
            self.offer = str(answer["offer"])
        return answer


class IssuedError(Exception):
    """The citizen has the licence: what the servers were given of it, they have by now."""


class UntilIssued(Commands):
    """Commands that end the story there."""

    def run(self, *arguments: str, expects: int = 0) -> dict[str, object]:
        answer = super().run(*arguments, expects=expects)
        if arguments[:2] == ("wallet", "accept"):
            raise IssuedError
        return answer


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[demo.Story, str]]:
    """The journey, played once, with its servers still running; and the code that opened the order."""
    root = tmp_path_factory.mktemp("town")
    with Eavesdropping(root, ENVIRONMENT, quiet=True) as commands:
        story = demo.tell(root, commands, once=False)
        yield story, commands.offer.partition("pre-authorized_code%22%3A%22")[2].partition("%22")[0]


def test_no_server_file_holds_anything_of_the_citizen(told: tuple[demo.Story, str]) -> None:
    story, _ = told
    assert story.canaries_found == 0
    assert story.holds
    assert not replace(story, canaries_found=1).holds


def test_no_server_file_holds_the_code_that_opens_the_order(told: tuple[demo.Story, str]) -> None:
    story, code = told
    assert len(code) == 43
    assert search([Path(path) for path in story.server_paths], [code]) == []


def test_the_verifier_has_no_column_for_who_it_was(told: tuple[demo.Story, str]) -> None:
    story, _ = told
    columns = {name for row in story.verifier_stored for name in row}
    assert columns <= {
        "table", "id", "policy", "state", "expires_at", "secret_hash", "nonce", "response_state", "key",
        "return_uri", "response_code_hash", "verdict", "time",
    }  # fmt: skip


def test_the_same_search_wins_when_orders_are_not_encrypted(tmp_path: Path) -> None:
    program = (sys.executable, "-m", "diptych.drill.builds", "open_sealing", "diptych")
    with UntilIssued(tmp_path, ENVIRONMENT, quiet=True, program=program) as commands, pytest.raises(IssuedError):
        demo.tell(tmp_path, commands, once=False)
    ordered = tomllib.loads((tmp_path / "officer" / "order.toml").read_text())["attributes"]
    assert search([tmp_path / "issuer"], [ordered["document_number"]])


@pytest.mark.parametrize("planted", ["issuer/server.log", "verifier/tmp/upload", "issuer/issuer.sqlite-wal"])
def test_the_search_sees_every_file_of_a_server(tmp_path: Path, planted: str) -> None:
    path = tmp_path / planted
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\0\1 somebody Koenig-Quintrel\0")
    assert [found.path for found in search([tmp_path], ["Koenig-Quintrel"])] == [path]
