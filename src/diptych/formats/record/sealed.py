"""The sealed record as the registry stores it, and its one encoding. It says nothing about the person.

How it is made and opened is left to `sealing`; where the trustees' masks go is left to `protocols/depositing`.
"""

from dataclasses import dataclass, field

from diptych.crypto import hpke, sealing
from diptych.crypto.sharing import SHARE_BYTES
from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, as_array, as_bytes, as_unsigned
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    as_code,
    as_exactly,
    as_fingerprint,
    as_members,
    parse_payload,
)
from diptych.formats.mandate.trustee_set import MIN_THRESHOLD, check_indices
from diptych.formats.padding import SIZE_CLASSES

SUITE = 1
MAX_NUMBER = 2**32 - 1
MAX_BYTES = SIZE_CLASSES[-1] + 400 * 1024
HASH_BYTES = 32

_CHECK = "record"
_MEMBERS = ("suite", "id", "number", "predecessor", "sealer", "retention", "quorum", "agency", "sealed")
_ENVELOPE_BYTES = frozenset(SHARE_BYTES + overhead for overhead in hpke.OVERHEAD_BYTES.values())


@dataclass(frozen=True)
class ShareSlot:
    """One trustee's place in the quorum header: the hash of its share, and the masked share sealed to its key."""

    index: int
    trustee: bytes
    share_hash: bytes
    envelope: bytes = field(repr=False)


@dataclass(frozen=True)
class Spare:
    """An index for a trustee to come, and the hash that its share will have."""

    index: int
    share_hash: bytes


@dataclass(frozen=True)
class QuorumHeader:
    """Any `threshold` of the shares give S_quorum. `epoch` is that of the trustee set."""

    threshold: int
    epoch: int
    shares: tuple[ShareSlot, ...]
    spares: tuple[Spare, ...]

    def hash_of(self, index: int) -> bytes:
        """The hash of the share at that index, a trustee's or a spare; `FormatError` where there is none."""
        places: tuple[ShareSlot | Spare, ...] = (*self.shares, *self.spares)
        for place in places:
            if place.index == index:
                return place.share_hash
        raise FormatError("record.index", "no share of this record has that index")

    def slot_of(self, index: int) -> ShareSlot:
        """The place of that index; `FormatError` where there is none."""
        for slot in self.shares:
            if slot.index == index:
                return slot
        raise FormatError("record.index", "no trustee of this record has that index")


@dataclass(frozen=True)
class AgencyHalf:
    """S_agency, sealed to the agency's opening key. `key` is the SHA-256 of that public key."""

    key: bytes
    envelope: bytes = field(repr=False)


@dataclass(frozen=True)
class SealedRecord:
    """One version of a record. Its hash is the digest of its statement."""

    record_id: bytes
    number: int
    predecessor: bytes | None
    sealer: bytes
    retention: str
    quorum: QuorumHeader
    agency: AgencyHalf
    sealed: bytes = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.sealer

    def encode(self) -> bytes:
        """The exact inverse of `parse_sealed_record`."""
        return cbor.encode(
            {
                "version": VERSION,
                "suite": SUITE,
                "id": self.record_id,
                "number": self.number,
                "predecessor": self.predecessor,
                "sealer": self.sealer,
                "retention": self.retention,
                "quorum": _quorum_to_cbor(self.quorum),
                "agency": {"key": self.agency.key, "envelope": self.agency.envelope},
                "sealed": self.sealed,
            }
        )


def parse_sealed_record(payload: bytes) -> SealedRecord:
    """The record in a payload, or `FormatError`. Nothing in it is verified, nothing opened."""
    suite, record_id, number, predecessor, sealer, retention, quorum, agency, sealed = parse_payload(
        payload, _CHECK, _MEMBERS
    )
    if as_unsigned(suite, "record.suite") != SUITE:
        raise FormatError("record.suite", f"unknown suite: only suite {SUITE} is accepted")
    body = as_bytes(sealed, _CHECK)
    sealing.check_sealed(body)
    if len(body) - sealing.OVERHEAD_BYTES not in SIZE_CLASSES:
        raise FormatError("record.size", "a record is padded to a size class")
    agency_key, agency_envelope = as_members(agency, _CHECK, ("key", "envelope"))
    return SealedRecord(
        as_exactly(record_id, RECORD_ID_BYTES, _CHECK),
        *as_version(number, predecessor, _CHECK),
        as_fingerprint(sealer, _CHECK),
        as_code(retention, _CHECK),
        _as_quorum(quorum),
        AgencyHalf(as_fingerprint(agency_key, _CHECK), as_envelope(agency_envelope, _CHECK)),
        body,
    )


SEALED_RECORD = Kind("diptych record 1", parse_sealed_record, max_bytes=MAX_BYTES)


def as_version(number: CborValue, predecessor: CborValue, check: str) -> tuple[int, bytes | None]:
    """A version's number and its predecessor's hash, which all but the first have."""
    found = as_unsigned(number, check)
    if not 0 < found <= MAX_NUMBER or (found == 1) != (predecessor is None):
        raise FormatError(f"{check}.number", "versions count from 1, and all but the first have a predecessor")
    return found, None if predecessor is None else as_fingerprint(predecessor, check)


def as_envelope(value: CborValue, check: str) -> bytes:
    """`value` if it has the shape of an HPKE envelope of 32 bytes."""
    envelope = as_bytes(value, check)
    hpke.check_sealed(envelope)
    if len(envelope) not in _ENVELOPE_BYTES:
        raise FormatError(check, "an envelope holds 32 bytes")
    return envelope


def _quorum_to_cbor(quorum: QuorumHeader) -> dict[str, CborValue]:
    return {
        "threshold": quorum.threshold,
        "epoch": quorum.epoch,
        "shares": [
            {"index": slot.index, "trustee": slot.trustee, "hash": slot.share_hash, "envelope": slot.envelope}
            for slot in quorum.shares
        ],
        "spares": [{"index": spare.index, "hash": spare.share_hash} for spare in quorum.spares],
    }


def _as_quorum(value: CborValue) -> QuorumHeader:
    threshold, epoch, shares, spares = as_members(value, _CHECK, ("threshold", "epoch", "shares", "spares"))
    found = QuorumHeader(
        as_unsigned(threshold, _CHECK),
        as_unsigned(epoch, _CHECK),
        tuple(_as_slot(share) for share in as_array(shares, _CHECK)),
        tuple(_as_spare(spare) for spare in as_array(spares, _CHECK)),
    )
    check_indices([slot.index for slot in found.shares], [spare.index for spare in found.spares])
    if not MIN_THRESHOLD <= found.threshold <= len(found.shares):
        raise FormatError("record.threshold", "a threshold is from 2 to the number of trustees")
    if len({slot.trustee for slot in found.shares}) != len(found.shares):
        # Two shares for one key would be a quorum of fewer trustees than it says.
        raise FormatError("record.trustees", "two shares are sealed to one key")
    return found


def _as_slot(value: CborValue) -> ShareSlot:
    index, trustee, share_hash, envelope = as_members(value, _CHECK, ("index", "trustee", "hash", "envelope"))
    return ShareSlot(
        as_unsigned(index, _CHECK),
        as_fingerprint(trustee, _CHECK),
        as_fingerprint(share_hash, _CHECK),
        as_envelope(envelope, _CHECK),
    )


def _as_spare(value: CborValue) -> Spare:
    index, share_hash = as_members(value, _CHECK, ("index", "hash"))
    return Spare(as_unsigned(index, _CHECK), as_fingerprint(share_hash, _CHECK))
