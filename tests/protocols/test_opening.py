"""A record opens for one officer, in public, with the agency and any three of five trustees; not otherwise."""

import os
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from diptych.crypto.hpke import HybridRecipient, generate_recipient
from diptych.crypto.signing import generate_signer
from diptych.errors import Conflict, DiptychError, FormatError, Refused, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.officer import OfficerRevocation, Role
from diptych.formats.record.content import RecordContent
from diptych.formats.record.sealing import FreshlySealed, open_record
from diptych.formats.tlog import tree
from diptych.formats.tlog.act import Act, CommittedAct
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.note import SignatureType
from diptych.formats.tlog.policy import require_both, verify_checkpoint
from diptych.formats.tlog.shown_act import ShownAct, VerifiedShownAct
from diptych.private import Personal, Secret
from diptych.protocols.certifying.officers import WAITING_TIME
from diptych.protocols.depositing.decision import MAX_STEPS
from diptych.protocols.opening.answer import AGENCY_INDEX, ShareAnswer, build_answer
from diptych.protocols.opening.decision import (
    LAG,
    HolderState,
    KnownRecord,
    check_answered,
    decide,
    decide_disclosure,
)
from diptych.protocols.opening.request import OpeningRequest, parse_presentation, request_act
from diptych.protocols.opening.states import (
    Expired,
    Opened,
    Published,
    Quorate,
    RefusedOpening,
    Requested,
    combine,
    publish,
    receive,
    refuse,
)
from tests.formats.tlog_specimen import LOG_SIGNERS, POLICY, WITNESS_SIGNERS, keyholder, signer
from tests.registry_world import COURT_BASIS, OWN_BASIS, World, content_of, verified

STRANGERS = (
    signer("log.other.example", SignatureType.ED25519),
    signer("log.other.example", SignatureType.ML_DSA_44_COSIGNATURE),
)


class Story:
    """One record, enrolled; one request for it, signed and logged under the next label."""

    def __init__(self, **changed: object) -> None:
        self.world = World()
        self.content: RecordContent = content_of(chain=Secret(os.urandom(32)))
        self.fresh: FreshlySealed = self.world.enrol(self.content)
        self.reply: HybridRecipient = generate_recipient()
        self.request: UnverifiedStatement[OpeningRequest] = self.world.request(self.fresh, reply=self.reply, **changed)
        self.logged: tuple[int, CommittedAct] = self.world.logged(self.request, self.label(1))

    def label(self, counter: int) -> bytes:
        return ChainElement(self.content.chain).at(counter).label

    def published(self) -> Published:
        requested = Requested(
            self.request,
            self.fresh.signed.unverified,
            self.world.trustee_set,
            self.reply,
            self.world.log.now + timedelta(hours=1),
        )
        return publish(requested, self.world.log.show(*self.logged), policy=POLICY)


def test_an_opening_ends_on_the_officers_screen_with_what_was_sealed() -> None:
    story = Story()
    world, record = story.world, story.fresh.signed.unverified
    state = story.published()
    for trustee in world.trustees[:3]:
        sent = world.presentation(story.fresh, story.request, story.logged, trustee)
        received = parse_presentation(sent.encode())
        granted = world.decide(received, trustee)
        answer = world.answer(granted, received, trustee)
        moved = receive(state, answer, index=trustee.index, now=world.log.now)
        assert isinstance(moved, Published)
        state = moved
    granted = world.decide(
        world.presentation(story.fresh, story.request, story.logged, world.trustees[0]), world.trustees[0]
    )
    quorate = receive(state, world.agency_answer(granted, record), index=AGENCY_INDEX, now=world.log.now)
    assert isinstance(quorate, Quorate)
    assert combine(quorate) == Opened(story.content, {})


# The checklist: each refusal by name, and by nothing else


