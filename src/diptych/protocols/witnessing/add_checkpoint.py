"""The `add-checkpoint` call: its request, its answers, and what a log may believe of an answer.

How a witness decides is left to `decision`; sending is left to adapters. `sign-subtree` is not offered.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from diptych.errors import FormatError, Refused, Unavailable, VerificationError
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.cosignature import VerifiedSignature, verify_signature
from diptych.formats.tlog.lines import decode_decimal, decode_hash, decode_text, encode_base64
from diptych.formats.tlog.note import (
    MAX_NOTE_BYTES,
    NoteSignature,
    VerifierKey,
    encode_signatures,
    parse_signatures,
)
from diptych.formats.tlog.tree import MAX_PROOF_HASHES

PATH = "/add-checkpoint"
TEXT_MEDIA_TYPE = "text/plain; charset=utf-8"
SIZE_MEDIA_TYPE = "text/x.tlog.size"
MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 4096  # 63 proof lines and the old size
MAX_ANSWER_BYTES = MAX_NOTE_BYTES


class Status(IntEnum):
    """The HTTP statuses that the specification gives a meaning."""

    COSIGNED = 200
    NONSENSE = 400
    UNSIGNED = 403
    UNKNOWN_LOG = 404
    OTHER_SIZE = 409
    INCONSISTENT = 422


@dataclass(frozen=True)
class AddCheckpoint:
    """A log asks for cosignatures on `checkpoint`, proven to follow the one of `old_size`. Unverified."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: SignedCheckpoint

    def encode(self) -> bytes:
        """The exact inverse of `parse_add_checkpoint`."""
        lines = (f"old {self.old_size}", *map(encode_base64, self.proof), "")
        return "".join(line + "\n" for line in lines).encode() + self.checkpoint.encode()


@dataclass(frozen=True)
class Answer:
    """What a witness sends back."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True)
class Cosigned:
    """The witness's cosignatures, verified; `lines` go into the log's checkpoint, all others were dropped."""

    signatures: tuple[VerifiedSignature, ...]
    lines: tuple[NoteSignature, ...]


@dataclass(frozen=True)
class OtherSize:
    """The witness says that it cosigned this size last. Its word alone: the log compares it with what it signed."""

    size: int


def parse_add_checkpoint(data: bytes) -> AddCheckpoint:
    """The request in `data`, or `FormatError`. Nothing about it is verified."""
    text = decode_text(data, "witnessing.request", max_bytes=MAX_REQUEST_BYTES)
    head, empty_line, note = text.partition("\n\n")
    old, *lines = head.split("\n")
    if not empty_line or not old.startswith("old "):
        raise FormatError(
            "witnessing.request", "an old size line, a proof, an empty line and a checkpoint are expected"
        )
    if len(lines) > MAX_PROOF_HASHES:
        raise FormatError("witnessing.request.proof", f"more than {MAX_PROOF_HASHES} proof lines")
    return AddCheckpoint(
        old_size=decode_decimal(old.removeprefix("old "), "witnessing.request.old"),
        proof=tuple(decode_hash(line, "witnessing.request.proof") for line in lines),
        checkpoint=parse_signed_checkpoint(note.encode()),
    )


def answer_cosigned(lines: Sequence[NoteSignature]) -> Answer:
    """The cosignatures. The new checkpoint is durably kept before this is sent."""
    return Answer(Status.COSIGNED, TEXT_MEDIA_TYPE, encode_signatures(lines).encode())


def answer_other_size(size: int) -> Answer:
    """The old size is not that of the checkpoint cosigned last, which is `size`."""
    return Answer(Status.OTHER_SIZE, SIZE_MEDIA_TYPE, f"{size}\n".encode())


def answer_refusal(status: Status, message: str) -> Answer:
    """Any other refusal; the message is for people."""
    return Answer(status, TEXT_MEDIA_TYPE, f"{message}\n".encode())


def read_answer(answer: Answer, *, checkpoint: SignedCheckpoint, keys: Sequence[VerifierKey]) -> Cosigned | OtherSize:
    """What the log may believe of a witness's answer to `checkpoint`; `keys` are the witness's, as configured.

    `VerificationError` for an answer without a cosignature by any of `keys`, or with one that does not verify;
    `Refused` where the witness refuses; `Unavailable` for any other status.
    """
    if answer.status == Status.COSIGNED:
        return _read_cosignatures(answer.body, checkpoint, keys)
    if answer.status == Status.OTHER_SIZE:
        return _read_size(answer)
    if answer.status in (Status.NONSENSE, Status.UNSIGNED, Status.UNKNOWN_LOG, Status.INCONSISTENT):
        raise Refused("witnessing.refused", f"the witness refuses the checkpoint with status {answer.status}")
    raise Unavailable("witnessing.status", f"the witness answers with status {answer.status}: try again later")


def checkpoint_path(origin: str) -> str:
    """Where a witness serves the last checkpoint of a log that it cosigned ("Monitor Retrieval Mechanism")."""
    return f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"


def _read_cosignatures(body: bytes, checkpoint: SignedCheckpoint, keys: Sequence[VerifierKey]) -> Cosigned:
    lines = parse_signatures(decode_text(body, "witnessing.answer", max_bytes=MAX_ANSWER_BYTES))
    # "The client MUST ignore any cosignatures from unknown keys."
    known = [(line, key) for line in lines for key in keys if line.is_from(key)]
    verified = tuple(verify_signature(line, checkpoint=checkpoint.checkpoint, key=key) for line, key in known)
    if not verified:
        raise VerificationError("witnessing.unknown_key", "the witness answers with no cosignature of its known keys")
    # "the timestamp MUST NOT be zero"
    if not all(signature.is_observation for signature in verified):
        raise VerificationError("witnessing.timestamp", "the witness did not date its cosignature")
    return Cosigned(verified, tuple(line for line, _ in known))


def _read_size(answer: Answer) -> OtherSize:
    if answer.media_type.partition(";")[0].strip().lower() != SIZE_MEDIA_TYPE:
        raise FormatError("witnessing.answer.size", f"an answer of another size has the type {SIZE_MEDIA_TYPE}")
    text = decode_text(answer.body, "witnessing.answer.size", max_bytes=64)
    return OtherSize(decode_decimal(text[:-1], "witnessing.answer.size"))
