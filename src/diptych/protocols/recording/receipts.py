"""The log's answer to a submission: for each entry its place and path, and the one checkpoint that they all lead to.

Out of it the writer makes a receipt for each entry (c2sp.org/tlog-proof) and verifies it under its own policy: the
log's word counts for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.entry import Entry
from diptych.formats.tlog.lines import decode_decimal, decode_hash, decode_text, encode_base64
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.formats.tlog.policy import Policy, verify_checkpoint
from diptych.formats.tlog.proof import LogProof, build_receipt
from diptych.protocols.recording.submission import MAX_ENTRIES

HEADER = "diptych receipts 1"
MEDIA_TYPE = "text/plain; charset=utf-8"
MAX_BYTES = MAX_NOTE_BYTES + MAX_ENTRIES * (tree.MAX_PROOF_HASHES * 45 + 32)


@dataclass(frozen=True)
class Placed:
    """Where an entry stands, and its inclusion proof. Unverified."""

    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Receipts:
    """The places of entries, in the order in which they were submitted, under one checkpoint. Unverified."""

    places: tuple[Placed, ...]
    checkpoint: SignedCheckpoint

    def encode(self) -> bytes:
        """The exact inverse of `parse_receipts`."""
        lines = [HEADER]
        for place in self.places:
            lines += [f"index {place.index}", *map(encode_base64, place.path)]
        return "".join(line + "\n" for line in (*lines, "")).encode() + self.checkpoint.encode()


def receipts_of(proofs: Sequence[LogProof]) -> Receipts:
    """What is sent for these receipts, which share one checkpoint."""
    return Receipts(tuple(Placed(proof.index, proof.path) for proof in proofs), proofs[0].checkpoint)


def parse_receipts(data: bytes) -> Receipts:
    """The receipts in `data`, or `FormatError`. Nothing about them is verified."""
    text = decode_text(data, "recording.receipts", max_bytes=MAX_BYTES)
    head, empty_line, note = text.partition("\n\n")
    header, *lines = head.split("\n")
    if not empty_line or header != HEADER:
        raise FormatError("recording.receipts", f"a line '{HEADER}', places, an empty line, a checkpoint are expected")
    places: list[tuple[int, list[bytes]]] = []
    for line in lines:
        if line.startswith("index "):
            places.append((decode_decimal(line.removeprefix("index "), "recording.receipts.index"), []))
        elif places and len(places[-1][1]) < tree.MAX_PROOF_HASHES:
            places[-1][1].append(decode_hash(line, "recording.receipts.path"))
        else:
            raise FormatError("recording.receipts", "a hash without an index, or too many of them")
    if not 0 < len(places) <= MAX_ENTRIES:
        raise FormatError("recording.receipts", f"1 to {MAX_ENTRIES} places are expected")
    return Receipts(tuple(Placed(index, tuple(path)) for index, path in places), parse_signed_checkpoint(note.encode()))


def verify_receipts(receipts: Receipts, *, entries: Sequence[Entry], policy: Policy) -> tuple[LogProof, ...]:
    """A receipt for each of the `entries` that were submitted, all verified; `VerificationError` otherwise.

    1. There is one place for each entry.
    2. The policy accepts the checkpoint.
    3. Each path leads from its entry to that checkpoint's root.
    """
    # 1.
    if len(receipts.places) != len(entries):
        raise VerificationError("recording.receipts.count", "the log answers for another number of entries")
    # 2.
    checkpoint = verify_checkpoint(receipts.checkpoint, policy=policy).checkpoint
    # 3.
    found: list[LogProof] = []
    for entry, place in zip(entries, receipts.places, strict=True):
        encoded = entry.encode()
        tree.verify_inclusion(
            tree.leaf_hash(encoded),
            index=place.index,
            proof=place.path,
            size=checkpoint.size,
            expected_root=checkpoint.root,
        )
        found.append(build_receipt(encoded, index=place.index, path=place.path, checkpoint=receipts.checkpoint))
    return tuple(found)
