"""Opening a record: its request is made public, the agency and a quorum are asked, and only here it is readable."""

from datetime import datetime, timedelta

from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import generate_recipient
from diptych.errors import DiptychError, Refused
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.court_order import COURT_ORDER
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.formats.record.sealed import SealedRecord
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.shown_act import ShownAct, parse_shown_act
from diptych.private import Personal
from diptych.protocols.depositing.deposit import (
    RecordVersion,
)
from diptych.protocols.opening.answer import AGENCY_INDEX, SHARE_ANSWER
from diptych.protocols.opening.outcome import OPENING_OUTCOME, OpeningOutcome, Publication
from diptych.protocols.opening.request import OPENING_REQUEST, OpeningRequest, Presentation
from diptych.protocols.opening.states import (
    Expired,
    Published,
    Quorate,
    RefusedOpening,
    Requested,
    combine,
    publish,
    receive,
    refuse,
)
from diptych.roles.officer.counter import Read, Reason
from diptych.roles.officer.desk import Desk, expect, names

REQUEST_LIFETIME = timedelta(hours=1)


def open_record(desk: Desk, record_id: bytes, reason: Reason, *, now: datetime, entropy: Entropy) -> Read:
    """What is in a record, once its opening is public and a quorum has answered. Whoever lied or was away is named.

    `Refused` "opening.refused" where no quorum answers; that is logged, too.
    """
    now, trustees = now.replace(microsecond=0), desk.trustees(now)
    signed = desk.fetch(record_id, trustees, now)
    requested = _requested(desk, signed, reason, trustees, now)
    order = None if reason.court_order is None else COURT_ORDER.parse(reason.court_order)
    shown = parse_shown_act(desk.registry.send("requests", Publication(requested.request, order).encode()))
    published = publish(requested, shown, policy=desk.log_policy)
    state = _gather(desk, published, shown, reason, trustees=trustees, now=now)
    _report(desk, requested, isinstance(state, Quorate), now)
    if not isinstance(state, Quorate):
        named = state.named if isinstance(state, RefusedOpening) else {}
        raise Refused("opening.refused", f"no quorum opens this: {names(named, trustees)}")
    opened = combine(state)
    version = RecordVersion.of(signed)
    return Read(version.record_id, version.number, version.record_hash, opened.content, opened.named)


def _requested(
    desk: Desk, signed: UnverifiedStatement[SealedRecord], reason: Reason, trustees: TrusteeSet, now: datetime
) -> Requested:
    version, reply = RecordVersion.of(signed), generate_recipient()
    order = None if reason.court_order is None else COURT_ORDER.parse(reason.court_order)
    request = OPENING_REQUEST.sign(
        OpeningRequest(
            desk.own,
            version.record_id,
            version.number,
            version.record_hash,
            reason.purpose,
            reason.legal_basis,
            Personal(reason.case),
            now,
            reply.public_key,
            None if order is None else order.digest,
            None if order is None else order.unverified.disclose_on,
        ),
        signer=desk.signer,
    )
    return Requested(request, signed.unverified, trustees, reply, now + REQUEST_LIFETIME)


def _gather(
    desk: Desk, published: Published, shown: ShownAct, reason: Reason, *, trustees: TrusteeSet, now: datetime
) -> Published | Quorate | RefusedOpening | Expired:
    urls = {AGENCY_INDEX: desk.registry.url} | {trustee.index: trustee.url for trustee in trustees.trustees}
    state: Published | Quorate | RefusedOpening | Expired = published
    bodies: dict[int, bytes] = {}
    for index, answer in desk.holders.ask({index: (url, "checkpoint", None) for index, url in urls.items()}):
        try:
            bodies[index] = _presentation(desk, published, shown, reason, index=index, checkpoint=expect(answer))
        except DiptychError as error:
            state = _step(state, index, error, now)
    questions: dict[int, tuple[str, str, bytes | None]] = {
        index: (urls[index], "openings", body) for index, body in bodies.items()
    }
    for index, answer in desk.holders.ask(questions):
        state = _step(state, index, answer, now)
        if not isinstance(state, Published):
            return state
    return state


def _presentation(
    desk: Desk, published: Published, shown: ShownAct, reason: Reason, *, index: int, checkpoint: bytes
) -> bytes:
    record = published.requested.record
    size = shown.receipt.checkpoint.checkpoint.size
    kept = parse_signed_checkpoint(checkpoint).checkpoint.size if checkpoint else 0
    steps = () if kept in (0, size) else desk.history.consistency(min(kept, size), max(kept, size))
    envelope = record.agency.envelope if index == AGENCY_INDEX else record.quorum.slot_of(index).envelope
    return Presentation(
        published.requested.request,
        ShownAct(shown.committed, shown.receipt, kept, steps),
        envelope,
        None if reason.court_order is None else COURT_ORDER.parse(reason.court_order),
    ).encode()


def _report(desk: Desk, requested: Requested, is_opened: bool, now: datetime) -> None:
    outcome = OpeningOutcome(desk.own, requested.request.digest, is_opened, now)
    desk.registry.send("outcomes", OPENING_OUTCOME.sign(outcome, signer=desk.signer).encode())


def _step(
    state: Published | Quorate | RefusedOpening | Expired, index: int, answer: bytes | DiptychError, now: datetime
) -> Published | Quorate | RefusedOpening | Expired:
    if not isinstance(state, Published):
        return state
    if isinstance(answer, DiptychError):
        return refuse(state, index=index, check=answer.check)
    try:
        return receive(state, SHARE_ANSWER.parse(answer), index=index, now=now)
    except DiptychError as error:
        return refuse(state, index=index, check=error.check)
