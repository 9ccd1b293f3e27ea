"""`diptych doctor` finds what is wrong with a folder, names it, says what to do, and changes nothing."""

import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from diptych.adapters import checkup
from diptych.adapters.checkup import Finding, Level
from diptych.adapters.keys import file
from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.wallet import create_wallet_store
from diptych.app import House
from diptych.cli.main import application
from diptych.crypto.passphrase import Hardness
from diptych.crypto.signing import generate_signer
from diptych.private import Secret
from tests.issuer_process import free_port, running_issuer
from tests.web.test_tls import make_tls

CHEAP = Hardness(memory_kib=64, iterations=1, lanes=1)
Change = Callable[[Path], object]


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each role, as their commands make them."""
    folder = tmp_path_factory.mktemp("doctor")
    house = House()
    house.new_officer(folder / "officer", "https://issuer.example")
    officer = folder / "officer" / "officer.pub.pem"
    house.new_issuer(folder / "issuer", f"http://127.0.0.1:{free_port()}", [officer], "UT", log_policy=None)
    trust = folder / "issuer" / "trust.json"
    house.new_verifier(folder / "verifier", f"http://127.0.0.1:{free_port()}", trust, "Café Utopia", "UT")
    (folder / "wallet").mkdir(mode=0o700)
    create_wallet_store(folder / "wallet" / "wallet.db", Secret(b"word"), hardness=CHEAP, entropy=os.urandom)
    for role, name in (("issuer", "issuer.sqlite"), ("verifier", "verifier.db")):
        open_database(folder / role / name, role).dispose()
    return folder


@pytest.fixture
def folders(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of them, to be harmed."""
    monkeypatch.setenv("DIPTYCH_WALLET", str(tmp_path / "nowhere"))
    shutil.copytree(town, tmp_path / "town")
    return tmp_path / "town"


def doctor(*folders: Path, code: int = 0) -> dict[str, list[dict[str, str]]]:
    """Findings by folder's name, the machine's under its own."""
    outcome = CliRunner().invoke(application, ["doctor", *map(str, folders), "--json"], obj=House())
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == code, outcome.stdout
    told = json.loads(outcome.stdout)
    assert told["well"] == (code == 0)
    return {
        "machine" if each["folder"] is None else Path(each["folder"]).name: each["findings"]
        for each in told["examined"]
    }


def checks(findings: list[dict[str, str]], level: str) -> set[str]:
    return {one["check"] for one in findings if one["level"] == level}


def test_new_folders_are_well_and_nothing_in_them_changes(folders: Path) -> None:
    before = {path: path.read_bytes() for path in folders.rglob("*") if path.is_file()}
    found = doctor(*(folders / role for role in ("issuer", "verifier", "officer", "wallet")))
    assert set(found) == {"machine", "issuer", "verifier", "officer", "wallet"}
    assert {one["check"] for one in found["issuer"]} >= {"storage", "port", "key.pair", "certificate.expires"}
    assert {one["check"] for one in found["verifier"]} >= {"storage", "registration.expires", "zk.worker_start"}
    after = {path: path.read_bytes() for path in folders.rglob("*") if path.is_file()}
    assert {path for path in after if path.suffix not in (".db-wal", ".db-shm", ".sqlite-wal")} >= set(before)
    assert all(after[path] == before[path] for path in before)


def test_without_folders_it_looks_around(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders)
    monkeypatch.setenv("DIPTYCH_WALLET", str(folders / "wallet"))
    assert set(doctor()) == {"machine", "issuer", "verifier", "officer", "wallet"}


def test_it_speaks_to_people_too(folders: Path) -> None:
    (folders / "officer" / "officer.key.pem").chmod(0o644)
    outcome = CliRunner().invoke(application, ["doctor", str(folders / "officer")], obj=House())
    assert outcome.exit_code == 1
    assert "XX others can read officer.key.pem: run chmod 600 on it" in outcome.stdout
    assert "wrong," in outcome.stdout.splitlines()[-1]


def append(name: str, line: str) -> Change:
    def change(folder: Path) -> None:
        with (folder / name).open("a") as opened:
            opened.write(line + "\n")

    return change


def replace_key(name: str) -> Change:
    def change(folder: Path) -> None:
        path = next(folder.glob(name))
        path.unlink()
        file.write_signer(path, generate_signer())

    return change


def damage(name: str) -> Change:
    def change(folder: Path) -> None:
        path = folder / name
        for beside in folder.glob(f"{name}-*"):
            beside.unlink()
        data = bytearray(path.read_bytes())
        data[4096 : 4096 + 64] = os.urandom(64)
        path.write_bytes(data)

    return change


def sql(name: str, statement: str) -> Change:
    def change(folder: Path) -> None:
        connection = sqlite3.connect(folder / name)
        with connection:
            connection.execute(statement)
        connection.close()

    return change


def unlink(name: str) -> Change:
    return lambda folder: [path.unlink() for path in folder.glob(name)]


NEWER = "UPDATE alembic_version SET version_num = 'of_tomorrow'"