def refused(story: Story, state: HolderState | None = None, **changed: object) -> str:
    """The check by which the first trustee refuses."""
    world, trustee = story.world, story.world.trustees[0]
    presentation = world.presentation(story.fresh, story.request, story.logged, trustee)
    presentation = replace(presentation, **changed)  # type: ignore[arg-type]
    with pytest.raises(DiptychError) as caught:
        decide(presentation, policy=world.policy(), state=state or world.state(trustee))
    return caught.value.check


def state_of(story: Story, **changed: object) -> HolderState:
    return replace(story.world.state(story.world.trustees[0]), **changed)  # type: ignore[arg-type]


def refused_request(**changed: object) -> str:
    return refused(Story(**changed))


def test_an_officer_whose_certificate_was_never_shown_is_refused() -> None:
    story = Story()
    assert refused(story, state_of(story, officer=None)) == "officer.unknown"


def test_another_officers_certificate_does_not_speak_for_this_one() -> None:
    story = Story()
    other = story.world.certified(generate_signer())
    assert refused(story, state_of(story, officer=other)) == "officer.unknown"


def test_a_revoked_officer_is_refused_even_for_what_was_answered() -> None:
    story = Story()
    revocation = OfficerRevocation(bytes(32), story.world.officer.certificate.officer, story.world.log.now)
    state = state_of(story, revocation=revocation)
    assert refused(story, state) == "officer.revoked"
    presentation = story.world.presentation(story.fresh, story.request, story.logged, story.world.trustees[0])
    with pytest.raises(Refused, match=r"officer\.revoked"):
        check_answered(presentation, state=state, expires_at=story.world.log.now, now=story.world.log.now)


def test_an_officer_is_honoured_to_the_second_after_its_waiting_time() -> None:
    story = Story()
    shown_at = story.world.log.show(*story.logged).receipt
    time = verify_checkpoint(shown_at.checkpoint, policy=POLICY).time
    assert time is not None
    waited = replace(story.world.officer, certified_at=time - WAITING_TIME)
    decide(
        story.world.presentation(story.fresh, story.request, story.logged, story.world.trustees[0]),
        policy=story.world.policy(),
        state=state_of(story, officer=waited),
    )
    too_new = replace(waited, certified_at=waited.certified_at + timedelta(seconds=1))
    assert refused(story, state_of(story, officer=too_new)) == "officer.waiting"


def test_a_certificate_that_ended_is_refused() -> None:
    story = Story()
    honoured = story.world.officer
    ended = replace(honoured.certificate, valid_until=story.world.log.now - timedelta(seconds=1))
    assert refused(story, state_of(story, officer=replace(honoured, certificate=ended))) == "officer.expired"


def test_an_officer_without_the_role_of_the_legal_basis_is_refused() -> None:
    story = Story()
    honoured = story.world.officer
    finder = replace(honoured.certificate, roles=frozenset((Role.FIND,)))
    assert refused(story, state_of(story, officer=replace(honoured, certificate=finder))) == "officer.role"


def test_a_request_that_another_key_signed_is_refused() -> None:
    story = Story()
    forged = replace(story.request.signature, signature=bytes(63) + b"\x01")
    assert refused(story, request=replace(story.request, signature=forged)) == "signature"


def test_a_receipt_of_a_log_that_this_holder_does_not_know_is_refused() -> None:
    story = Story()
    policy = require_both(log=keyholder("log", STRANGERS), witnesses=[keyholder("w0", WITNESS_SIGNERS[0])], threshold=1)
    presentation = story.world.presentation(story.fresh, story.request, story.logged, story.world.trustees[0])
    with pytest.raises(VerificationError, match=r"tlog\."):
        decide(presentation, policy=replace(story.world.policy(), log=policy), state=state_of(story))


def test_a_receipt_with_too_few_witnesses_is_refused() -> None:
    story = Story()
    receipt = story.world.log.show(*story.logged).receipt
    alone = receipt.checkpoint.only_signed_by([signer.verifier_key for signer in (*LOG_SIGNERS, *WITNESS_SIGNERS[0])])
    shown = ShownAct(story.logged[1], replace(receipt, checkpoint=alone))
    assert refused(story, shown=shown) == "tlog.policy.quorum"


