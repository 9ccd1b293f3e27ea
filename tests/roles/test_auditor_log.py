"""The audit of a log: whole logs verify; whatever is touched is found, named, and shown to whoever asks."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from diptych.errors import FormatError, Refused, Unavailable, VerificationError
from diptych.formats.tlog import evidence as proofs
from diptych.formats.tlog import tree
from diptych.formats.tlog.act import Act, commit
from diptych.formats.tlog.checkpoint import Checkpoint, SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.evidence import FilesDisagree, ForeignEntry, Fork, Refusal, parse_evidence, verify_evidence
from diptych.formats.tlog.policy import Policy, parse_policy
from diptych.formats.tlog.proof import parse_proof, verify_receipt
from diptych.private import Personal
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.auditor.log_audit import audit
from diptych.roles.auditor.log_reader import open_log
from diptych.roles.auditor.model import Report
from tests.formats.tlog_specimen import (
    ORIGIN,
    POLICY,
    checkpoint_of,
    cosigned,
    files_of,
    log_files,
    signed_by_the_log,
)
from tests.vectors_folder import published

ISSUED = Act(
    ActType.ISSUED,
    date(2026, 11, 24),
    ActorClass.ISSUER,
    Personal({"type": "driving-licence", "count": 2, "credentials": bytes(32)}),
)


def acts(count: int) -> list[bytes]:
    return [
        commit(ISSUED, entropy=os.urandom).entry(policy_hash=POLICY.digest, label=os.urandom(32)).encode()
        for _ in range(count)
    ]


ENTRIES = acts(700)
LOG = log_files(ENTRIES)


def audited(
    files: Mapping[str, bytes], *, seen: list[SignedCheckpoint] | None = None, policy: Policy = POLICY
) -> Report:
    return audit(MemoryLogFiles(files), policy=policy, seen=seen or [])


def refused(
    files: Mapping[str, bytes], check: str, *, seen: list[SignedCheckpoint] | None = None, policy: Policy = POLICY
) -> Report:
    """The audit finds `check`, and its evidence survives the journey to a third party."""
    report = audited(files, seen=seen, policy=policy)
    assert report.failure is not None
    assert report.failure.check == check, report.failure
    if report.evidence is not None:
        data = proofs.encode_evidence(report.evidence)
        assert parse_evidence(data) == report.evidence
        assert verify_evidence(parse_evidence(data), policy=policy).check == check
    return report


def flipped(data: bytes, position: int) -> bytes:
    damaged = bytearray(data)
    damaged[position] ^= 1
    return bytes(damaged)


# Whole logs


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 700])
def test_a_whole_log_verifies(size: int) -> None:
    report = audited(log_files(ENTRIES[:size]))
    assert report.is_verified, report.failure
    assert (report.size, report.checked, report.origin) == (size, size, ORIGIN)
    assert dict(report.acts) == ({ActType.ISSUED: size} if size else {})
    assert report.root == tree.root_of(ENTRIES[:size])


def test_a_log_with_three_levels_of_tiles_verifies() -> None:
    entries = [i.to_bytes(3, "big") for i in range(256 * 256 + 300)]
    files = log_files(entries)
    assert "tile/2/000.p/1" in files
    report = audited(files)
    assert report.is_verified, report.failure
    assert report.other_entries == len(entries)
    refused({**files, "tile/2/000.p/1": bytes(32)}, "tlog.tile")
    refused({**files, "tile/1/000": flipped(files["tile/1/000"], 8000)}, "tlog.tile")


def test_a_log_verifies_where_nobody_lists_its_files() -> None:
    assert audit(MemoryLogFiles(LOG, is_listed=False), policy=POLICY).is_verified


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    audit(MemoryLogFiles(LOG), policy=POLICY, progress=lambda checked, size: told.append((checked, size)))
    assert told == [(256, 700), (512, 700), (700, 700)]


def test_a_log_that_has_grown_past_its_checkpoint_verifies() -> None:
    """Partial tiles are gone once full ones stand there; what is beyond the checkpoint is nobody's word yet."""
    older = {**files_of(ENTRIES), "checkpoint": cosigned(checkpoint_of(ENTRIES[:300])).encode()}
    older["tile/1/000.p/1"] = files_of(ENTRIES[:300])["tile/1/000.p/1"]
    report = audited(older)
    assert report.is_verified, report.failure
    assert report.checked == 300
    assert report.unsigned_files > 0


