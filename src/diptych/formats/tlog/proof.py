"""Proofs that an entry is in a log (c2sp.org/tlog-proof), verified offline under a policy.

What the entry means is left to `entry`; a receipt is a proof whose extra data are the entry itself.
"""

from dataclasses import dataclass

from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.lines import (
    decode_base64,
    decode_decimal,
    decode_hash,
    decode_text,
    encode_base64,
)
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, verify_checkpoint

HEADER = "c2sp.org/tlog-proof@v1"
MAX_EXTRA_BYTES = 0xFFFF
MAX_PROOF_BYTES = MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES


@dataclass(frozen=True)
class LogProof:
    """An index, its inclusion proof and a checkpoint. Unverified; `extra` is authenticated by nothing here."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: SignedCheckpoint
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The exact inverse of `parse_proof`."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines += [f"index {self.index}", *map(encode_base64, self.path), ""]
        return "".join(line + "\n" for line in lines).encode() + self.checkpoint.encode()


@dataclass(frozen=True)
class VerifiedInclusion:
    """A leaf that stands at `index` under a checkpoint that the policy accepts."""

    index: int
    leaf_hash: bytes
    checkpoint: VerifiedCheckpoint


@dataclass(frozen=True)
class VerifiedReceipt:
    """An entry that stands in the log: its bytes, and where."""

    entry: bytes
    inclusion: VerifiedInclusion


def parse_proof(data: bytes) -> LogProof:
    """The proof in `data`, or `FormatError`. Nothing about it is verified."""
    text = decode_text(data, "tlog.proof", max_bytes=MAX_PROOF_BYTES)
    head, empty_line, note = text.partition("\n\n")
    if not empty_line:
        raise FormatError("tlog.proof", "no empty line between proof and checkpoint")
    header, *lines = head.split("\n")
    if header != HEADER:
        raise FormatError("tlog.proof", f"the first line is not {HEADER}")
    extra: bytes | None = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "), "tlog.proof.extra")
        # "If no extra data is present, this line is omitted."
        if not 0 < len(extra) <= MAX_EXTRA_BYTES:
            raise FormatError("tlog.proof.extra", f"extra data have 1 to {MAX_EXTRA_BYTES} bytes")
    if not lines or not lines[0].startswith("index "):
        raise FormatError("tlog.proof.index", "the index line is missing")
    index = decode_decimal(lines.pop(0).removeprefix("index "), "tlog.proof.index")
    if len(lines) > tree.MAX_PROOF_HASHES:
        raise FormatError("tlog.proof.path", f"more than {tree.MAX_PROOF_HASHES} hashes")
    path = tuple(decode_hash(line, "tlog.proof.path") for line in lines)
    return LogProof(index, path, parse_signed_checkpoint(note.encode()), extra)


def verify_proof(proof: LogProof, *, expected_leaf: bytes, policy: Policy) -> VerifiedInclusion:
    """The inclusion of leaf hash `expected_leaf` (tlog-proof, "Verifying a tlog proof"), or `VerificationError`.

    1. The caller computed the leaf hash from what it knows, not from the proof.
    2. A log that the policy knows signed the checkpoint.
    3. Witnesses that the policy knows make up its quorum.
    4. The inclusion proof leads from the leaf to the checkpoint's root.
    """
    # 2. and 3.
    verified = verify_checkpoint(proof.checkpoint, policy=policy)
    # 4.
    tree.verify_inclusion(
        expected_leaf,
        index=proof.index,
        proof=proof.path,
        size=verified.checkpoint.size,
        expected_root=verified.checkpoint.root,
    )
    return VerifiedInclusion(proof.index, expected_leaf, verified)


def build_receipt(entry: bytes, *, index: int, path: tuple[bytes, ...], checkpoint: SignedCheckpoint) -> LogProof:
    """The receipt of an entry: the proof that carries the entry as its extra data."""
    return LogProof(index, path, checkpoint, extra=entry)


def verify_receipt(receipt: LogProof, *, policy: Policy) -> VerifiedReceipt:
    """The entry that the receipt carries, if it stands in the log. Whether it is the expected act is not checked."""
    if receipt.extra is None:
        raise VerificationError("tlog.receipt.entry", "the receipt does not carry its entry")
    leaf = tree.leaf_hash(receipt.extra)
    return VerifiedReceipt(receipt.extra, verify_proof(receipt, expected_leaf=leaf, policy=policy))