def test_a_forged_inclusion_proof_is_refused() -> None:
    story = Story()
    shown = story.world.log.show(*story.logged)
    path = (bytes(32), *shown.receipt.path[1:])
    assert refused(story, shown=replace(shown, receipt=replace(shown.receipt, path=path))).startswith("tlog.")


def test_a_log_that_shows_another_history_than_before_is_refused() -> None:
    story = Story()
    other = World().log
    while len(other.entries) < len(story.world.log.entries) - 1:
        other.publish("other", ActType.POLICY_CHANGED, ActorClass.AGENCY, bytes(32))
    kept = verified(other.publish("other", ActType.POLICY_CHANGED, ActorClass.AGENCY, bytes(32))).kept
    shown = replace(story.world.log.show(*story.logged), since=kept.checkpoint.size)
    assert refused(story, state_of(story, checkpoint=kept), shown=shown) == "tlog.consistency.fork"
    longer = story.world.log.publish("more", ActType.POLICY_CHANGED, ActorClass.AGENCY, bytes(32))
    assert longer
    grown = story.world.log.show(*story.logged, kept=kept)
    assert refused(story, state_of(story, checkpoint=kept), shown=grown).startswith("tlog.consistency")


def test_a_proof_for_another_checkpoint_than_the_kept_one_asks_for_another() -> None:
    story = Story()
    kept = verified(story.world.log.show(*story.logged)).kept
    assert refused(story, state_of(story, checkpoint=kept), shown=story.world.log.show(*story.logged)) == (
        "shown_act.moved"
    )


def test_a_receipt_older_than_the_kept_checkpoint_is_as_good() -> None:
    story = Story()
    size = len(story.world.log.entries)
    later = story.world.log.publish("more", ActType.POLICY_CHANGED, ActorClass.AGENCY, bytes(32))
    kept = verified(later).kept
    shown = story.world.log.show(*story.logged, kept=kept, size=size)
    presentation = story.world.presentation(story.fresh, story.request, story.logged, story.world.trustees[0])
    granted = decide(
        replace(presentation, shown=shown), policy=story.world.policy(), state=state_of(story, checkpoint=kept)
    )
    assert granted.checkpoint.checkpoint.size == kept.checkpoint.size == size + 1


def test_the_right_receipt_of_another_request_is_refused() -> None:
    story = Story()
    other = story.world.request(story.fresh, reply=story.reply, purpose="something else")
    logged = story.world.logged(other, story.label(2))
    assert refused(story, shown=story.world.log.show(*logged)) == "opening.act"


@pytest.mark.parametrize(
    "change",
    [
        {"act_type": ActType.OPENED},
        {"actor": ActorClass.REGISTRY},
        {"details": {"purpose": "harmless"}},
        {"details": {"legal_basis": OWN_BASIS}},
        {"details": {"request": bytes(32)}},
        {"day": -3},
        {"day": 1},
    ],
    ids=str,
)
def test_an_act_that_says_another_thing_than_the_request_is_refused(change: dict[str, Any]) -> None:
    story = Story()
    act = request_act(story.request, day=story.world.log.now.date())
    details = Personal({**act.details.reveal(), **change.get("details", {})})
    other = Act(
        change.get("act_type", act.act_type),
        act.day + timedelta(days=change.get("day", 0)),
        change.get("actor", act.actor),
        details,
    )
    logged = story.world.log.record(other, story.label(1))
    assert refused(story, shown=story.world.log.show(*logged)) == "opening.act"


def test_an_act_without_its_salt_opens_no_commitment() -> None:
    story = Story()
    shown = story.world.log.show(*story.logged)
    salted = replace(shown, committed=replace(shown.committed, salt=Secret(bytes(32))))
    assert refused(story, shown=salted) == "tlog.act.commitment"


