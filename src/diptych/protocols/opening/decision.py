"""The checklist by which a holder (a trustee, the agency's key service) decides whether it answers an opening request.

Pure: policy, what is kept and what came in; what is kept next out. Keeping it, in one transaction with the answer, is
left to the roles; making the answer to `answer`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from diptych.errors import Refused, Unavailable, VerificationError
from diptych.formats.mandate.attestation import AuditAttestation
from diptych.formats.mandate.court_order import COURT_ORDER
from diptych.formats.mandate.officer import OfficerRevocation, Role
from diptych.formats.tlog.entry import ActType
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.shown_act import VerifiedShownAct, verify_shown_act
from diptych.protocols.certifying.audits import check_audit
from diptych.protocols.certifying.officers import HonouredOfficer, check_officer
from diptych.protocols.depositing.decision import HeldRecord, element_of
from diptych.protocols.opening.policy import HolderPolicy, LegalBasis
from diptych.protocols.opening.request import OPENING_REQUEST, OpeningRequest, Presentation, request_act

SKEW = timedelta(minutes=2)
"""How far an officer's clock may be ahead of the log's."""
LAG = 16
"""How far the kept chain element stays behind the label that was answered: openings may overtake one another."""


@dataclass(frozen=True)
class KnownRecord:
    """What a holder knows of a record: its latest confirmed version and an element of its label chain."""

    record_id: bytes
    number: int
    record_hash: bytes
    chain: ChainElement
    is_erased: bool = False

    @classmethod
    def of(cls, held: HeldRecord) -> "KnownRecord":
        """What a trustee that holds a mask knows."""
        version = held.version
        return cls(version.record_id, version.number, version.record_hash, held.chain, held.mask is None)


@dataclass(frozen=True)
class Deferral:
    """A deferred opening that was answered, and the day on which it is to be disclosed."""

    request: bytes
    record_id: bytes
    entry_hash: bytes
    disclose_on: date


def _none(day: date) -> int:
    return 0


@dataclass(frozen=True)
class HolderState:
    """What is kept that a request is held against.

    `officer_count`, `agency_count`: openings answered on a day of the log's time. `oldest_deferral`: the earliest day
    on which an opening that was answered here is to be disclosed, and was not yet. `is_approved`: whether a person
    approved this request.
    """

    checkpoint: KeptCheckpoint | None
    officer: HonouredOfficer | None
    revocation: OfficerRevocation | None
    record: KnownRecord | None
    attestation: AuditAttestation | None
    officer_count: Callable[[date], int] = _none
    agency_count: Callable[[date], int] = _none
    oldest_deferral: date | None = None
    is_approved: bool = False


@dataclass(frozen=True)
class Granted:
    """Leave to answer, and what is kept with the answer: checkpoint, chain element, a count, a deferral to watch."""

    request: OpeningRequest
    request_digest: bytes
    checkpoint: KeptCheckpoint
    chain: ChainElement
    counted_on: date
    expires_at: datetime
    deferral: Deferral | None


def decide(presentation: Presentation, *, policy: HolderPolicy, state: HolderState) -> Granted:
    """Leave to answer, once all of this holds, in this order (docs/spec/opening.md, "The checklist"). A refusal changes
    nothing. `now` is the log's time.

    1. The officer's certificate is known and not revoked.
    2. The officer signed the request.
    3. The act that makes it public stands under this holder's own policy, in the history that it knows.
    4. By the log's time the certificate stands, and its waiting time is over.
    5. The act is that of this request.
    6. The request is not of the future, became public at once, and has not expired.
    7. The record is held here, and the version is its latest.
    8. The label is on the record's chain (a deferred one is on none).
    9. The legal basis stands, and the officer has its role.
    10. A judicial basis has its court's order, and only that defers.
    11. The day's quotas are not used up.
    12. An audit attestation stands; 13. no disclosure is overdue: neither is asked of citizens' own requests.
    14. A person approved, where the basis wants it (`Unavailable`: the same again later).
    """
    request = presentation.request.unverified
    # 1.
    if state.revocation is not None:
        raise Refused("officer.revoked", "this officer's key was revoked")
    if state.officer is None or state.officer.certificate.officer != request.officer:
        raise Refused("officer.unknown", "this officer's certificate was not shown here: show it first")
    # 2.
    OPENING_REQUEST.verify(
        presentation.request, state.officer.certificate.officer_key, now=_signature_time(request, state)
    )
    # 3.
    shown = verify_shown_act(presentation.shown, policy=policy.log, kept=state.checkpoint)
    now = shown.kept.time
    # 4. and 9., the role
    basis = policy.legal_bases.get(request.legal_basis)
    check_officer(
        state.officer,
        revocation=None,  # 1.
        roles=frozenset(Role) if basis is None else frozenset((basis.role,)),
        now=now,
        waiting_time=policy.waiting_time,
    )
    # 5.
    is_its_day = timedelta(0) <= shown.time.date() - shown.act.day <= timedelta(days=1)
    if not is_its_day or shown.act != request_act(presentation.request, day=shown.act.day):
        raise VerificationError("opening.act", "the act that was shown is not that of this request")
    # 6.
    _check_time(request, shown, policy=policy)
    # 7.
    record = _known(request, state.record)
    # 8.
    element = record.chain
    if not request.is_deferred:
        element = element_of(shown.entry.label, record.chain, check="opening.label")
    # 9.
    if basis is None or not basis.stands_on(now.date()):
        raise Refused("opening.legal_basis", "this holder does not answer on that legal basis")
    # 10.
    _check_court(presentation, basis, now=now)
    # 11.
    if state.officer_count(now.date()) >= policy.officer_quota:
        raise Refused("opening.quota_officer", "this officer's openings of the day are used up")
    if state.agency_count(now.date()) >= policy.agency_quota:
        raise Refused("opening.quota_agency", "the agency's openings of the day are used up")
    if not basis.is_citizens_own:
        # 12.
        check_audit(state.attestation, since=policy.audit_since, grace=policy.audit_grace, now=now)
        # 13.
        if state.oldest_deferral is not None and now.date() > state.oldest_deferral:
            raise Refused("opening.disclosure_overdue", "a deferred opening was to be disclosed, and was not")
    # 14.
    if basis.needs_approval and not state.is_approved:
        raise Unavailable("opening.approval", "a person has to approve this: send the same request again later")
    return Granted(
        request,
        presentation.request.digest,
        shown.kept,
        record.chain.at(max(record.chain.counter, element.counter - LAG)),
        now.date(),
        request.requested_at + policy.lifetime,
        _deferral(presentation, shown),
    )


def check_answered(presentation: Presentation, *, state: HolderState, expires_at: datetime, now: datetime) -> None:
    """Raises unless a request that was answered may be given the same answer again: the officer signed it, was not
    revoked since, and it has not expired. `now` is the log's time."""
    request = presentation.request.unverified
    if state.revocation is not None:
        raise Refused("officer.revoked", "this officer's key was revoked")
    if state.officer is None or state.officer.certificate.officer != request.officer:
        raise Refused("officer.unknown", "this officer's certificate was not shown here: show it first")
    OPENING_REQUEST.verify(presentation.request, state.officer.certificate.officer_key, now=now)
    if now > expires_at:
        raise Refused("opening.expired", "the request has expired: make another")


