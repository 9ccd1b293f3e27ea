"""How a trustee decides on deposits, confirmations and erasure: checks in their order, old state in, new state out.

Pure. Storing the new state, and deleting prekeys and masks in the same transaction, is left to `roles/trustee`.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from diptych.crypto.hpke import Recipient
from diptych.errors import Conflict, FormatError, Refused, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.officer import OfficerRevocation, Role
from diptych.formats.record.sealing import unmask_share
from diptych.formats.tlog.act import Act
from diptych.formats.tlog.entry import ActType
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.shown_act import VerifiedShownAct
from diptych.private import Secret
from diptych.protocols.certifying.officers import WAITING_TIME, HonouredOfficer, check_officer
from diptych.protocols.depositing.deposit import DEPOSIT, Deposit, RecordVersion, open_deposit
from diptych.protocols.depositing.erasure import ERASURE_ORDER, ErasureOrder

MAX_STEPS = 4096
"""How far ahead of the element that is kept a label is looked for: no record has more acts between two openings."""

_ERASERS = frozenset((Role.ERASE,))


@dataclass(frozen=True)
class TrusteeIdentity:
    """Who this trustee is in an epoch."""

    signer: bytes
    epoch: int
    index: int
    recipient: Recipient


@dataclass(frozen=True)
class HeldDeposit:
    """A deposit that was acknowledged and that no act has confirmed yet."""

    version: RecordVersion
    retention: str
    epoch: int
    index: int
    share_hash: bytes
    mask: Secret = field(repr=False)
    chain: ChainElement | None
    digest: bytes


@dataclass(frozen=True)
class HeldRecord:
    """What a trustee keeps of a record: its latest confirmed version, and an element of its label chain.

    `mask` is None once the record was erased. `envelope` is there where the record has none for this trustee: it took
    its share as a newcomer (`protocols/replacing`), and keeps the masked share itself.
    """

    version: RecordVersion
    retention: str
    epoch: int
    index: int
    share_hash: bytes
    mask: Secret | None = field(repr=False)
    chain: ChainElement
    envelope: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class OfferedPrekey:
    """A prekey that was given to one officer. `recipient` opens what is sealed to it."""

    officer: bytes
    expires: datetime
    recipient: Recipient


def decide_deposit(
    deposit: UnverifiedStatement[Deposit],
    *,
    identity: TrusteeIdentity,
    officer: HonouredOfficer | None,
    revocation: OfficerRevocation | None,
    prekey: OfferedPrekey | None,
    held: HeldRecord | None,
    now: datetime,
    waiting_time: timedelta = WAITING_TIME,
) -> HeldDeposit:
    """What is stored and acknowledged, once all of this holds:

    1. the officer may enrol, or correct; 2. and signed it;
    3. it is meant for this trustee, in its epoch and at its index;
    4. its prekey was given to this officer, has not expired and was not used;
    5. the version is the first of an unknown record, or follows the latest;
    6. the envelope opens, and unmasked it is the share that the record promises.
    """
    content = deposit.unverified
    version = content.version
    # 1.
    roles = frozenset((Role.ENROL if version.number == 1 else Role.CORRECT,))
    honoured = check_officer(officer, revocation=revocation, roles=roles, now=now, waiting_time=waiting_time)
    # 2.
    verified = DEPOSIT.verify(deposit, honoured.certificate.officer_key, now=now)
    # 3.
    expected = (identity.signer, identity.epoch, identity.index)
    if (content.trustee, content.epoch, content.index) != expected:
        raise VerificationError("deposit.trustee", "it is meant for another trustee, epoch or index")
    # 4.
    if prekey is None or prekey.officer != content.officer:
        raise Conflict("deposit.prekey", "its prekey is unknown, used or another officer's: ask for a new one")
    if prekey.expires <= now:
        raise Conflict("deposit.prekey_expired", "its prekey has expired: ask for a new one")
    # 5.
    secrets = open_deposit(content, prekey=prekey.recipient)
    _check_follows(version, held)
    if (version.number == 1) != (secrets.chain is not None):
        raise FormatError("deposit.chain", "the first version brings the record's label chain, and no other does")
    # 6.
    unmask_share(
        content.envelope,
        mask=secrets.mask,
        recipient=identity.recipient,
        record_id=version.record_id,
        number=version.number,
        epoch=content.epoch,
        index=content.index,
        share_hash=content.share_hash,
    )
    return HeldDeposit(
        version,
        content.retention,
        content.epoch,
        content.index,
        content.share_hash,
        secrets.mask,
        None if secrets.chain is None else ChainElement(secrets.chain),
        verified.digest,
    )


def decide_confirmation(deposit: HeldDeposit, shown: VerifiedShownAct, *, held: HeldRecord | None) -> HeldRecord:
    """The record as it stands from now on, once the act that commits to the deposited version was shown.

    1. The version still follows the latest.
    2. The act is its enrolment or correction.
    3. Its label is on the record's chain: the very first of a new one.
    """
    version = deposit.version
    # 1.
    _check_follows(version, held)
    # 2.
    _check_act(shown.act, version)
    # 3.
    if held is None:
        assert deposit.chain is not None
        chain = deposit.chain
        if shown.entry.label != chain.label:
            raise VerificationError("deposit.label", "the enrolment stands under another label than the record's first")
    else:
        chain = element_of(shown.entry.label, held.chain, check="deposit.label")
    return HeldRecord(version, deposit.retention, deposit.epoch, deposit.index, deposit.share_hash, deposit.mask, chain)


def is_confirmed(version: RecordVersion, held: HeldRecord | None) -> bool:
    """Whether this very version is the latest: then a confirmation says nothing new."""
    return held is not None and held.version == version


def decide_erasure(
    order: UnverifiedStatement[ErasureOrder],
    *,
    officer: HonouredOfficer | None,
    revocation: OfficerRevocation | None,
    held: HeldRecord | None,
    now: datetime,
    waiting_time: timedelta = WAITING_TIME,
) -> HeldRecord:
    """The record without its mask, once an officer who may erase ordered it for the latest version."""
    content = order.unverified
    honoured = check_officer(officer, revocation=revocation, roles=_ERASERS, now=now, waiting_time=waiting_time)
    ERASURE_ORDER.verify(order, honoured.certificate.officer_key, now=now)
    if held is None or held.version.record_id != content.record_id:
        raise Refused("erasure.record", "no record of that id is held here")
    if held.version.record_hash != content.record_hash:
        raise Refused("erasure.superseded", "the order names another version than the latest")
    return replace(held, mask=None, envelope=None)


def element_of(label: bytes, kept: ChainElement, *, check: str) -> ChainElement:
    """The element that makes this label, at most `MAX_STEPS` ahead of the one that is kept."""
    for element in kept.forward():
        if element.label == label:
            return element
        if element.counter >= kept.counter + MAX_STEPS:
            break
    raise VerificationError(check, "the label is not on this record's chain")


def _check_follows(version: RecordVersion, held: HeldRecord | None) -> None:
    if held is None:
        if version.number != 1:
            raise Conflict("deposit.order", "an earlier version is not confirmed here yet")
        return
    if held.version.record_id != version.record_id:
        raise ValueError("what is held is another record")
    if held.mask is None:
        raise Refused("deposit.erased", "this record was erased")
    if version.number <= held.version.number:
        raise Conflict("deposit.confirmed", "a version of that number is confirmed already")
    if version.number != held.version.number + 1 or version.predecessor != held.version.record_hash:
        raise Conflict("deposit.order", "this version does not follow the latest one")


def _check_act(act: Act, version: RecordVersion) -> None:
    details = act.details.reveal()
    if version.number == 1:
        is_its_act = act.act_type is ActType.ENROLLED and details["record"] == version.record_hash
    else:
        found = (details.get("record"), details.get("number"), details.get("predecessor"))
        expected = (version.record_hash, version.number, version.predecessor)
        is_its_act = act.act_type is ActType.CORRECTED and found == expected
    if not is_its_act:
        raise VerificationError("deposit.act", "the act that was shown commits to another version or record")