def test_a_request_of_the_future_a_late_one_and_an_expired_one_are_refused() -> None:
    now = World().log.now
    assert refused_request(requested_at=now + timedelta(minutes=5)) == "opening.future"
    assert refused_request(requested_at=now - timedelta(minutes=11)) == "opening.stale"
    story = Story()
    shown = story.world.log.show(*story.logged)
    story.world.log.now += timedelta(hours=2)
    kept = verified(story.world.log.publish("later", ActType.POLICY_CHANGED, ActorClass.AGENCY, bytes(32))).kept
    old = story.world.log.show(*story.logged, kept=kept)
    # The receipt as it was then, with the way to what the trustee knows now.
    replayed = replace(old, receipt=shown.receipt, consistency=consistency(story, shown, kept))
    assert refused(story, state_of(story, checkpoint=kept), shown=replayed) == "opening.expired"


def consistency(story: Story, shown: ShownAct, kept: KeptCheckpoint) -> tuple[bytes, ...]:
    node = tree.memory_nodes([tree.leaf_hash(entry) for entry in story.world.log.entries])
    sizes = sorted((shown.receipt.checkpoint.checkpoint.size, kept.checkpoint.size))
    return tuple(tree.build_consistency_proof(sizes[0], sizes[1], node))


def test_a_record_that_is_not_held_is_erased_or_was_superseded_is_refused() -> None:
    story = Story()
    held = KnownRecord.of(story.world.trustees[0].held or pytest.fail("not held"))
    assert refused(story, state_of(story, record=None)) == "opening.record"
    assert refused(story, state_of(story, record=replace(held, record_id=bytes(16)))) == "opening.record"
    assert refused(story, state_of(story, record=replace(held, is_erased=True))) == "opening.erased"
    assert refused(story, state_of(story, record=replace(held, number=2))) == "opening.superseded"
    assert refused(story, state_of(story, record=replace(held, record_hash=bytes(32)))) == "opening.superseded"


def test_a_label_that_is_not_the_records_is_refused() -> None:
    story = Story()
    strange = ChainElement(Secret(os.urandom(32))).label
    shown = story.world.log.show(*story.world.logged(story.request, strange))
    assert refused(story, shown=shown) == "opening.label"


def test_a_label_before_the_kept_element_or_far_ahead_of_it_is_refused() -> None:
    story = Story()
    held = KnownRecord.of(story.world.trustees[0].held or pytest.fail("not held"))
    later = replace(held, chain=held.chain.at(2))
    assert refused(story, state_of(story, record=later)) == "opening.label"
    far = story.world.log.show(*story.world.logged(story.request, held.chain.at(MAX_STEPS + 1).label))
    assert refused(story, shown=far) == "opening.label"


def test_the_kept_element_stays_a_little_behind_so_that_openings_may_overtake() -> None:
    story = Story()
    world, trustee = story.world, story.world.trustees[0]
    shown = world.log.show(*world.logged(story.request, story.label(100)))
    presentation = replace(world.presentation(story.fresh, story.request, story.logged, trustee), shown=shown)
    assert world.decide(presentation, trustee).chain.counter == 100 - LAG


@pytest.mark.parametrize("legal_basis", ["fr.old", "fr.curiosity"])
def test_a_legal_basis_that_does_not_stand_on_that_day_is_refused(legal_basis: str) -> None:
    assert refused_request(legal_basis=legal_basis) == "opening.legal_basis"


def test_quotas_of_the_day_are_the_officers_and_the_agencys() -> None:
    story = Story()
    assert refused(story, state_of(story, officer_count=lambda day: 5)) == "opening.quota_officer"
    assert refused(story, state_of(story, agency_count=lambda day: 20)) == "opening.quota_agency"


