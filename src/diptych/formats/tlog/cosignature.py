"""Signatures on checkpoints: the note signature of a log and the timestamped cosignatures (c2sp.org/tlog-cosignature).

Which keys are trusted, and how many of them must have signed, is left to `policy`. Whole trees only: subtree
cosignatures (`start` other than zero) have no checkpoint and are not made here.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from diptych.crypto.log_signing import LogSigner, verify
from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog.checkpoint import Checkpoint
from diptych.formats.tlog.note import NoteSignature, SignatureType, VerifierKey, check_name

TIMESTAMP_BYTES = 8
# tlog-cosignature allows 2^63 - 1; tightened to what a date can be, the end of the year 9999.
MAX_TIMESTAMP = 253_402_300_799


@dataclass(frozen=True)
class VerifiedSignature:
    """A signature that its key has verified. `timestamp` (POSIX seconds) is None in a plain note signature."""

    key: VerifierKey
    timestamp: int | None

    @property
    def is_observation(self) -> bool:
        """Whether it states that this was the largest tree seen at its timestamp: what a witness is asked for."""
        # tlog-cosignature: a timestamp of zero omits that statement.
        return bool(self.timestamp)

    @property
    def time(self) -> datetime | None:
        """The timestamp as a moment."""
        return None if self.timestamp is None else datetime.fromtimestamp(self.timestamp, UTC)


@dataclass(frozen=True)
class CheckpointSigner:
    """One key of a log or a witness under its name: makes signature lines for checkpoints."""

    name: str
    signature_type: SignatureType
    signer: LogSigner

    def __post_init__(self) -> None:
        check_name(self.name, "tlog.signer.name")
        if self.signature_type.algorithm is not self.signer.algorithm:
            raise ValueError("the key is not of the signature type's algorithm")

    @cached_property
    def verifier_key(self) -> VerifierKey:
        """What others are configured with."""
        return VerifierKey(self.name, self.signature_type, self.signer.public_key)

    def sign(self, checkpoint: Checkpoint, *, now: datetime) -> NoteSignature:
        """The signature line for `checkpoint`; `now` goes into cosignatures and is ignored for a note signature."""
        key = self.verifier_key
        if self.signature_type is SignatureType.ED25519:
            return NoteSignature(key.name, key.key_id, self.signer.sign(checkpoint.encode().encode()))
        timestamp = int(now.timestamp())
        if not 0 < timestamp <= MAX_TIMESTAMP:
            raise ValueError("a cosignature says when it was made")
        signature = self.signer.sign(_cosigned_message(checkpoint, key, timestamp))
        return NoteSignature(key.name, key.key_id, struct.pack(">Q", timestamp) + signature)


def verify_signature(signature: NoteSignature, *, checkpoint: Checkpoint, key: VerifierKey) -> VerifiedSignature:
    """Raises `VerificationError` unless `signature` is that of `checkpoint` by `key`, whose name and ID it carries."""
    try:
        timestamp, message, raw = _signed_message(signature, checkpoint, key)
        if len(raw) != key.signature_type.algorithm.signature_bytes:
            raise FormatError("tlog.signature.length", "not a signature of the key's type")
        verify(key.signature_type.algorithm, key.public_key, raw, message)
    except (FormatError, VerificationError) as error:
        raise VerificationError("tlog.signature", f"the signature of {key.name} does not verify") from error
    return VerifiedSignature(key, timestamp)


def _signed_message(
    signature: NoteSignature, checkpoint: Checkpoint, key: VerifierKey
) -> tuple[int | None, bytes, bytes]:
    if key.signature_type is SignatureType.ED25519:
        return None, checkpoint.encode().encode(), signature.signature
    if len(signature.signature) < TIMESTAMP_BYTES:
        raise FormatError("tlog.signature.timestamp", "a cosignature begins with its timestamp")
    timestamp = int.from_bytes(signature.signature[:TIMESTAMP_BYTES], "big")
    if timestamp > MAX_TIMESTAMP:
        raise FormatError("tlog.signature.timestamp", "the timestamp is no date")
    return timestamp, _cosigned_message(checkpoint, key, timestamp), signature.signature[TIMESTAMP_BYTES:]


def _cosigned_message(checkpoint: Checkpoint, key: VerifierKey, timestamp: int) -> bytes:
    if key.signature_type is SignatureType.ED25519_COSIGNATURE:
        # tlog-cosignature, "Ed25519 signed message": the whole note body, extension lines included.
        return f"cosignature/v1\ntime {timestamp}\n{checkpoint.encode()}".encode()
    # tlog-cosignature, "ML-DSA-44 signed message": extension lines are left out.
    return b"".join(
        (
            b"subtree/v1\n\0",
            _opaque(key.name),
            struct.pack(">Q", timestamp),
            _opaque(checkpoint.origin),
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        )
    )


def _opaque(text: str) -> bytes:
    data = text.encode()
    if not 1 <= len(data) <= 255:
        raise FormatError("tlog.signature.name", "names in a cosigned message have 1 to 255 bytes")
    return bytes([len(data)]) + data
