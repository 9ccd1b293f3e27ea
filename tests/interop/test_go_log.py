"""Go's own transparency-log code (golang.org/x/mod) verifies a log that we wrote, in a program without any of it."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from diptych.adapters.tile_folder import TileFolder
from diptych.formats.tlog.lines import encode_base64
from diptych.protocols.reading.files import read_checkpoint
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.auditor.log_reader import LogReader
from tests.formats.tlog_specimen import LOG_SIGNERS, WITNESS_SIGNERS, checkpoint_of, signer
from tests.interop.peers import GO_PATH, HERE, TIMEOUT_SECONDS, require_go
from tests.log_world import POLICY, World, entries

reader = pytest.mark.peer("golang.org/x/mod", role="reader of our log")

OLD, SIZE = 300, 70_001


@dataclass(frozen=True)
class Question:
    """What the program is asked to verify: our log's folder, keys, and proofs that we made."""

    program: Path
    folder: Path
    log_key: str
    witness_key: str
    old: Path
    proof: Path
    receipts: tuple[Path, ...]

    def ask(self) -> subprocess.CompletedProcess[str]:
        words = (self.folder, self.log_key, self.witness_key, self.old, self.proof, *self.receipts)
        command = [str(self.program), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built from Debian's packages alone, without a network."""
    go = require_go()
    folder = tmp_path_factory.mktemp("go")
    environment = {"GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    subprocess.run(
        [go, "build", "-o", str(folder / "checklog"), "."],
        cwd=HERE / "go" / "checklog",
        env={**os.environ, **environment},
        check=True,
        timeout=300,
    )
    return folder / "checklog"


@pytest.fixture(scope="module")
def written(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Question:
    """A log of three levels of tiles, grown in unequal steps, with an old checkpoint, a proof and receipts."""
    beside = tmp_path_factory.mktemp("log")
    world = World(files=TileFolder(beside / "public"))
    receipts = list(world.append(*entries(0, OLD)).receipts)
    old = receipts[0].checkpoint
    for start in range(OLD, SIZE, 4000):
        receipts += world.log.append(entries(start, min(start + 4000, SIZE)), now=world.now).receipts
    chosen = [beside / f"{index}.tlog-proof" for index in (0, 255, 256, OLD, 65_535, 65_536, SIZE - 1)]
    for path in chosen:
        path.write_bytes(receipts[int(path.stem)].encode())
    files = {
        p.relative_to(beside / "public").as_posix(): p.read_bytes()
        for p in (beside / "public").rglob("*")
        if p.is_file()
    }
    now = read_checkpoint(MemoryLogFiles(files), policy=POLICY)
    _, proof = LogReader(MemoryLogFiles(files), now, POLICY).consistency_proof(OLD)
    (beside / "old").write_bytes(old.encode())
    (beside / "proof").write_text("".join(f"{encode_base64(item)}\n" for item in proof))
    return Question(
        program,
        beside / "public",
        LOG_SIGNERS[0].verifier_key.encode(),
        WITNESS_SIGNERS[0][0].verifier_key.encode(),
        beside / "old",
        beside / "proof",
        tuple(chosen),
    )


def refused(question: Question, by: str) -> None:
    done = question.ask()
    assert (done.returncode, done.stdout) == (1, "")
    assert by in done.stderr


def changed(path: Path, beside: Path, position: int = -10) -> Path:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    (beside / path.name).write_bytes(data)
    return beside / path.name


@reader
def test_note_tiles_entries_inclusion_and_consistency_of_our_log_verify(written: Question) -> None:
    done = written.ask()
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["size"], found["entries"], found["old_size"], found["receipts"]) == (SIZE, SIZE, OLD, 7)
    assert found["origin"] == LOG_SIGNERS[0].name


@reader
def test_a_checkpoint_of_another_key_or_without_the_witness_is_refused(written: Question) -> None:
    stranger = signer(LOG_SIGNERS[0].name, LOG_SIGNERS[0].signature_type)
    other = replace(stranger, signer=WITNESS_SIGNERS[0][0].signer).verifier_key.encode()
    refused(replace(written, log_key=other), "checkpoint")
    absent = replace(WITNESS_SIGNERS[0][0], name="witness.elsewhere.example/w").verifier_key.encode()
    refused(replace(written, witness_key=absent), "the witness has not cosigned")


@reader
def test_an_old_checkpoint_of_another_history_and_a_false_proof_are_refused(written: Question, tmp_path: Path) -> None:
    forked = World()
    forked.log.append(entries(1, OLD + 1), now=forked.now)
    published = forked.log.published
    assert published is not None
    assert published.checkpoint.root != checkpoint_of(entries(0, OLD)).root
    (tmp_path / "old").write_bytes(published.signed.encode())
    refused(replace(written, old=tmp_path / "old"), "consistency")
    (tmp_path / "proof").write_text("".join(written.proof.read_text().splitlines(keepends=True)[1:]))
    refused(replace(written, proof=tmp_path / "proof"), "consistency")


@reader
def test_a_receipt_of_another_entry_or_place_is_refused(written: Question, tmp_path: Path) -> None:
    text = written.receipts[1].read_text()
    for name, damaged in (
        ("place", text.replace("index 255", "index 254")),
        ("entry", text.replace(text.splitlines()[1], written.receipts[0].read_text().splitlines()[1])),
    ):
        (tmp_path / name).write_text(damaged)
        refused(replace(written, receipts=(tmp_path / name,)), f"receipt {name}")


@reader
@pytest.mark.parametrize(
    "path", ["tile/0/000", "tile/1/000", "tile/2/000.p/1", "tile/entries/000", "tile/entries/273.p/113", "checkpoint"]
)
def test_a_flipped_bit_in_our_files_is_found(written: Question, path: str, tmp_path: Path) -> None:
    shutil.copytree(written.folder, tmp_path / "log")
    changed(written.folder / path, (tmp_path / "log" / path).parent, 7)
    refused(replace(written, folder=tmp_path / "log"), "checkpoint" if path == "checkpoint" else "entries")