def test_without_an_audit_nothing_opens_after_the_grace_period_but_citizens_own_requests() -> None:
    story = Story()
    lapsed = replace(story.world.attestation(), expires=story.world.log.now.date() - timedelta(days=15))
    assert refused(story, state_of(story, attestation=lapsed)) == "audit.lapsed"
    assert refused(story, state_of(story, attestation=None)) == "audit.lapsed"
    in_grace = replace(lapsed, expires=lapsed.expires + timedelta(days=1))
    trustee = story.world.trustees[0]
    presentation = story.world.presentation(story.fresh, story.request, story.logged, trustee)
    decide(presentation, policy=story.world.policy(), state=state_of(story, attestation=in_grace))
    own = Story(legal_basis=OWN_BASIS)
    presentation = own.world.presentation(own.fresh, own.request, own.logged, own.world.trustees[0])
    overdue = own.world.log.now.date() - timedelta(days=1)
    state = state_of(own, attestation=None, oldest_deferral=overdue)
    assert decide(presentation, policy=own.world.policy(), state=state).request.legal_basis == OWN_BASIS


def test_an_overdue_disclosure_stops_every_officers_opening_from_the_day_after() -> None:
    story = Story()
    today = story.world.log.now.date()
    overdue = state_of(story, oldest_deferral=today - timedelta(days=1))
    assert refused(story, overdue) == "opening.disclosure_overdue"
    trustee = story.world.trustees[0]
    presentation = story.world.presentation(story.fresh, story.request, story.logged, trustee)
    decide(presentation, policy=story.world.policy(), state=state_of(story, oldest_deferral=today))


def test_where_a_person_has_to_approve_the_same_request_is_answered_once_one_did() -> None:
    story = Story(legal_basis="fr.approved")
    assert refused(story) == "opening.approval"
    trustee = story.world.trustees[0]
    presentation = story.world.presentation(story.fresh, story.request, story.logged, trustee)
    decide(presentation, policy=story.world.policy(), state=state_of(story, is_approved=True))


# Courts


class Court(Story):
    """A request on a court's order, deferred where `disclose_on` is given."""

    def __init__(self, *, order: dict[str, object] | None = None, disclose_on: date | None = None) -> None:
        self.world = World()
        self.content = content_of(chain=Secret(os.urandom(32)))
        self.fresh = self.world.enrol(self.content)
        self.reply = generate_recipient()
        terms = {"disclose_on": disclose_on, **(order or {})}
        self.order = self.world.court_order(self.fresh.signed.unverified, **terms)
        self.request = self.world.request(
            self.fresh,
            reply=self.reply,
            legal_basis=COURT_BASIS,
            court_order=self.order.digest,
            disclose_on=disclose_on,
        )
        self.random_label = os.urandom(32)
        self.logged = self.world.logged(self.request, self.label(1) if disclose_on is None else self.random_label)

    def refused(self, **changed: object) -> str:
        return refused(self, **{"court_order": self.order, **changed})


DAY = World().log.now.date()


def test_a_judicial_basis_opens_with_its_courts_order_and_not_without() -> None:
    story = Court()
    trustee = story.world.trustees[0]
    sent = story.world.presentation(story.fresh, story.request, story.logged, trustee, story.order)
    assert story.world.decide(sent, trustee).deferral is None
    assert story.refused(court_order=None) == "opening.court_order"
    assert refused(Story(legal_basis=COURT_BASIS)) == "opening.court_order"
    assert refused(Story(court_order=story.order.digest)) == "opening.court_order"


def test_an_order_that_the_request_does_not_name_is_refused() -> None:
    story = Court()
    other = story.world.court_order(story.fresh.signed.unverified, expires=DAY)
    assert story.refused(court_order=other) == "opening.court_order"


@pytest.mark.parametrize(
    "terms",
    [
        {"record": bytes(16)},
        {"case": Personal("2026-4712")},
        {"legal_basis": "fr.other"},
        {"issued_at": World().log.now - timedelta(days=30), "expires": DAY - timedelta(days=1)},
        {"issued_at": World().log.now + timedelta(hours=1)},
    ],
    ids="+".join,
)
def test_an_order_for_another_record_case_basis_or_time_is_refused(terms: dict[str, object]) -> None:
    assert Court(order=terms).refused() == "opening.court_order"