@pytest.mark.parametrize(
    ("role", "change", "check"),
    [
        ("issuer", append("settings.toml", "prot = 1"), "settings.unknown"),
        ("issuer", append("settings.toml", 'host = "0.0.0.0"'), "settings.toml"),
        ("issuer", append("settings.toml", 'tls_certificate = "a"\ntls_key = "b"'), "tls.key"),
        ("issuer", replace_key("signers/proof-of-age*.key.pem"), "key.pair"),
        ("issuer", unlink("signers/proof-of-age*.key.pem"), "key.missing"),
        ("issuer", unlink("trust.json"), "file.read"),
        ("issuer", unlink("nonce.key"), "issuer.nonce_key"),
        ("issuer", unlink("request.key.pem"), "key.missing"),
        ("issuer", lambda folder: (folder / "nonce.key").chmod(0o644), "file.permissions"),
        ("issuer", sql("issuer.sqlite", NEWER), "storage.schema"),
        ("issuer", damage("issuer.sqlite"), "storage"),
        ("verifier", replace_key("verifier.key.pem"), "key.pair"),
        ("verifier", unlink("verifier.pem"), "key.missing"),
        ("verifier", unlink("registration.jwt"), "verifier.missing"),
        ("verifier", append("policies/over_18.toml", "everything = true"), "policy"),
        ("verifier", lambda folder: os.utime(folder / "verifier.pem", (4e9, 4e9)), "clock"),
        ("verifier", sql("verifier.db", NEWER), "storage.schema"),
        ("officer", replace_key("officer.key.pem"), "key.pair"),
        ("officer", unlink("officer.key.pem"), "key.missing"),
        ("officer", lambda folder: (folder / "officer.key.pem").chmod(0o640), "key.permissions"),
        ("officer", append("settings.toml", 'catalogue = "nowhere"'), "settings.catalogue"),
        ("wallet", lambda folder: (folder / "wallet.db").chmod(0o644), "file.permissions"),
        ("wallet", sql("wallet.db", NEWER), "storage.schema"),
    ],
)
def test_what_is_wrong_is_named(folders: Path, role: str, change: Change, check: str) -> None:
    change(folders / role)
    found = checks(doctor(folders / role, code=1)[role], "wrong")
    assert [name for name in found if name.startswith(check)], found


@pytest.mark.parametrize(
    ("role", "change", "check"),
    [
        ("issuer", lambda folder: folder.chmod(0o755), "folder.permissions"),
        ("issuer", unlink("officers/*.pem"), "issuer.officers"),
        ("issuer", unlink("issuer.sqlite"), "storage.missing"),
        ("issuer", sql("issuer.sqlite", "DELETE FROM alembic_version"), "storage.schema"),
        ("verifier", lambda folder: None, "settings.admin_port"),
        ("officer", append("settings.toml", ""), ""),
    ],
)
def test_what_wants_attention_is_told_and_is_no_failure(folders: Path, role: str, change: Change, check: str) -> None:
    change(folders / role)
    assert not check or check in checks(doctor(folders / role)[role], "warning")


def test_a_policy_that_nobody_registered_is_wrong(folders: Path) -> None:
    policies = folders / "verifier" / "policies"
    text = (policies / "over_18.toml").read_text().replace('id = "over_18"', 'id = "over_18_too"')
    (policies / "over_18_too.toml").write_text(text)
    assert "registration.policy" in checks(doctor(folders / "verifier", code=1)["verifier"], "wrong")


def test_an_unfinished_approval_is_told(folders: Path) -> None:
    attempts = folders / "officer" / "attempts"
    attempts.mkdir(mode=0o700, exist_ok=True)
    (attempts / f"{'0' * 64}.json").touch(mode=0o600)
    assert "officer.attempts" in checks(doctor(folders / "officer")["officer"], "warning")


def test_a_folder_that_is_nobodys_is_wrong(tmp_path: Path) -> None:
    assert checks(doctor(tmp_path, code=1)[tmp_path.name], "wrong") == {"folder.role"}
    assert checks(doctor(tmp_path / "absent", code=1)["absent"], "wrong") == {"folder.missing"}


def test_a_port_that_something_else_has_is_wrong(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("DIPTYCH_VERIFIER_ADMIN_PORT", str(taken.getsockname()[1]))
        assert "port" in checks(doctor(folders / "verifier", code=1)["verifier"], "wrong")


def test_a_role_that_runs_has_its_port(tmp_path: Path) -> None:
    with running_issuer(tmp_path) as running:
        (port,) = [one for one in doctor(running.folder)["issuer"] if one["check"] == "port"]
    assert (port["level"], port["message"].partition(":")[0]) == ("good", "wallets")
    assert "a role is running" in port["message"]


def test_a_variable_that_is_no_setting_is_told(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_WALET", "Erika")
    found = doctor(folders / "officer")["machine"]
    assert "environment" in checks(found, "warning")
    assert "Erika" not in json.dumps(found)


def levels(findings: list[Finding]) -> set[Level]:
    return {one.level for one in findings}


def test_certificates_are_told_before_they_expire_and_after(tmp_path: Path) -> None:
    named = checkup.read_pem(make_tls(tmp_path).certificate)
    now = datetime.now(UTC)
    assert levels(checkup.certificates(named, now=now)) == {Level.WARNING}  # two days are left
    assert levels(checkup.certificates(named, now=now + timedelta(days=3))) == {Level.WRONG}
    assert "certificate.early" in {one.check for one in checkup.certificates(named, now=now - timedelta(days=2))}
    assert levels(checkup.certificates({"nonsense": b"0"}, now=now)) == {Level.WRONG}


@pytest.mark.parametrize(
    ("now", "level"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), Level.GOOD),
        (datetime(2027, 10, 1, tzinfo=UTC), Level.WARNING),
        (datetime(2028, 1, 1, tzinfo=UTC), Level.WRONG),
    ],
)
def test_circuits_are_told_before_they_expire_and_after(now: datetime, level: Level) -> None:
    assert levels(checkup.circuits(now=now)) == {level}


def test_a_clock_from_another_age_is_wrong() -> None:
    found = checkup.machine(now=datetime(1970, 1, 1, tzinfo=UTC), unknown_variables=())
    assert "clock" in {one.check for one in found if one.level is Level.WRONG}


def test_what_a_setting_needs_must_be_installed() -> None:
    assert checkup.packages(["diptych"]) == []
    assert levels(checkup.packages(["there_is_no_such_package"])) == {Level.WRONG}
