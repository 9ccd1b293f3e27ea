"""Opening a record: its request is made public, the agency and a quorum are asked, and only here it is readable."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache

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
from diptych.roles.officer.desk import Desk, names
from diptych.roles.officer.quorum import ask_quorum

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
    state, named = _gather(desk, published, shown, reason, trustees=trustees, entropy=entropy)
    _report(desk, requested, isinstance(state, Quorate), now)
    if not isinstance(state, Quorate):
        named = {**named, **state.named} if isinstance(state, RefusedOpening) else named
        raise Refused("opening.refused", f"no quorum opens this: {names(named, trustees)}")
    opened = combine(state)
    version = RecordVersion.of(signed)
    return Read(version.record_id, version.number, version.record_hash, opened.content, {**named, **opened.named})


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
    desk: Desk, published: Published, shown: ShownAct, reason: Reason, *, trustees: TrusteeSet, entropy: Entropy
) -> tuple[Published | Quorate | RefusedOpening | Expired, Mapping[int, str]]:
    """Each holder by itself: its checkpoint first, and then what it opens. Who stood in the way is named."""
    agency, urls = AGENCY_INDEX, {trustee.index: trustee.url for trustee in trustees.trustees}
    urls[agency] = desk.registry.url
    quorum = ask_quorum(
        desk.holders,
        trustees,
        lambda trustee: (trustee.url, "checkpoint", None),
        threshold=published.requested.record.quorum.threshold,
        besides={agency: (urls[agency], "checkpoint", None)},
        entropy=entropy,
    )
    state: Published | Quorate | RefusedOpening | Expired = published
    consistency, presented = cache(desk.history.consistency), set[int]()
    for index, said in quorum:
        answer = said
        if index not in presented and not isinstance(answer, DiptychError):
            try:
                body = _presentation(published, shown, reason, index=index, checkpoint=answer, consistency=consistency)
            except DiptychError as error:
                answer = error
            else:
                presented.add(index)
                quorum.replies.ask({index: (urls[index], "openings", body)})
                continue
        state = _step(state, index, answer, published.requested.request.unverified.requested_at)
        if not isinstance(state, Published):
            break
        if index in state.named:
            quorum.fault(index, state.named[index])
    return state, quorum.named


def _presentation(
    published: Published,
    shown: ShownAct,
    reason: Reason,
    *,
    index: int,
    checkpoint: bytes,
    consistency: Callable[[int, int], tuple[bytes, ...]],
) -> bytes:
    record = published.requested.record
    size = shown.receipt.checkpoint.checkpoint.size
    kept = parse_signed_checkpoint(checkpoint).checkpoint.size if checkpoint else 0
    steps = () if kept in (0, size) else consistency(min(kept, size), max(kept, size))
    envelopes = {slot.index: slot.envelope for slot in record.quorum.shares}
    envelope = record.agency.envelope if index == AGENCY_INDEX else envelopes.get(index)
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