def test_a_court_that_the_policy_does_not_name_is_refused() -> None:
    story = Court()
    policy = story.world.policy()
    basis = replace(policy.legal_bases[COURT_BASIS], courts={bytes(32): story.world.agency.public_key})
    presentation = story.world.presentation(
        story.fresh, story.request, story.logged, story.world.trustees[0], story.order
    )
    with pytest.raises(Refused, match=r"opening\.court:"):
        decide(
            presentation,
            policy=replace(policy, legal_bases={COURT_BASIS: basis}),
            state=state_of(story),
        )


def test_an_order_signed_by_another_key_than_its_court_is_refused() -> None:
    story = Court()
    forged = replace(story.order, signature=replace(story.order.signature, signature=bytes(63) + b"\x01"))
    assert story.refused(court_order=forged) == "signature"


def test_a_deferred_opening_stands_under_a_random_label_and_is_watched() -> None:
    story = Court(disclose_on=DAY + timedelta(days=90))
    trustee = story.world.trustees[0]
    sent = story.world.presentation(story.fresh, story.request, story.logged, trustee, story.order)
    granted = story.world.decide(sent, trustee)
    assert granted.deferral is not None
    assert granted.deferral.disclose_on == DAY + timedelta(days=90)
    assert granted.chain == KnownRecord.of(trustee.held or pytest.fail("not held")).chain


def test_a_deferral_that_is_not_the_courts_is_past_or_too_far_is_refused() -> None:
    other_day = Court(disclose_on=DAY + timedelta(days=90), order={"disclose_on": DAY + timedelta(days=30)})
    assert other_day.refused() == "opening.deferral"
    not_ordered = Court(disclose_on=DAY + timedelta(days=90), order={"disclose_on": None})
    assert not_ordered.refused() == "opening.deferral"
    today = Court(disclose_on=DAY, order={"disclose_on": DAY})
    assert today.refused() == "opening.deferral"
    far = Court(disclose_on=DAY + timedelta(days=181), order={"disclose_on": DAY + timedelta(days=181)})
    assert far.refused() == "opening.deferral"


def test_a_disclosure_is_of_that_opening_and_on_the_records_chain() -> None:
    story = Court(disclose_on=DAY + timedelta(days=90))
    trustee = story.world.trustees[0]
    sent = story.world.presentation(story.fresh, story.request, story.logged, trustee, story.order)
    deferral = story.world.decide(sent, trustee).deferral
    assert deferral is not None
    chain = ChainElement(story.content.chain)

    def disclosed(label: bytes, **changed: object) -> VerifiedShownAct:
        details = {"request": story.request.digest, "legal_basis": COURT_BASIS, "deferred": deferral.entry_hash}
        act = Act(
            ActType.OPENING_DISCLOSED,
            story.world.log.now.date(),
            ActorClass.REGISTRY,
            Personal({**details, **changed}),  # type: ignore[arg-type]
        )
        return verified(story.world.log.show(*story.world.log.record(act, label)))

    decide_disclosure(deferral, disclosed(story.label(1)), chain=chain)
    for shown, check in (
        (disclosed(os.urandom(32)), "disclosure.label"),
        (disclosed(story.label(1), request=bytes(32)), "disclosure.act"),
        (disclosed(story.label(1), deferred=bytes(32)), "disclosure.act"),
        (verified(story.world.log.show(*story.logged)), "disclosure.act"),
    ):
        with pytest.raises(VerificationError) as caught:
            decide_disclosure(deferral, shown, chain=chain)
        assert caught.value.check == check


# The officer's way


def answers_of(story: Story, count: int) -> dict[int, UnverifiedStatement[ShareAnswer]]:
    found = {}
    for trustee in story.world.trustees[:count]:
        sent = story.world.presentation(story.fresh, story.request, story.logged, trustee)
        found[trustee.index] = story.world.answer(story.world.decide(sent, trustee), sent, trustee)
    return found


