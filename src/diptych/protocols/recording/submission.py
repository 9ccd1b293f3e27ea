"""Submissions: entries for one log, under the signature of a writer that the log has registered.

COSE_Sign1 with ES256 (RFC 9052 4.2). Sending one twice does no harm: an entry stands once, and its receipt is given
again. Who is registered is the log's configuration; keeping entries is left to `roles/log`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto import algorithms
from diptych.crypto.signing import PublicKey, Signer, fingerprint
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import as_array, as_bytes, as_text, as_unsigned
from diptych.formats.cose import sign1
from diptych.formats.cose.sign1 import UnverifiedSign1
from diptych.formats.tlog.entry import ENTRY_BYTES, ActorClass, ActType, Entry, parse_entry

PATH = "/entries"
MEDIA_TYPE = "application/vnd.diptych.submission+cbor"
VERSION = 1
MAX_ENTRIES = 256
MAX_BYTES = MAX_ENTRIES * ENTRY_BYTES + 1024
FINGERPRINT_BYTES = 32

_PURPOSE = b"diptych submission 1"
"""External data of the signature: nothing else that a writer's key signs can pass for a submission."""


@dataclass(frozen=True)
class Writer:
    """A registered writer: its key, and the actor classes in whose name it records."""

    public_key: PublicKey
    actors: Collection[ActorClass]


@dataclass(frozen=True)
class UnverifiedSubmission:
    """A well-formed submission whose signature nobody has checked yet."""

    unverified_origin: str
    unverified_writer: bytes
    unverified_entries: tuple[Entry, ...]
    signature: UnverifiedSign1

    def encode(self) -> bytes:
        """The exact inverse of `parse_submission`."""
        return self.signature.encode()


@dataclass(frozen=True)
class VerifiedSubmission:
    """Entries that a registered writer submits to this log. `encoded` are the bytes of each, as they came."""

    writer: bytes
    entries: tuple[Entry, ...]
    encoded: tuple[bytes, ...]


def writer_fingerprint(public_key: PublicKey) -> bytes:
    """SHA-256 of the key's SubjectPublicKeyInfo: the name by which submissions and configuration call a writer."""
    return fingerprint(public_key)


def sign_submission(entries: Sequence[Entry], *, origin: str, signer: Signer) -> UnverifiedSubmission:
    """The submission of 1 to `MAX_ENTRIES` entries to the log called `origin`."""
    writer = writer_fingerprint(signer.public_key)
    data = b"".join(entry.encode() for entry in entries)
    _check_count(len(entries))
    payload = cbor.encode([VERSION, origin, writer, data])
    return UnverifiedSubmission(
        origin, writer, tuple(entries), sign1.sign(payload, signer=signer, external_aad=_PURPOSE)
    )


def parse_submission(data: bytes) -> UnverifiedSubmission:
    """A well-formed submission, or `FormatError`."""
    if len(data) > MAX_BYTES:
        raise FormatError("recording.size", f"a submission has at most {MAX_BYTES} bytes")
    signature = sign1.parse(data)
    if signature.unverified_payload is None:
        raise FormatError("recording.payload", "the entries are missing from their signature")
    if signature.unprotected:
        raise FormatError("recording.header", "a submission's signature has no unprotected header")
    version, origin, writer, entries = as_array(cbor.decode(signature.unverified_payload), "recording", length=4)
    if as_unsigned(version, "recording.version") != VERSION:
        raise FormatError("recording.version", f"only version {VERSION} is known here")
    named = as_bytes(writer, "recording.writer")
    if len(named) != FINGERPRINT_BYTES:
        raise FormatError("recording.writer", f"a writer is named by {FINGERPRINT_BYTES} bytes")
    found = UnverifiedSubmission(
        as_text(origin, "recording.origin"),
        named,
        _parse_entries(as_bytes(entries, "recording.entries")),
        signature,
    )
    if found.encode() != data:
        raise FormatError("recording.canonical", "not the one encoding of this submission")
    return found


def verify_submission(
    unverified: UnverifiedSubmission, *, writers: Mapping[bytes, Writer], expected_origin: str, now: datetime
) -> VerifiedSubmission:
    """The entries, once all of this holds:

    1. it names a writer that is registered here (else `Refused`);
    2. that writer's key signed it, as a submission, with an algorithm that is still accepted;
    3. it is meant for this log;
    4. each entry names an actor in whose name this writer may record, and none is a label tree, which the log alone
       makes (else `Refused`).
    """
    # 1.
    writer = writers.get(unverified.unverified_writer)
    if writer is None:
        raise Refused("recording.writer", "this log does not know that writer's key: register it first")
    # 2.
    algorithms.check_accepted((algorithms.ES256,), now=now)
    sign1.verify(unverified.signature, writer.public_key, external_aad=_PURPOSE)
    # 3.
    if unverified.unverified_origin != expected_origin:
        raise VerificationError("recording.origin", "the submission is meant for another log")
    # 4.
    if not all(entry.actor in writer.actors for entry in unverified.unverified_entries):
        raise Refused("recording.actor", "this writer does not record in that actor's name")
    if any(entry.act_type is ActType.LABEL_TREE for entry in unverified.unverified_entries):
        raise Refused("recording.act", "the log makes its label trees itself")
    entries = unverified.unverified_entries
    return VerifiedSubmission(unverified.unverified_writer, entries, tuple(entry.encode() for entry in entries))


def _parse_entries(data: bytes) -> tuple[Entry, ...]:
    count, rest = divmod(len(data), ENTRY_BYTES)
    if rest:
        raise FormatError("recording.entries", f"entries have {ENTRY_BYTES} bytes each")
    _check_count(count)
    return tuple(parse_entry(data[at : at + ENTRY_BYTES]) for at in range(0, len(data), ENTRY_BYTES))


def _check_count(count: int) -> None:
    if not 0 < count <= MAX_ENTRIES:
        raise FormatError("recording.entries", f"a submission has 1 to {MAX_ENTRIES} entries")
