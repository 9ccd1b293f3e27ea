"""What the agency makes public for every holder to know: officers, trustee sets, disclosures of deferred openings.

Queued in one transaction with its deliveries; shown to each holder, with the proof that continues what that holder
keeps, until every holder has it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.errors import Conflict, DiptychError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.attestation import AUDIT_ATTESTATION
from diptych.formats.mandate.officer import OFFICER_CERTIFICATE, OfficerCertificate
from diptych.formats.mandate.trustee_set import TRUSTEE_SET, Trustee, TrusteeSet
from diptych.formats.tlog.act import Act, Detail
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.shown_act import ShownAct
from diptych.private import Personal
from diptych.protocols.certifying.standing import AttestationNews, OfficerNews, TrusteeSetNews
from diptych.protocols.depositing.confirmation import Confirmation
from diptych.protocols.opening.disclosure import Disclosure
from diptych.protocols.opening.request import OPENING_REQUEST
from diptych.roles.registry.acts import queue, record_waiting, recorded, shown
from diptych.roles.registry.model import Announcement, Delivery, Message
from diptych.roles.registry.ports import RegistryTransaction, Trustees
from diptych.roles.registry.service import Registry

KEY_SERVICE = 0

Notice = Callable[[str, str], None]
"""Told the name of a holder that did not take a message, and the check that it named."""


def publish_officer(
    registry: Registry, certificate: UnverifiedStatement[OfficerCertificate], *, now: datetime, entropy: Entropy
) -> None:
    """Have an officer's certificate logged, and keep it for every holder."""
    _publish(
        registry,
        title="officer certificate",
        act_type=ActType.OFFICER_CERTIFIED,
        digest=certificate.digest,
        message=Message.OFFICER,
        content=certificate.encode(),
        now=now,
        entropy=entropy,
    )


def publish_set(
    registry: Registry, trustee_set: UnverifiedStatement[TrusteeSet], *, now: datetime, entropy: Entropy
) -> None:
    """Have a trustee set logged; it counts here from now on, and is kept for every trustee in it.

    Who is new in it is told everything that was announced before: officers, revocations, attestations.
    """
    content = trustee_set.unverified
    act_type = ActType.KEY_CEREMONY if content.epoch == 1 else ActType.TRUSTEE_SET_CHANGED
    with registry.store.transaction() as state:
        latest = state.trustee_set()
        if latest is not None and content.epoch != latest.epoch + 1:
            raise Conflict("trustee_set.epoch", f"the next trustee set is that of epoch {latest.epoch + 1}")
        act = queue(
            state,
            _published("trustee set", act_type, trustee_set.digest, now),
            record=None,
            policy_hash=registry.log.policy_hash,
            entropy=entropy,
        )
        state.save_trustee_set(content, trustee_set.encode(), act.act_id)
        known = () if latest is None else tuple(trustee.index for trustee in latest.trustees)
        for trustee in content.trustees:
            if latest is not None and trustee.index not in known:
                _retell(state, trustee.index)
            state.deliver(Delivery(act.act_id, trustee.index, Message.TRUSTEE_SET, trustee_set.encode()))
    record_waiting(registry.store, registry.log)


def disclose_due(registry: Registry, *, now: datetime, entropy: Entropy) -> int:
    """Disclose every deferred opening whose day has come; how many. Run it at least every day."""
    with registry.store.transaction() as state:
        due = state.due_disclosures(now.date())
        for stored in due:
            request, deferred = OPENING_REQUEST.parse(stored.encoded), state.act(stored.act_id)
            assert deferred is not None
            details: Mapping[str, Detail] = {
                "request": stored.digest,
                "legal_basis": request.unverified.legal_basis,
                "purpose": request.unverified.purpose,
                "deferred": hashlib.sha256(deferred.entry).digest(),
            }
            act = queue(
                state,
                Act(ActType.OPENING_DISCLOSED, now.date(), ActorClass.REGISTRY, Personal(details)),
                record=state.record(stored.record_id),
                policy_hash=registry.log.policy_hash,
                entropy=entropy,
            )
            state.save_request(replace(stored, disclosed_act=act.act_id))
            for holder in _holders(state):
                state.deliver(Delivery(act.act_id, holder, Message.DISCLOSURE, stored.digest))
    if due:
        record_waiting(registry.store, registry.log)
    return len(due)