def agency_answer_of(story: Story) -> UnverifiedStatement[ShareAnswer]:
    trustee = story.world.trustees[0]
    sent = story.world.presentation(story.fresh, story.request, story.logged, trustee)
    return story.world.agency_answer(story.world.decide(sent, trustee), story.fresh.signed.unverified)


def after(state: object, answer: UnverifiedStatement[ShareAnswer], index: int, story: Story) -> object:
    assert isinstance(state, Published)
    return receive(state, answer, index=index, now=story.world.log.now)


def test_a_lying_trustee_is_named_and_the_opening_succeeds() -> None:
    story = Story()
    trustee = story.world.trustees[0]
    sent = story.world.presentation(story.fresh, story.request, story.logged, trustee)
    granted = story.world.decide(sent, trustee)
    lie = build_answer(granted, Secret(bytes(32)), index=1, signer=trustee.signer)
    state = after(story.published(), lie, 1, story)
    state = after(state, agency_answer_of(story), AGENCY_INDEX, story)
    honest = answers_of(story, 4)
    for index in (2, 3, 4):
        state = after(state, honest[index], index, story)
    assert isinstance(state, Quorate)
    assert combine(state) == Opened(story.content, {1: "sharing.share_hash"})


def test_an_answer_for_another_holder_request_or_from_another_key_names_the_one_that_was_asked() -> None:
    story, other = Story(), Story()
    honest = answers_of(story, 2)
    for answer, check in (
        (honest[2], "statement.signer"),
        (answers_of(other, 1)[1], "statement.signer"),
        (replace(honest[1], signature=replace(honest[1].signature, signature=bytes(63) + b"\x01")), "signature"),
    ):
        state = after(story.published(), answer, 1, story)
        assert isinstance(state, Published)
        assert state.named == {1: check}


def test_an_answer_sealed_to_another_request_of_the_same_officer_is_refused() -> None:
    story = Story()
    second = story.world.request(story.fresh, reply=story.reply, purpose="another")
    first, logged = story.request, story.logged
    answer = answers_of(story, 1)[1]
    story.request, story.logged = second, story.world.logged(second, story.label(2))
    state = after(story.published(), answer, 1, story)
    assert isinstance(state, Published)
    assert state.named == {1: "share_answer.request"}
    assert (first, logged) != (story.request, story.logged)


def test_n_minus_k_silent_trustees_are_named_and_one_more_ends_it() -> None:
    story = Story()
    state: object = story.published()
    for index in (1, 2):
        assert isinstance(state, Published)
        state = refuse(state, index=index, check="http.unreachable")
    assert isinstance(state, Published)
    assert refuse(state, index=3, check="opening.label") == RefusedOpening(
        {1: "http.unreachable", 2: "http.unreachable", 3: "opening.label"}
    )


def test_without_the_agency_no_number_of_trustees_is_a_quorum() -> None:
    story = Story()
    state: object = story.published()
    for index, answer in answers_of(story, 5).items():
        state = after(state, answer, index, story)
    assert isinstance(state, Published)
    assert refuse(state, index=AGENCY_INDEX, check="officer.waiting") == RefusedOpening({0: "officer.waiting"})


def test_without_a_quorum_the_agencys_half_opens_nothing() -> None:
    story = Story()
    state = after(story.published(), agency_answer_of(story), AGENCY_INDEX, story)
    for index, answer in answers_of(story, 2).items():
        state = after(state, answer, index, story)
    assert isinstance(state, Published)
    with pytest.raises(Refused, match=r"sharing\.too_few"):
        open_record(
            story.fresh.signed.unverified, shares=state.shares, agency_half=state.agency_half or Secret(bytes(32))
        )


