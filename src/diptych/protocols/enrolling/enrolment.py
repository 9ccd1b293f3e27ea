"""An enrolment or a correction, as the officer's workstation sends it to the registry.

Tags, duplicates and storing are left to `roles/registry`, and whether the officer may enrol to `certifying`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, as_array, as_bytes
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    UnverifiedStatement,
    VerifiedStatement,
    as_code,
    as_exactly,
    as_fingerprint,
    as_line,
    parse_payload,
)
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.formats.record.content import CHAIN_BYTES, LookupValues, lookups_from_cbor, lookups_to_cbor
from diptych.formats.record.sealed import MAX_BYTES as MAX_RECORD_BYTES
from diptych.formats.record.sealed import SEALED_RECORD, SealedRecord
from diptych.private import Secret
from diptych.protocols.depositing.deposit import (
    ACKNOWLEDGEMENT,
    Acknowledgement,
    RecordVersion,
    verify_acknowledgement,
)

MAX_SEEN = 1000

_CHECK = "enrolment"
_MEMBERS = ("officer", "record", "type", "reason", "chain", "lookups", "seen", "acknowledgements")


@dataclass(frozen=True)
class Enrolment:
    """A signed record with all that the registry needs to store, find and log it. All parts unverified.

    `seen`: records that matched and that the officer judged to be other people's. `lookups` and `chain` are secrets of
    the registry's: who has them can find the person's acts, and nothing about the person.
    """

    officer: bytes
    record: UnverifiedStatement[SealedRecord]
    document_type: str
    reason: str | None
    chain: Secret | None = field(repr=False)
    lookups: LookupValues = field(repr=False)
    seen: tuple[bytes, ...]
    acknowledgements: tuple[UnverifiedStatement[Acknowledgement], ...]

    @property
    def signer(self) -> bytes:
        return self.officer

    def encode(self) -> bytes:
        """The exact inverse of `parse_enrolment`."""
        return cbor.encode(
            {
                "version": VERSION,
                "officer": self.officer,
                "record": self.record.encode(),
                "type": self.document_type,
                "reason": self.reason,
                "chain": None if self.chain is None else self.chain.reveal(),
                "lookups": lookups_to_cbor(self.lookups),
                "seen": list(self.seen),
                "acknowledgements": [acknowledgement.encode() for acknowledgement in self.acknowledgements],
            }
        )


def verify_enrolment(
    enrolment: UnverifiedStatement[Enrolment], *, officer_key: PublicKey, trustees: TrusteeSet, now: datetime
) -> VerifiedStatement[Enrolment]:
    """The enrolment, once all of this holds:

    1. the officer signed it, and the record in it;
    2. the record is sealed to this trustee set and to no other key;
    3. every trustee of the set acknowledged a deposit for it.
    """
    # 1.
    verified = ENROLMENT.verify(enrolment, officer_key, now=now)
    content = verified.content
    SEALED_RECORD.verify(content.record, officer_key, now=now)
    # 2.
    check_sealed_to(content.record.unverified, trustees)
    # 3.
    if len(content.acknowledgements) != len(trustees.trustees):
        raise VerificationError("enrolment.acknowledgements", "one acknowledgement of each trustee is needed")
    for acknowledgement, trustee in zip(content.acknowledgements, trustees.trustees, strict=True):
        verify_acknowledgement(
            acknowledgement, trustee_key=trustee.signer, expected_version=RecordVersion.of(content.record), now=now
        )
    return verified


def check_sealed_to(record: SealedRecord, trustees: TrusteeSet) -> None:
    """`VerificationError` unless these are the keys, the threshold and the epoch that the record is sealed to."""
    quorum = record.quorum
    expected = (trustees.threshold, trustees.epoch, trustees.spares)
    if (quorum.threshold, quorum.epoch, tuple(spare.index for spare in quorum.spares)) != expected:
        raise VerificationError(
            "record.quorum", "the record has another threshold, epoch or spares than the trustee set"
        )
    holders = tuple((trustee.index, trustee.key_id) for trustee in trustees.trustees)
    if tuple((slot.index, slot.trustee) for slot in quorum.shares) != holders:
        raise VerificationError("record.trustees", "the record is sealed to other keys than the trustee set's")
    if record.agency.key != trustees.agency_key_id:
        raise VerificationError("record.agency", "the record's other half is sealed to another key than the agency's")


def check_opens_with(record: SealedRecord, trustees: TrusteeSet) -> None:
    """`VerificationError` unless the trustees of this set have the shares of the record: each is the one that its place
    is sealed to, or took a spare share since."""
    quorum = record.quorum
    if quorum.epoch == trustees.epoch:
        check_sealed_to(record, trustees)
        return
    if quorum.epoch > trustees.epoch or quorum.threshold != trustees.threshold:
        raise VerificationError("record.quorum", "the record is of a later trustee set, or has another threshold")
    sealed_to = {slot.index: slot.trustee for slot in quorum.shares}
    spares = {spare.index for spare in quorum.spares}
    for trustee in trustees.trustees:
        if trustee.index not in spares and sealed_to.get(trustee.index) != trustee.key_id:
            raise VerificationError("record.trustees", "the record is sealed to other keys than the trustee set's")
    if record.agency.key != trustees.agency_key_id:
        raise VerificationError("record.agency", "the record's other half is sealed to another key than the agency's")


def parse_enrolment(payload: bytes) -> Enrolment:
    """The enrolment in a payload, or `FormatError`."""
    officer, record, document_type, reason, chain, lookups, seen, acknowledgements = parse_payload(
        payload, _CHECK, _MEMBERS
    )
    found = Enrolment(
        as_fingerprint(officer, _CHECK),
        SEALED_RECORD.parse(as_bytes(record, _CHECK)),
        as_code(document_type, _CHECK),
        None if reason is None else as_line(reason, _CHECK),
        None if chain is None else Secret(as_exactly(chain, CHAIN_BYTES, _CHECK)),
        lookups_from_cbor(as_array(lookups, _CHECK), _CHECK),
        _as_ids(as_array(seen, _CHECK)),
        tuple(ACKNOWLEDGEMENT.parse(as_bytes(item, _CHECK)) for item in as_array(acknowledgements, _CHECK)),
    )
    content = found.record.unverified
    if content.sealer != found.officer:
        raise FormatError("enrolment.sealer", "the record is another officer's")
    if (content.number == 1) != (found.chain is not None) or (content.number == 1) != (found.reason is None):
        raise FormatError("enrolment.chain", "the first version brings a label chain, every later one a reason")
    return found


ENROLMENT = Kind("diptych enrolment 1", parse_enrolment, max_bytes=MAX_RECORD_BYTES + 256 * 1024)


def _as_ids(values: Sequence[CborValue]) -> tuple[bytes, ...]:
    ids = tuple(as_exactly(value, RECORD_ID_BYTES, _CHECK) for value in values)
    if len(ids) > MAX_SEEN or list(ids) != sorted(set(ids)):
        raise FormatError("enrolment.seen", f"at most {MAX_SEEN} record ids, ascending, each once")
    return ids
