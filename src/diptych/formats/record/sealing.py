"""Sealing a record under two halves, and opening it with both: the agency's, and one that k of n trustees share.

Pure but for what HPKE draws. Who may open, and what must be public first, is left to `protocols/opening`; the masks and
the chain that travel to the trustees are left to `protocols/depositing`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.crypto import hpke, sealing, sharing
from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import Signer
from diptych.errors import VerificationError
from diptych.formats import cbor
from diptych.formats.cose.statement import RECORD_ID_BYTES, UnverifiedStatement
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.formats.record.content import RecordContent, parse_content
from diptych.formats.record.sealed import (
    SEALED_RECORD,
    AgencyHalf,
    QuorumHeader,
    SealedRecord,
    ShareSlot,
    Spare,
)
from diptych.private import Secret

MASK_BYTES = sharing.SHARE_BYTES

_TAG = "diptych record 1"


@dataclass(frozen=True)
class Predecessor:
    """The version that a new one replaces."""

    record_id: bytes
    number: int
    record_hash: bytes


@dataclass(frozen=True)
class FreshlySealed:
    """A signed record, and what must travel elsewhere and be forgotten: a mask for each trustee, by index."""

    signed: UnverifiedStatement[SealedRecord]
    masks: Mapping[int, Secret] = field(repr=False)


def seal_record(
    content: RecordContent,
    *,
    trustees: TrusteeSet,
    retention: str,
    signer: Signer,
    sealer: bytes,
    predecessor: Predecessor | None,
    entropy: Entropy,
) -> FreshlySealed:
    """The content under fresh halves that nobody keeps, as the first version or the one after `predecessor`."""
    record_id = entropy(RECORD_ID_BYTES) if predecessor is None else predecessor.record_id
    number = 1 if predecessor is None else predecessor.number + 1
    quorum_half, agency_half = Secret(entropy(sharing.SECRET_BYTES)), Secret(entropy(sharing.SECRET_BYTES))
    masks = {trustee.index: Secret(entropy(MASK_BYTES)) for trustee in trustees.trustees}
    shares = sharing.split(
        quorum_half, threshold=trustees.threshold, indices=(*masks, *trustees.spares), entropy=entropy
    )
    place = _Place(record_id, number, trustees.epoch)
    hashes = {index: place.share_hash(share, index) for index, share in shares.items()}
    record = SealedRecord(
        record_id,
        number,
        None if predecessor is None else predecessor.record_hash,
        sealer,
        retention,
        QuorumHeader(
            trustees.threshold,
            trustees.epoch,
            tuple(
                ShareSlot(
                    trustee.index,
                    trustee.key_id,
                    hashes[trustee.index],
                    hpke.seal(
                        trustee.recipient,
                        _xor(shares[trustee.index], masks[trustee.index]).reveal(),
                        info=place.envelope_info(trustee.index, hashes[trustee.index]),
                    ),
                )
                for trustee in trustees.trustees
            ),
            tuple(Spare(index, hashes[index]) for index in trustees.spares),
        ),
        AgencyHalf(
            trustees.agency_key_id,
            hpke.seal(trustees.agency_key, agency_half.reveal(), info=place.agency_info()),
        ),
        sealing.seal(
            _key(quorum_half, agency_half, place), content.encode_padded(), context=place.context(), entropy=entropy
        ),
    )
    return FreshlySealed(SEALED_RECORD.sign(record, signer=signer), masks)


def open_record(record: SealedRecord, *, shares: Mapping[int, Secret], agency_half: Secret) -> RecordContent:
    """The content, from at least `threshold` shares that `check_share` let pass and the agency's half.

    `Refused` "sharing.too_few"; `VerificationError` "sharing.inconsistent" when the shares are not all of one secret,
    as only a sealer that lied can make them; "record.key" when the agency's half is false or the sealer lied about it;
    `FormatError` when what was sealed is no content.
    """
    place = _Place.of(record)
    quorum_half = sharing.combine(shares, threshold=record.quorum.threshold)
    try:
        padded = sealing.open_sealed(_key(quorum_half, agency_half, place), record.sealed, context=place.context())
    except VerificationError as error:
        raise VerificationError(
            "record.key", "the two halves are not those that the record was sealed under"
        ) from error
    return parse_content(padded)


def check_share(record: SealedRecord, share: Secret, *, index: int) -> None:
    """`VerificationError` "sharing.share_hash" unless this is the share of that index in this record."""
    place = _Place.of(record)
    sharing.check_share(share, expected_hash=record.quorum.hash_of(index), context=place.share_context(index))


def unmask_share(
    envelope: bytes,
    *,
    mask: Secret,
    recipient: Recipient,
    record_id: bytes,
    number: int,
    epoch: int,
    index: int,
    share_hash: bytes,
) -> Secret:
    """A trustee's share, from its envelope and its mask, checked against the hash that it kept.

    `VerificationError` "hpke.open" when the envelope is not its own for this record; "sharing.share_hash" when what is
    in it is no share of this record.
    """
    place = _Place(record_id, number, epoch)
    masked = Secret(recipient.open_sealed(envelope, info=place.envelope_info(index, share_hash)))
    share = _xor(masked, mask)
    sharing.check_share(share, expected_hash=share_hash, context=place.share_context(index))
    return share


def mask_share(
    record: SealedRecord, share: Secret, *, index: int, recipient: bytes, entropy: Entropy
) -> tuple[Secret, bytes]:
    """A new mask for a share that a newcomer took at a spare index, and the envelope of the masked share to its key.

    `VerificationError` "sharing.share_hash" unless it is the share of that index in this record.
    """
    check_share(record, share, index=index)
    place, mask = _Place.of(record), Secret(entropy(MASK_BYTES))
    info = place.envelope_info(index, record.quorum.hash_of(index))
    return mask, hpke.seal(recipient, _xor(share, mask).reveal(), info=info)


def share_context(record: SealedRecord, index: int) -> bytes:
    """What the hash of the share at that index is bound to."""
    return _Place.of(record).share_context(index)


def open_agency_half(envelope: bytes, *, recipient: Recipient, record_id: bytes, number: int, epoch: int) -> Secret:
    """S_agency, at the agency's key service; `VerificationError` "hpke.open" for another record's."""
    opened = recipient.open_sealed(envelope, info=_Place(record_id, number, epoch).agency_info())
    if len(opened) != sharing.SECRET_BYTES:
        raise VerificationError("record.agency_half", "the agency's half has another length")
    return Secret(opened)


@dataclass(frozen=True)
class _Place:
    """The record, version and epoch that everything in a record is bound to."""

    record_id: bytes
    number: int
    epoch: int

    @classmethod
    def of(cls, record: SealedRecord) -> "_Place":
        return cls(record.record_id, record.number, record.quorum.epoch)

    def context(self) -> bytes:
        return cbor.encode([_TAG, self.record_id, self.number])

    def share_context(self, index: int) -> bytes:
        return cbor.encode([_TAG, "share", self.record_id, self.number, self.epoch, index])

    def share_hash(self, share: Secret, index: int) -> bytes:
        return sharing.share_hash(share, context=self.share_context(index))

    def envelope_info(self, index: int, share_hash: bytes) -> bytes:
        return cbor.encode([_TAG, "envelope", self.record_id, self.number, self.epoch, index, share_hash])

    def agency_info(self) -> bytes:
        return cbor.encode([_TAG, "agency", self.record_id, self.number, self.epoch])


def _key(quorum_half: Secret, agency_half: Secret, place: _Place) -> Secret:
    """The DEK. Both halves are 32 bytes, so that no two pairs read alike."""
    both = Secret(quorum_half.reveal() + agency_half.reveal())
    return sealing.derive(both, salt=place.record_id, info=place.context())


def _xor(left: Secret, right: Secret) -> Secret:
    if len(left) != len(right):
        raise VerificationError("record.share", "a masked share has another length than its mask")
    return Secret(bytes(a ^ b for a, b in zip(left.reveal(), right.reveal(), strict=True)))