def test_an_answer_after_the_requests_end_leaves_it_expired() -> None:
    story = Story()
    late = story.world.log.now + timedelta(hours=2)
    assert receive(story.published(), answers_of(story, 1)[1], index=1, now=late) == Expired()


def test_an_answer_that_came_before_comes_again_and_changes_nothing() -> None:
    story = Story()
    answer = answers_of(story, 1)[1]
    once = after(story.published(), answer, 1, story)
    assert after(once, answer, 1, story) == once


def test_a_false_half_of_the_agencys_shows_in_the_commitment() -> None:
    story = Story()
    trustee = story.world.trustees[0]
    sent = story.world.presentation(story.fresh, story.request, story.logged, trustee)
    false = build_answer(
        story.world.decide(sent, trustee), Secret(bytes(32)), index=AGENCY_INDEX, signer=story.world.agency_signer
    )
    state = after(story.published(), false, AGENCY_INDEX, story)
    for index, answer in answers_of(story, 3).items():
        state = after(state, answer, index, story)
    assert isinstance(state, Quorate)
    with pytest.raises(VerificationError, match=r"record\.key"):
        combine(state)


def test_the_workstation_asks_nobody_before_the_receipt_stands_under_its_own_policy() -> None:
    story = Story()
    other = story.world.request(story.fresh, reply=story.reply, purpose="something else")
    logged = story.logged
    story.request = other
    with pytest.raises(VerificationError, match=r"opening\.act"):
        story.published()
    assert logged == story.logged


def test_an_answered_request_is_answered_again_until_it_expires() -> None:
    story = Story()
    trustee = story.world.trustees[0]
    sent = story.world.presentation(story.fresh, story.request, story.logged, trustee)
    expires_at = story.world.decide(sent, trustee).expires_at
    check_answered(sent, state=story.world.state(trustee), expires_at=expires_at, now=expires_at)
    with pytest.raises(Refused, match=r"opening\.expired"):
        check_answered(
            sent, state=story.world.state(trustee), expires_at=expires_at, now=expires_at + timedelta(seconds=1)
        )


def test_nothing_personal_shows_in_what_is_printed() -> None:
    story = Story()
    state = story.published()
    for answer in answers_of(story, 1).values():
        state = receive(state, answer, index=1, now=story.world.log.now)  # type: ignore[assignment]
    printed = repr((story.content, story.request, story.order if isinstance(story, Court) else None, state))
    for canary in ("Goff", "Marie", "4711", "29019", "1984", "X7RTPL4T1"):
        assert canary not in printed


def test_an_index_that_no_holder_has_is_a_wrong_question_and_names_nobody() -> None:
    story = Story()
    with pytest.raises(Conflict, match=r"opening\.holder"):
        after(story.published(), answers_of(story, 1)[1], 9, story)


def test_a_presentation_beyond_its_bound_is_not_read() -> None:
    with pytest.raises(FormatError, match=r"presentation\.size"):
        parse_presentation(bytes(64 * 1024 + 1))


def test_an_answered_request_is_not_answered_for_an_officer_that_is_not_known() -> None:
    story = Story()
    trustee = story.world.trustees[0]
    sent = story.world.presentation(story.fresh, story.request, story.logged, trustee)
    with pytest.raises(Refused, match=r"officer\.unknown"):
        check_answered(
            sent, state=state_of(story, officer=None), expires_at=story.world.log.now, now=story.world.log.now
        )


def test_an_answered_request_is_not_answered_for_a_signature_that_is_not_the_officers() -> None:
    story = Story()
    trustee = story.world.trustees[0]
    sent = story.world.presentation(story.fresh, story.request, story.logged, trustee)
    forged = replace(story.request, signature=replace(story.request.signature, signature=bytes(63) + b"\x01"))
    assert forged.digest == story.request.digest
    with pytest.raises(VerificationError, match="signature"):
        check_answered(
            replace(sent, request=forged),
            state=story.world.state(trustee),
            expires_at=story.world.log.now,
            now=story.world.log.now,
        )
