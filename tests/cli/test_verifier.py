"""`diptych verifier` and `diptych serve verifier` as an operator meets them, down to Ctrl-C."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from diptych.app import House
from diptych.cli.main import application
from diptych.config import read_verifier
from diptych.errors import Conflict, FormatError, Refused, Unavailable
from diptych.formats.mdoc.trust import encode_trust
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import registration, request_object, response
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from tests import verifying

START_SECONDS = 20


def run(*arguments: str | Path) -> str:
    """The command's stdout; its error is raised as it is."""
    outcome = CliRunner().invoke(application, ["verifier", *map(str, arguments)], obj=House())
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trust = tmp_path / "trust.json"
    trust.write_bytes(encode_trust(verifying.TRUST))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    said = json.loads(run("init", tmp_path / "verifier", "--url", url, "--trust", trust, "--json"))
    assert said["verifier_trust"] == str(tmp_path / "verifier" / "verifier-trust.json")
    return tmp_path / "verifier"


@pytest.fixture
def server(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych", "serve", "verifier", str(folder)], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{read_verifier(folder).url}/health", trust_env=False).is_success:
                break
        except httpx.HTTPError:
            time.sleep(0.05)
    yield process
    process.terminate()
    process.communicate(timeout=20)


def fetch(folder: Path, link: str) -> VerifiedRequest:
    found = request_object.parse_link(link)
    form = request_object.encode_fetch("a-wallets-nonce")
    return request_object.verify(
        httpx.post(found.request_uri, data=form, trust_env=False).text,
        expected_client_id=found.client_id,
        expected_wallet_nonce="a-wallets-nonce",
        trust=registration.parse_trust((folder / "verifier-trust.json").read_bytes()),
        now=datetime.now(UTC),
    )


def test_a_folder_holds_what_its_documentation_says_and_secrets_are_the_owners(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "settings.toml",
        "verifier.key.pem",
        "verifier.pem",
        "registration.jwt",
        "trust.json",
        "verifier-trust.json",
        "relying-party.key",
        "relying-party.hash",
        "policies",
        "demo-registrar",
    }
    for name in ("verifier.key.pem", "relying-party.key", "demo-registrar/registrar.key.pem"):
        assert (folder / name).stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_policies_are_listed_in_both_languages(folder: Path) -> None:
    assert "Majorité" in run("policies", "--verifier", folder)
    found = json.loads(run("policies", "--verifier", folder, "--json"))
    longfellow = {"over_18", "drive_category_b", "resident", "identity_name"}
    assert {policy["id"] for policy in found} == longfellow | {"age_on_the_day", "licence_stands", "same_customer"}


def test_policies_are_registered_anew(folder: Path) -> None:
    (folder / "policies" / "resident.toml").unlink()
    assert "resident" not in run("register", "--verifier", folder)


def test_a_second_init_touches_nothing(folder: Path) -> None:
    before = (folder / "verifier.key.pem").read_bytes()
    with pytest.raises(Conflict, match=r"verifier\.exists"):
        run("init", folder, "--url", "http://127.0.0.1:1", "--trust", folder / "trust.json")
    assert (folder / "verifier.key.pem").read_bytes() == before


def test_mistakes_at_init_are_told_and_leave_nothing(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text("{}")
    trust = tmp_path / "trust.json"
    trust.write_bytes(encode_trust(verifying.TRUST))
    for url, file, check in (
        ("http://127.0.0.1:1", tmp_path / "absent.json", r"trust\.read"),
        ("http://127.0.0.1:1", nonsense, "trust"),
        ("http://verifier.example", trust, r"url\.scheme"),
        ("verifier.example", trust, "url"),
    ):
        with pytest.raises(FormatError, match=check):
            run("init", tmp_path / "verifier", "--url", url, "--trust", file)
    with pytest.raises(Refused, match=r"x509\.country"):
        run("init", tmp_path / "verifier", "--url", "http://127.0.0.1:1", "--trust", trust, "--country", "Utopia")
    assert not (tmp_path / "verifier").exists()


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ("", "settings.url"),
        ('url = "http://127.0.0.1:1"\nhost = "127.0.0.1"\nport = "8102"', "settings.port"),
        ('url = "http://127.0.0.1:1"\nhost = "127.0.0.1"\nport = 8102\nworkers = 0', "settings.workers"),
        ('url = "http://127.0.0.1:1"\nhost = "127.0.0.1"\nport = 8102\ncross_check = 1', "settings.cross_check"),
        ('url = "http://127.0.0.1:1"\nhost = "127.0.0.1"\nport = 8102\nkeep_documents = true', "settings.unknown"),
        ("url =", "settings.toml"),
    ],
)
def test_a_mistake_in_the_settings_is_named(tmp_path: Path, settings: str, check: str) -> None:
    (tmp_path / "settings.toml").write_text(settings)
    with pytest.raises(FormatError) as error:
        read_verifier(tmp_path)
    assert error.value.check == check


def test_a_folder_that_is_no_verifiers_is_told_what_to_do(tmp_path: Path) -> None:
    for command in (["policies"], ["ask", "over_18"], ["kept"], ["register"], ["verdict", "0" * 32]):
        with pytest.raises(FormatError, match=r"init|asked no such question"):
            run(*command, "--verifier", tmp_path)


def test_asking_a_server_that_does_not_run_is_told(folder: Path) -> None:
    with pytest.raises(Unavailable, match=r"verifier\.unreachable"):
        run("ask", "over_18", "--verifier", folder, "--no-wait")


def test_a_question_from_asking_to_what_is_kept(folder: Path, server: subprocess.Popen[bytes]) -> None:
    asked = json.loads(run("ask", "over_18", "--verifier", folder, "--no-wait", "--json"))
    assert json.loads(run("verdict", asked["id"], "--verifier", folder, "--json"))["verdict"] == "asked"
    verified = fetch(folder, asked["link"])
    assert verified.verifier.name == "Café Utopia"
    body = encode_form(response.build_error(verified, "access_denied"))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert httpx.post(verified.request.response_uri, content=body, headers=headers, trust_env=False).is_success
    verdict = json.loads(run("verdict", asked["id"], "--verifier", folder, "--json"))
    assert (verdict["verdict"], verdict["check"]) == ("refused", "wallet.access_denied")
    assert list((folder / "asked").iterdir()) == []
    with pytest.raises(FormatError, match=r"verifier\.asked"):
        run("verdict", asked["id"], "--verifier", folder)
    (kept,) = json.loads(run("kept", "--verifier", folder, "--json"))
    assert set(kept) == {"verdict", "policy", "time"}
    with sqlite3.connect(folder / "verifier.db") as connection:
        assert connection.execute("SELECT count(*) FROM presentation").fetchone() == (0,)
    connection.close()
    with pytest.raises(Refused, match=r"policy\.unknown"):
        run("ask", "everything", "--verifier", folder)
    waited = run("ask", "over_18", "--verifier", folder, "--seconds", "1")
    assert "openid4vp://" in waited
    assert "ASKED" in waited


def test_a_port_that_is_taken_is_told(folder: Path, server: subprocess.Popen[bytes]) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "diptych", "serve", "verifier", str(folder)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "Address already in use" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_server_that_is_told_to_stop_stops_with_its_workers(
    folder: Path, server: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    children = _children(server.pid)
    assert children
    server.send_signal(number)
    _, errors = server.communicate(timeout=20)
    assert server.returncode == 0
    assert b"Traceback" not in errors
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    assert os.getpid() not in found
    return found