def decide_disclosure(deferral: Deferral, shown: VerifiedShownAct, *, chain: ChainElement) -> None:
    """Raises unless the act discloses this deferred opening, under a label of its record's chain."""
    details = shown.act.details.reveal()
    found = (shown.act.act_type, details.get("request"), details.get("deferred"))
    if found != (ActType.OPENING_DISCLOSED, deferral.request, deferral.entry_hash):
        raise VerificationError("disclosure.act", "the act that was shown does not disclose this opening")
    element_of(shown.entry.label, chain, check="disclosure.label")


def _signature_time(request: OpeningRequest, state: HolderState) -> datetime:
    """For whether the algorithm is still accepted: the log's time, as far as it is known before the receipt."""
    return max(request.requested_at, state.checkpoint.time) if state.checkpoint else request.requested_at


def _check_time(request: OpeningRequest, shown: VerifiedShownAct, *, policy: HolderPolicy) -> None:
    if request.requested_at > shown.time + SKEW:
        raise VerificationError("opening.future", "the request was made after it became public: a clock is wrong")
    if shown.time > request.requested_at + policy.max_delay:
        raise VerificationError("opening.stale", "the request became public too long after it was made")
    if shown.kept.time > request.requested_at + policy.lifetime:
        raise Refused("opening.expired", "the request has expired: make another")


def _known(request: OpeningRequest, record: KnownRecord | None) -> KnownRecord:
    if record is None or record.record_id != request.record_id:
        raise Refused("opening.record", "no record of that id is held here")
    if record.is_erased:
        raise Refused("opening.erased", "this record was erased")
    if (record.number, record.record_hash) != (request.number, request.record_hash):
        raise Refused("opening.superseded", "the request names another version than the latest")
    return record


def _check_court(presentation: Presentation, basis: LegalBasis, *, now: datetime) -> None:
    request, order = presentation.request.unverified, presentation.court_order
    if not basis.is_judicial:
        if order is not None or request.court_order is not None:
            raise VerificationError("opening.court_order", "this legal basis needs no court, and none is asked")
        return
    if order is None or request.court_order != order.digest:
        raise Refused("opening.court_order", "this legal basis needs the court's order that the request names")
    court = basis.courts.get(order.unverified.court)
    if court is None:
        raise Refused("opening.court", "no court that this holder's policy names for that legal basis")
    content = COURT_ORDER.verify(order, court, now=now).content
    expected = (request.record_id, request.case, request.legal_basis)
    if (content.record, content.case, content.legal_basis) != expected:
        raise VerificationError("opening.court_order", "the court's order is for another record, case or legal basis")
    if content.issued_at > now + SKEW or now.date() > content.expires:
        raise Refused("opening.court_order", "the court's order has expired, or is not issued yet")
    if content.disclose_on != request.disclose_on:
        raise VerificationError("opening.deferral", "the court ordered another day of disclosure, or none")
    if request.disclose_on is not None and not now.date() < request.disclose_on <= now.date() + basis.max_deferral:
        raise Refused("opening.deferral", "the day of disclosure is past, or further away than this holder allows")


def _deferral(presentation: Presentation, shown: VerifiedShownAct) -> Deferral | None:
    request = presentation.request.unverified
    if request.disclose_on is None:
        return None
    entry_hash = hashlib.sha256(shown.entry.encode()).digest()
    return Deferral(presentation.request.digest, request.record_id, entry_hash, request.disclose_on)