def deliver_waiting(registry: Registry, trustees: Trustees, *, most: int, notice: Notice) -> int:
    """Show holders what they have not been shown; how many deliveries are left for another time."""
    left = 0
    by_index = {trustee.index: trustee for trustee in _trustees(registry)}
    for delivery in registry.store.deliveries(most=most):
        try:
            _deliver(registry, trustees, by_index.get(delivery.holder), delivery)
        except DiptychError as error:
            # A certificate of a key that was revoked meanwhile is of no use to anybody.
            if (delivery.message, error.check) != (Message.OFFICER, "officer.revoked"):
                left += 1
                notice(_name(by_index, delivery.holder), error.check)
                continue
        with registry.store.transaction() as state:
            state.delivered(delivery)
    return left


def _deliver(registry: Registry, trustees: Trustees, trustee: Trustee | None, delivery: Delivery) -> None:
    if delivery.message is Message.REVOCATION:
        if trustee is not None:
            trustees.send(trustee, delivery.message, delivery.content)
        return
    act = recorded(registry.store, registry.log, delivery.act_id)
    if delivery.holder == KEY_SERVICE:
        kept = registry.kept_checkpoint()
        size = 0 if kept is None else kept.checkpoint.size
        _tell_key_service(registry, delivery, shown(act, kept_size=size, history=registry.log.history))
        return
    if trustee is None:
        return  # it is a trustee no longer
    for is_last in (False, True):
        size = trustees.kept_size(trustee)
        body = _body(registry, delivery, shown(act, kept_size=size, history=registry.log.history))
        try:
            trustees.send(trustee, delivery.message, body)
        except Conflict as conflict:
            # Its checkpoint moved on between question and answer.
            if is_last or conflict.check != "shown_act.moved":
                raise
        else:
            return


def _tell_key_service(registry: Registry, delivery: Delivery, act: ShownAct) -> None:
    body = _body(registry, delivery, act)
    if delivery.message is Message.OFFICER:
        registry.take_officer(body)
    elif delivery.message is Message.ATTESTATION:
        registry.take_attestation(body)
    elif delivery.message is Message.DISCLOSURE:
        registry.take_disclosure(body)


def _body(registry: Registry, delivery: Delivery, act: ShownAct) -> bytes:
    content = delivery.content
    match delivery.message:
        case Message.OFFICER:
            return OfficerNews(OFFICER_CERTIFICATE.parse(content), act).encode()
        case Message.ATTESTATION:
            return AttestationNews(AUDIT_ATTESTATION.parse(content), act).encode()
        case Message.TRUSTEE_SET:
            return TrusteeSetNews(TRUSTEE_SET.parse(content), act).encode()
        case Message.DISCLOSURE:
            return Disclosure(content, act).encode()
        case Message.CONFIRMATION:
            with registry.store.transaction() as state:
                record = state.record(content)
            # The next version is deposited only where this one is confirmed: until then it is the latest.
            if record is None or record.act_id != delivery.act_id:
                raise Conflict("delivery.superseded", "this version was confirmed: a later one is here")
            return Confirmation(record.record_id, record.number, record.record_hash, act).encode()
        case Message.REVOCATION:
            raise AssertionError("it is sent as it is")


def _publish(
    registry: Registry,
    *,
    title: str,
    act_type: ActType,
    digest: bytes,
    message: Message,
    content: bytes,
    now: datetime,
    entropy: Entropy,
) -> None:
    with registry.store.transaction() as state:
        act = queue(
            state,
            _published(title, act_type, digest, now),
            record=None,
            policy_hash=registry.log.policy_hash,
            entropy=entropy,
        )
        state.announce(Announcement(act.act_id, message, content))
        for holder in _holders(state):
            state.deliver(Delivery(act.act_id, holder, message, content))
    record_waiting(registry.store, registry.log)


def _retell(state: RegistryTransaction, newcomer: int) -> None:
    """Keep for a new trustee what every other was told: its waiting times count from when that became public."""
    for one in state.announcements():
        state.deliver(Delivery(one.act_id, newcomer, one.message, one.content))


def _published(title: str, act_type: ActType, digest: bytes, now: datetime) -> Act:
    details: Mapping[str, Detail] = {"title": title, "document": digest}
    return Act(act_type, now.date(), ActorClass.AGENCY, Personal(details))


def _holders(state: RegistryTransaction) -> Iterable[int]:
    found = state.trustee_set()
    return (KEY_SERVICE, *(trustee.index for trustee in found.trustees)) if found else (KEY_SERVICE,)


def _trustees(registry: Registry) -> tuple[Trustee, ...]:
    with registry.store.transaction() as state:
        found = state.trustee_set()
    return found.trustees if found else ()


def _name(trustees: Mapping[int, Trustee], holder: int) -> str:
    found = trustees.get(holder)
    return "the key service" if holder == KEY_SERVICE else f"trustee {holder}" if found is None else found.name
