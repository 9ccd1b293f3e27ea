"""`diptych log` as an auditor meets it: verify, show, prove, evidence, and what is said when a log does not hold."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from diptych.app import House
from diptych.cli.main import application
from diptych.errors import DiptychError, FormatError, VerificationError
from diptych.formats.tlog.evidence import parse_evidence, verify_evidence
from diptych.formats.tlog.proof import parse_proof, verify_receipt
from tests.formats.tlog_specimen import POLICY, checkpoint_of, log_files, signed_by_the_log
from tests.roles.test_auditor_log import acts
from tests.vectors_folder import published

ENTRIES = acts(300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, data in log_files(ENTRIES).items():
        (tmp_path / "log" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "log" / path).write_bytes(data)
    (tmp_path / "policy").write_bytes(POLICY.encode())
    return tmp_path


def run(folder: Path, command: str, *arguments: str | Path) -> Result:
    words = ["log", command, str(folder / "log"), "--policy", str(folder / "policy"), *map(str, arguments)]
    return CliRunner().invoke(application, words, obj=House())


def answer(outcome: Result, *, exit_code: int = 0) -> dict[str, Any]:  # whatever JSON the command prints
    if isinstance(outcome.exception, DiptychError):
        raise outcome.exception
    assert outcome.exit_code == exit_code, outcome.output
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def test_a_log_verifies(folder: Path) -> None:
    found = answer(run(folder, "verify", "--json"))
    assert found == {
        "ok": True,
        "size": 300,
        "root": checkpoint_of(ENTRIES).encode().splitlines()[2],
        "checked": 300,
        "failure": None,
        "evidence_path": None,
    }
    more = answer(run(folder, "verify", "--json", "--details"))
    assert found.items() <= more.items()
    assert more["acts"] == {"issued": 300}
    prose = run(folder, "verify")
    assert prose.exit_code == 0
    assert "all 300 entries verify" in prose.stdout


def test_the_published_log_verifies(folder: Path) -> None:
    log = published("tlog/15-leaf-log")
    (folder / "policy").write_text(f"log {(log / 'vkey.txt').read_text().strip()}\nquorum none\n")
    words = ["log", "verify", str(log), "--policy", str(folder / "policy"), "--json", "--details"]
    found = answer(CliRunner().invoke(application, words, obj=House()))
    assert (found["ok"], found["size"], found["earlier_checkpoints"]) == (True, 15, 16)


def test_every_file_of_the_published_log_tampered_with_ends_with_1(tmp_path: Path) -> None:
    original = published("tlog/15-leaf-log")
    (tmp_path / "policy").write_text(f"log {(original / 'vkey.txt').read_text().strip()}\nquorum none\n")
    log = tmp_path / "log"
    shutil.copytree(original, log)
    (log / "vkey.txt").unlink()
    for path in sorted(path for path in log.rglob("*") if path.is_file()):
        honest = path.read_bytes()
        path.write_bytes(honest[:-3] + bytes([honest[-3] ^ 1]) + honest[-2:])
        found = answer(run(tmp_path, "verify", "--json", "--evidence", tmp_path / "evidence"), exit_code=1)
        assert found["ok"] is False
        assert path.relative_to(log).as_posix() in found["failure"]
        path.write_bytes(honest)
    assert answer(run(tmp_path, "verify", "--json"))["ok"] is True


def test_a_damaged_log_ends_with_1_and_evidence(folder: Path) -> None:
    tile = folder / "log" / "tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    found = answer(run(folder, "verify", "--json", "--evidence", folder / "evidence"), exit_code=1)
    assert found["ok"] is False
    assert found["failure"].startswith("tlog.entry: entry 0: tile/entries/000 has ")
    path = Path(found["evidence_path"])
    assert path.parent == folder / "evidence"
    assert verify_evidence(parse_evidence(path.read_bytes()), policy=POLICY).check == "tlog.entry"
    prose = run(folder, "verify", "--evidence", folder / "evidence")
    assert prose.exit_code == 1
    assert "tile/entries/000 agrees with the signed checkpoint" in prose.stdout

    words = ["log", "evidence", str(path), "--policy", str(folder / "policy"), "--json"]
    shown = answer(CliRunner().invoke(application, words, obj=House()))
    assert shown["check"] == "tlog.entry"


def test_a_missing_file_leaves_no_evidence(folder: Path) -> None:
    (folder / "log" / "tile/0/000").unlink()
    found = answer(run(folder, "verify", "--json"), exit_code=1)
    assert set(found) == {"ok", "size", "root", "checked", "failure", "evidence_path"}
    assert found["failure"] == "tlog.file.absent: tile/0/000 is missing"
    assert found["evidence_path"] is None


def test_a_fork_is_found_with_a_checkpoint_from_elsewhere(folder: Path) -> None:
    other = folder / "other"
    other.write_bytes(signed_by_the_log(checkpoint_of([*ENTRIES[:99], acts(1)[0]])).encode())
    found = answer(run(folder, "verify", "--json", "--seen", other, "--evidence", folder), exit_code=1)
    assert found["failure"].startswith("tlog.fork: ")
    # The evidence convinces without the log, and accuses nobody under another policy.
    words = ["log", "evidence", found["evidence_path"], "--policy"]
    assert CliRunner().invoke(application, [*words, str(folder / "policy")], obj=House()).exit_code == 0
    (folder / "stranger").write_text("quorum none\n")
    outcome = CliRunner().invoke(application, [*words, str(folder / "stranger")], obj=House())
    assert isinstance(outcome.exception, VerificationError)


def test_a_receipt_is_proven_and_serves_as_a_checkpoint_seen(folder: Path) -> None:
    receipt = folder / "receipt.tlog-proof"
    found = answer(run(folder, "prove", "--index", "299", "--out", receipt, "--json"))
    assert found["path"] == str(receipt)
    assert verify_receipt(parse_proof(receipt.read_bytes()), policy=POLICY).entry == ENTRIES[299]
    assert answer(run(folder, "verify", "--json", "--details", "--seen", receipt))["earlier_checkpoints"] == 1
    assert run(folder, "prove", "--index", "299").stdout.encode() == receipt.read_bytes()


def test_a_consistency_proof_is_printed(folder: Path) -> None:
    found = answer(run(folder, "prove", "--from", "256", "--json"))
    assert (found["old_size"], found["size"]) == (256, 300)
    assert run(folder, "prove", "--from", "256").stdout.split() == found["proof"]


def test_checkpoint_and_entries_are_shown(folder: Path) -> None:
    found = answer(run(folder, "show", "--json"))
    assert found["size"] == 300
    assert len(found["signatures"]) == 6
    entry = answer(run(folder, "show", "--index", "17", "--json"))
    assert (entry["act"], entry["day"], entry["actor"]) == ("issued", "2026-11-24", "issuer")
    assert "ML-DSA-44" in run(folder, "show").stdout


@pytest.mark.parametrize("arguments", [(), ("--index", "1", "--from", "1")])
def test_prove_wants_one_thing(folder: Path, arguments: tuple[str, ...]) -> None:
    assert run(folder, "prove", *arguments).exit_code == 2


def test_what_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "policy").unlink()
    outcome = run(folder, "verify")
    assert isinstance(outcome.exception, FormatError)
    assert outcome.exception.check == "log.read"