def test_every_partial_tile_ever_written_is_checked() -> None:
    files = {**files_of(ENTRIES[:10]), **files_of(ENTRIES[:300]), **LOG}
    assert audited(files).is_verified
    for path in ("tile/0/000.p/10", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000.p/10"):
        assert path in files
        report = refused(
            {**files, path: flipped(files[path], 17)}, "tlog." + ("entry" if "entries" in path else "tile")
        )
        assert report.failure is not None
        assert path in report.failure.message


# Damaged files


def test_a_changed_entry_is_named_with_what_it_contradicts() -> None:
    report = refused({**LOG, "tile/entries/001": flipped(LOG["tile/entries/001"], 105 * 3 + 90)}, "tlog.entry")
    assert report.failure is not None
    assert "entry 259" in report.failure.message
    assert "tile/0/001 agrees with the signed checkpoint" in report.failure.message
    assert isinstance(report.evidence, FilesDisagree)
    assert set(report.evidence.files) == {"tile/entries/001", "tile/0/001"}
    assert report.checked == 256


def test_a_changed_leaf_tile_is_told_from_a_changed_entry() -> None:
    report = refused({**LOG, "tile/0/001": flipped(LOG["tile/0/001"], 3 * 32)}, "tlog.entry")
    assert report.failure is not None
    assert "tile/entries/001 agrees with the signed checkpoint" in report.failure.message


def test_where_both_are_changed_neither_is_believed() -> None:
    files = {**LOG, "tile/0/001": flipped(LOG["tile/0/001"], 3 * 32)}
    files["tile/entries/001"] = flipped(LOG["tile/entries/001"], 105 * 3 + 90)
    report = refused(files, "tlog.entry")
    assert report.failure is not None
    assert "neither leads to the signed checkpoint" in report.failure.message
    del files["tile/0/000"]
    files["tile/entries/000"] = LOG["tile/entries/000"]
    refused(files, "tlog.file.absent")


def test_a_changed_upper_tile_is_named() -> None:
    report = refused({**LOG, "tile/1/000.p/2": flipped(LOG["tile/1/000.p/2"], 33)}, "tlog.tile")
    assert report.failure is not None
    assert "tile/1/000.p/2" in report.failure.message
    assert "tile/0/001" in report.failure.message


def test_a_rewritten_history_is_not_what_was_signed() -> None:
    """Entry, leaf tile and every tile above changed together: only the checkpoint still tells."""
    rewritten = [*ENTRIES[:400], acts(1)[0], *ENTRIES[401:]]
    report = refused({**files_of(rewritten), "checkpoint": LOG["checkpoint"]}, "tlog.root")
    assert isinstance(report.evidence, FilesDisagree)
    assert set(report.evidence.files) == {"tile/0/002.p/188", "tile/1/000.p/2"}


def test_a_missing_file_is_named() -> None:
    for path in LOG:
        report = audited({name: data for name, data in LOG.items() if name != path})
        assert report.failure is not None
        assert report.failure.check == "tlog.file.absent"
        assert path in report.failure.message
        assert report.evidence is None


def test_a_file_of_another_length_is_named() -> None:
    for path in LOG:
        if path == "checkpoint":
            continue
        for damaged in (b"", LOG[path][:-1], LOG[path] + b"\x00"):
            report = audited({**LOG, path: damaged})
            assert report.failure is not None
            assert report.failure.check in ("tlog.bundle", "tlog.tile.length", "log.file.size")
            assert path in report.failure.message


@pytest.mark.parametrize("path", [p for p in LOG if p != "checkpoint"])
def test_flipped_bytes_of_every_file_are_found(path: str) -> None:
    data = LOG[path]
    for position in range(0, len(data), max(1, len(data) // 40)):
        report = audited({**LOG, path: flipped(data, position)})
        assert not report.is_verified
        if report.evidence is not None:
            verify_evidence(report.evidence, policy=POLICY)


def test_every_flipped_byte_of_a_checkpoint_is_found() -> None:
    data = LOG["checkpoint"]
    body = data.index(b"\n\n") + 100
    for position in [*range(body), *range(body, len(data), 61)]:
        report = audited({**LOG, "checkpoint": flipped(data, position)})
        assert report.failure is not None
        assert isinstance(report.evidence, Refusal)
        verify_evidence(report.evidence, policy=POLICY)


# Checkpoints


@pytest.mark.parametrize(
    ("signed", "check"),
    [
        (signed_by_the_log(checkpoint_of(ENTRIES)), "tlog.policy.quorum"),
        (cosigned(checkpoint_of(ENTRIES), witnesses=(2,)), "tlog.policy.quorum"),
        (cosigned(checkpoint_of(ENTRIES, origin="elsewhere.example")), "tlog.policy.origin"),
    ],
)
def test_a_checkpoint_that_the_policy_does_not_accept_is_refused(signed: SignedCheckpoint, check: str) -> None:
    report = refused({**LOG, "checkpoint": signed.encode()}, check)
    assert isinstance(report.evidence, Refusal)
    assert report.size is None


def test_a_log_is_held_against_what_was_seen_before() -> None:
    seen = [cosigned(checkpoint_of(ENTRIES[:size])) for size in (0, 1, 2, 3, 256, 257, 699, 700)]
    report = audited(LOG, seen=seen)
    assert report.is_verified, report.failure
    assert report.earlier_checkpoints == 8


@pytest.mark.parametrize("size", [1, 2, 3, 128, 255, 256, 257, 512, 513, 699, 700])
def test_a_second_history_is_evidence_against_the_log(size: int) -> None:
    other = [*ENTRIES[: size - 1], acts(1)[0]]
    report = refused(LOG, "tlog.fork", seen=[signed_by_the_log(checkpoint_of(other))])
    assert isinstance(report.evidence, Fork)
    assert report.evidence.first.checkpoint.size == size
    # Who was only told of both needs no file of the log to be convinced.
    assert verify_evidence(report.evidence, policy=POLICY).check == "tlog.fork"


def test_an_empty_log_with_a_root_is_a_fork_too() -> None:
    refused(LOG, "tlog.fork", seen=[signed_by_the_log(Checkpoint(ORIGIN, 0, bytes(32)))])


def test_nobody_is_accused_of_a_fork_that_is_none() -> None:
    honest = signed_by_the_log(checkpoint_of(ENTRIES[:300]))
    node = tree.memory_nodes([tree.leaf_hash(entry) for entry in ENTRIES])
    proof = tree.build_consistency_proof(300, 700, node)
    current = cosigned(checkpoint_of(ENTRIES))
    forged = SignedCheckpoint(
        replace(honest.checkpoint, root=bytes(32)),
        replace(honest.note, text=replace(honest.checkpoint, root=bytes(32)).encode()),
    )
    true_root = honest.checkpoint.root
    elsewhere = cosigned(checkpoint_of(ENTRIES[:300], origin="elsewhere.example"))
    empty = signed_by_the_log(checkpoint_of([]))
    for accusation in (
        Fork(honest, current, true_root, proof),
        Fork(honest, current, bytes(32), proof),
        Fork(honest, current, bytes(32), ()),
        Fork(forged, current, true_root, proof),
        Fork(elsewhere, current, true_root, proof),
        Fork(current, honest, true_root, proof),
        Fork(empty, current, bytes(32), ()),
    ):
        with pytest.raises(VerificationError):
            verify_evidence(accusation, policy=POLICY)


def test_other_evidence_that_shows_nothing_is_refused() -> None:
    signed = cosigned(checkpoint_of(ENTRIES))
    receipt = open_log(MemoryLogFiles(LOG), policy=POLICY).receipt(5)
    for accusation in (
        Refusal(LOG["checkpoint"]),
        FilesDisagree(signed, {path: LOG[path] for path in ("tile/entries/001", "tile/0/001")}),
        FilesDisagree(signed, {path: LOG[path] for path in ("tile/0/001", "tile/1/000.p/2")}),
        FilesDisagree(signed, {path: LOG[path] for path in ("tile/0/002.p/188", "tile/1/000.p/2")}),
        ForeignEntry(receipt),
        ForeignEntry(replace(receipt, extra=b"no act")),
    ):
        with pytest.raises(VerificationError):
            verify_evidence(accusation, policy=POLICY)


def test_a_log_behind_what_it_signed_is_named() -> None:
    shorter = log_files(ENTRIES[:500])
    refused(shorter, "tlog.stale", seen=[signed_by_the_log(checkpoint_of(ENTRIES))])


def test_a_strangers_checkpoint_is_not_held_against_the_log() -> None:
    stranger = cosigned(checkpoint_of(ENTRIES, origin="elsewhere.example"))
    refused(LOG, "tlog.policy.origin", seen=[stranger])


def test_two_logs_of_one_policy_are_not_confused() -> None:
    other = signed_by_the_log(checkpoint_of(ENTRIES[:2]))
    folder = published("tlog/15-leaf-log")
    vkey = (folder / "vkey.txt").read_text().strip()
    both = parse_policy(f"log {POLICY.logs[0].key.encode()}\nlog {vkey}\nquorum none\n".encode())
    foreign = parse_signed_checkpoint((folder / "checkpoint.2").read_bytes())
    report = audited(LOG, seen=[other, foreign], policy=both)
    assert report.failure is not None
    assert report.failure.check == "tlog.checkpoint.origin"


def test_kept_checkpoints_are_checked_under_their_names() -> None:
    kept = {f"checkpoint.{size}": cosigned(checkpoint_of(ENTRIES[:size])).encode() for size in (0, 7, 300)}
    assert audited({**LOG, **kept}).earlier_checkpoints == 3
    refused({**LOG, **kept, "checkpoint.8": kept["checkpoint.7"]}, "tlog.checkpoint.name")
    forked = signed_by_the_log(checkpoint_of([*ENTRIES[:6], b"other"]))
    refused({**LOG, **kept, "checkpoint.7": forked.encode()}, "tlog.fork")
    report = audited({**LOG, **kept, "checkpoint.7": flipped(kept["checkpoint.7"], -10)})
    assert report.failure is not None
    assert report.failure.check in ("tlog.signature", "tlog.note.signature")
    assert "checkpoint.7" in report.failure.message


def test_files_that_are_not_the_logs_are_left_alone() -> None:
    assert audited({**LOG, "vkey.txt": b"anything", "checkpoint.json": b"{}", "tile/README": b""}).is_verified


# Entries


def test_a_log_of_acts_holds_nothing_else() -> None:
    entries = [*ENTRIES[:300], b"Max Mustermann was here", *ENTRIES[300:310]]
    report = refused(log_files(entries), "tlog.acts")
    assert isinstance(report.evidence, ForeignEntry)
    assert report.evidence.receipt.index == 300
    assert report.other_entries == 1


# A source that does not hold still


class ChangingFiles(MemoryLogFiles):
    """Answers the second question about a path with other bytes."""

    def __init__(self, files: Mapping[str, bytes], path: str, then: bytes) -> None:
        super().__init__(files)
        self._path, self._then, self._asked = path, then, False

    def read(self, path: str, *, max_bytes: int) -> bytes | None:
        if path == self._path:
            if self._asked:
                return self._then
            self._asked = True
        return super().read(path, max_bytes=max_bytes)


def test_files_that_change_while_they_are_read_accuse_nobody() -> None:
    then = bytes(8192)
    with pytest.raises(Unavailable, match=r"log\.files\.changed"):
        audit(
            ChangingFiles(LOG, "tile/0/001", then),
            policy=POLICY,
            seen=[signed_by_the_log(checkpoint_of(ENTRIES[:300]))],
        )
    # The tile above says already what the second answer will be: together they would show nothing.
    upper = LOG["tile/1/000.p/2"][:32] + tree.subtree_root(then)
    with pytest.raises(Unavailable, match=r"log\.files\.changed"):
        audit(ChangingFiles({**LOG, "tile/1/000.p/2": upper}, "tile/0/001", then), policy=POLICY)


# Reading a little


def test_receipts_and_consistency_proofs_come_out_of_files() -> None:
    log = open_log(MemoryLogFiles(LOG, is_listed=False), policy=POLICY)
    for index in (0, 255, 256, 699):
        receipt = parse_proof(log.receipt(index).encode())
        assert verify_receipt(receipt, policy=POLICY).entry == ENTRIES[index]
    for size in (1, 256, 300, 700):
        old_root, proof = log.consistency_proof(size)
        assert old_root == tree.root_of(ENTRIES[:size])
        assert len(proof) <= 12
    with pytest.raises(Refused, match=r"tlog\.inclusion\.index"):
        log.receipt(700)
    for size in (0, 701):
        with pytest.raises(Refused, match=r"tlog\.consistency\.sizes"):
            log.consistency_proof(size)


@pytest.mark.parametrize(
    ("path", "replacement"),
    [
        ("tile/entries/001", flipped(LOG["tile/entries/001"], 105 * 3 + 90)),
        ("tile/0/001", flipped(LOG["tile/0/001"], 0)),
        ("tile/1/000.p/2", flipped(LOG["tile/1/000.p/2"], 0)),
        ("tile/0/001", LOG["tile/0/001"][:-1]),
        ("tile/entries/001", LOG["tile/entries/001"][:-1]),
        ("tile/0/001", None),
        ("checkpoint", None),
    ],
    ids=["entry", "leaf hash", "node", "short hashes", "short entries", "no hashes", "no checkpoint"],
)
def test_no_receipt_is_made_out_of_damaged_files(path: str, replacement: bytes | None) -> None:
    files = {name: data for name, data in {**LOG, path: replacement}.items() if data is not None}
    with pytest.raises((VerificationError, FormatError)):
        open_log(MemoryLogFiles(files), policy=POLICY).receipt(259)


# The published log


def test_the_published_log_verifies_and_every_tampering_of_it_fails() -> None:
    folder = published("tlog/15-leaf-log")
    vkey = (folder / "vkey.txt").read_text().strip()
    policy = parse_policy(f"log {vkey}\nquorum none\n".encode())
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "vkey.txt"
    }
    report = audited(files, policy=policy)
    assert report.is_verified, report.failure
    assert (report.size, report.checked, report.earlier_checkpoints) == (15, 15, 16)
    for path, data in files.items():
        for position in range(0, len(data), 1 if path.endswith(("checkpoint", "15")) else 5):
            damaged = audited({**files, path: flipped(data, position)}, policy=policy)
            assert damaged.failure is not None, (path, position)
            assert path in damaged.failure.message, (path, position, damaged.failure)
            assert damaged.evidence is None or verify_evidence(damaged.evidence, policy=policy)
        for cut in (data[:-1], data + b"\x00", b""):
            assert not audited({**files, path: cut}, policy=policy).is_verified, path
