"""Checkpoints (c2sp.org/tlog-checkpoint): a log's origin, the size of its tree and the root hash at that size.

Whose signatures count is left to `policy`. Ours carry no extension lines: an ML-DSA-44 signature does not cover them.
"""

from collections.abc import Collection
from dataclasses import dataclass

from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.lines import decode_decimal, decode_hash, encode_base64
from diptych.formats.tlog.note import Note, NoteSignature, VerifierKey, parse_note

MAX_ORIGIN_BYTES = 255  # tlog-cosignature, "ML-DSA-44 signed message": log_origin<1..2^8-1>


@dataclass(frozen=True)
class Checkpoint:
    """What is signed. `extensions` are opaque and nothing here reads them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def encode(self) -> str:
        """The note text, the exact inverse of `parse_checkpoint`."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(line + "\n" for line in lines)


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint as it came, in its note. Unverified: `policy.verify_checkpoint` makes it count."""

    checkpoint: Checkpoint
    note: Note

    def encode(self) -> bytes:
        """The exact inverse of `parse_signed_checkpoint`."""
        return self.note.encode()

    def with_signatures(self, signatures: tuple[NoteSignature, ...]) -> "SignedCheckpoint":
        """The same checkpoint, with `signatures` added, each once."""
        return SignedCheckpoint(self.checkpoint, self.note.with_signatures(signatures))

    def names(self, key: VerifierKey) -> bool:
        """Whether a signature line names that key. Whether it verifies is not checked."""
        return any(signature.is_from(key) for signature in self.note.signatures)

    def only_signed_by(self, keys: Collection[VerifierKey]) -> "SignedCheckpoint":
        """The same checkpoint with the signature lines that name one of `keys`, each once, and no others."""
        kept = [signature for signature in self.note.signatures if any(map(signature.is_from, keys))]
        return SignedCheckpoint(self.checkpoint, Note(self.note.text, tuple(dict.fromkeys(kept))))


def sign(checkpoint: Checkpoint, signatures: tuple[NoteSignature, ...]) -> SignedCheckpoint:
    """The checkpoint under signatures made for it (`cosignature.CheckpointSigner`); at least one."""
    if not signatures:
        raise ValueError("a note has at least one signature")
    return SignedCheckpoint(checkpoint, Note(checkpoint.encode(), signatures))


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text, or `FormatError`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise FormatError("tlog.checkpoint", "at least three lines, none of them empty, are expected")
    origin, size, root, *extensions = lines
    if len(origin.encode()) > MAX_ORIGIN_BYTES:
        raise FormatError("tlog.checkpoint.origin", f"the origin is longer than {MAX_ORIGIN_BYTES} bytes")
    return Checkpoint(
        origin=origin,
        size=decode_decimal(size, "tlog.checkpoint.size"),
        root=decode_hash(root, "tlog.checkpoint.root"),
        extensions=tuple(extensions),
    )


def parse_signed_checkpoint(data: bytes) -> SignedCheckpoint:
    """The checkpoint and its signatures, unverified, or `FormatError`."""
    note = parse_note(data)
    return SignedCheckpoint(parse_checkpoint(note.text), note)


def check_root(checkpoint: Checkpoint) -> None:
    """Raises `VerificationError` where size and root contradict each other without any proof."""
    # tlog-witness, "add-checkpoint": size zero goes with the root of the empty tree, and with no other.
    if (checkpoint.size == 0) != (checkpoint.root == tree.EMPTY_ROOT):
        raise VerificationError("tlog.checkpoint.root", "the empty tree and its root hash belong together")
