"""The registry stores what it cannot read, answers what is public, and tells one of two offices that it came second."""

import os
from datetime import timedelta

import pytest

from diptych.crypto.hpke import generate_recipient
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.errors import Conflict, Refused, Unavailable, VerificationError
from diptych.formats.record.content import RecordContent
from diptych.formats.tlog.act import CommittedAct, parse_act
from diptych.formats.tlog.entry import ActType, parse_entry
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.shown_act import ShownAct, parse_shown_act
from diptych.private import Secret
from diptych.protocols.enrolling.query import RECORD_QUERY, RecordQuery
from diptych.protocols.opening.answer import AGENCY_INDEX, SHARE_ANSWER
from diptych.protocols.opening.outcome import OPENING_OUTCOME, OpeningOutcome, Publication
from diptych.protocols.opening.request import Presentation
from diptych.protocols.opening.states import Opened, Quorate, Requested, combine, publish, receive
from diptych.roles.registry.publishing import disclose_due
from tests.formats.tlog_specimen import POLICY
from tests.registry_town import RegistryTown
from tests.registry_world import COURT_BASIS, content_of
from tests.trustee_town import PURPOSE


@pytest.fixture
def town() -> RegistryTown:
    made = RegistryTown()
    made.open_doors()
    return made


def person(town: RegistryTown, name: bytes) -> RecordContent:
    content = content_of(chain=Secret(os.urandom(32)))
    return RecordContent(
        content.civil_status, {PURPOSE: town.values(name)}, content.documents, content.references, content.chain
    )


def acts_in(town: RegistryTown) -> list[ActType]:
    return [parse_entry(entry).act_type for entry in town.log.entries]


def labels_of(content: RecordContent, count: int) -> list[bytes]:
    return [ChainElement(content.chain).at(counter).label for counter in range(count)]


def opened(town: RegistryTown, content: RecordContent, **changed: object) -> Opened:
    """As a workstation does it: publish, present to three trustees and the agency, combine."""
    fresh = town.enrol(content)
    reply = generate_recipient()
    request = town.request(fresh, reply=reply, **changed)
    shown = parse_shown_act(
        town.registry.publish(Publication(request, None).encode(), now=town.log.now, entropy=os.urandom)
    )
    record = fresh.signed.unverified
    state = publish(
        Requested(request, record, town.trustee_set, reply, town.log.now + timedelta(hours=1)), shown, policy=POLICY
    )
    for index in (1, 3, 4):
        body = Presentation(request, reshown(town, shown, index), record.quorum.slot_of(index).envelope).encode()
        answer = town.trustee(index).open(body, now=town.log.now, entropy=os.urandom)
        state = receive(state, SHARE_ANSWER.parse(answer), index=index, now=town.log.now)  # type: ignore[assignment]
    body = Presentation(request, reshown(town, shown, AGENCY_INDEX), record.agency.envelope).encode()
    quorate = receive(
        state, SHARE_ANSWER.parse(town.registry.answer_opening(body)), index=AGENCY_INDEX, now=town.log.now
    )
    assert isinstance(quorate, Quorate)
    outcome = OpeningOutcome(fingerprint(town.officer_signer.public_key), request.digest, True, town.log.now)
    town.registry.report(
        OPENING_OUTCOME.sign(outcome, signer=town.officer_signer).encode(), now=town.log.now, entropy=os.urandom
    )
    return combine(quorate)


def reshown(town: RegistryTown, shown: ShownAct, index: int) -> ShownAct:
    kept = town.registry.kept_checkpoint() if index == AGENCY_INDEX else town.trustee(index).kept_checkpoint()
    assert kept is not None
    old, new = sorted((kept.checkpoint.size, shown.receipt.checkpoint.checkpoint.size))
    steps = () if old == new else town.called_log.consistency(old, new)
    return ShownAct(shown.committed, shown.receipt, kept.checkpoint.size, steps)


def test_a_record_comes_back_as_it_was_sealed_and_every_act_stands_under_its_labels(town: RegistryTown) -> None:
    content = person(town, b"Erika")
    assert opened(town, content) == Opened(content, {})
    logged = {parse_entry(entry).label: parse_entry(entry).act_type for entry in town.log.entries}
    assert [logged[label] for label in labels_of(content, 3)] == [
        ActType.ENROLLED,
        ActType.OPENING_REQUESTED,
        ActType.OPENED,
    ]


def test_the_citizen_alone_reads_what_an_act_says(town: RegistryTown) -> None:
    content = person(town, b"Erika")
    opened(town, content)
    element = ChainElement(content.chain).at(1)
    sealed = town.registry.sealed_act(element.label)
    assert sealed is not None
    from diptych.crypto import sealing
    from diptych.formats import cbor
    from diptych.roles.registry.acts import ACT_CONTEXT

    act, salt = cbor.as_array(
        cbor.decode(sealing.open_sealed(element.sealing_key, sealed, context=ACT_CONTEXT)), "act", length=2
    )
    committed = CommittedAct(parse_act(bytes(act)), Secret(bytes(salt)))  # type: ignore[arg-type]
    entry = next(parse_entry(entry) for entry in town.log.entries if parse_entry(entry).label == element.label)
    assert committed.commitment == entry.commitment
    assert town.registry.sealed_act(os.urandom(32)) is None


def test_a_hit_is_logged_before_it_is_told_and_a_miss_is_not(town: RegistryTown) -> None:
    content = person(town, b"Erika")
    fresh = town.enrol(content)
    before = acts_in(town).count(ActType.LOOKED_UP)
    assert town.find(town.values(b"Nobody")).matches == ()
    assert acts_in(town).count(ActType.LOOKED_UP) == before
    found = town.find(town.values(b"Erika"))
    assert [match.record_id for match in found.matches] == [fresh.signed.unverified.record_id]
    assert acts_in(town).count(ActType.LOOKED_UP) == before + 1


def test_the_same_question_again_causes_no_second_act(town: RegistryTown) -> None:
    town.enrol(person(town, b"Erika"))
    body = town.tag_request(town.values(b"Erika"))
    answers = {town.registry.look_up(body, now=town.log.now, entropy=os.urandom) for _ in range(3)}
    assert len(answers) == 1
    assert acts_in(town).count(ActType.LOOKED_UP) == 1


def test_while_the_log_is_down_nothing_is_told_and_nothing_is_lost(town: RegistryTown) -> None:
    content = person(town, b"Erika")
    fresh, body = town.enrolment(content)
    town.called_log.is_down = True
    with pytest.raises(Unavailable, match=r"recorder\.unreachable"):
        town.registry.enrol(body, now=town.log.now, entropy=os.urandom)
    town.called_log.is_down = False
    first = town.registry.enrol(body, now=town.log.now, entropy=os.urandom)
    assert first == town.registry.enrol(body, now=town.log.now, entropy=os.urandom)
    assert acts_in(town).count(ActType.ENROLLED) == 1
    assert parse_shown_act(first).committed.act.details.reveal()["record"] == fresh.signed.digest


def test_of_two_offices_that_enrol_one_person_at_once_one_is_told(town: RegistryTown) -> None:
    bodies = [town.enrolment(person(town, b"Erika"))[1] for _ in range(2)]
    town.registry.enrol(bodies[0], now=town.log.now, entropy=os.urandom)
    with pytest.raises(Conflict, match=r"enrolment\.duplicate"):
        town.registry.enrol(bodies[1], now=town.log.now, entropy=os.urandom)


def test_a_twin_is_enrolled_once_the_officer_has_judged_the_match(town: RegistryTown) -> None:
    first = town.enrol(person(town, b"Twins"))
    town.enrol(person(town, b"Twins"), seen=(first.signed.unverified.record_id,))
    assert len(town.find(town.values(b"Twins")).matches) == 2


def test_a_correction_follows_the_latest_version_and_the_earlier_one_opens_no_more(town: RegistryTown) -> None:
    content = person(town, b"Erika")
    fresh = town.enrol(content)
    corrected, shown = town.correct(content, fresh)
    assert shown.committed.act.act_type is ActType.CORRECTED
    request = town.request(fresh, reply=generate_recipient())
    with pytest.raises(Refused, match=r"opening\.superseded"):
        town.registry.publish(Publication(request, None).encode(), now=town.log.now, entropy=os.urandom)
    with pytest.raises(Conflict, match=r"deposit\.(order|confirmed)"):
        town.correct(content, fresh)
    assert corrected.signed.unverified.number == 2


def test_a_trustee_that_was_away_is_shown_everything_when_it_is_back(town: RegistryTown) -> None:
    content = person(town, b"Erika")
    fresh, body = town.enrolment(content)
    town.called_trustees.down = {2}
    town.registry.enrol(body, now=town.log.now, entropy=os.urandom)
    assert town.deliver() == 1
    assert town.notices == [("Trustee 2", "trustee.unreachable")]
    town.called_trustees.down = set()
    assert town.deliver() == 0
    with town.seats[1].store.transaction() as state:
        assert state.record(fresh.signed.unverified.record_id) is not None


def test_a_record_is_fetched_by_officers_alone_and_by_its_id_alone(town: RegistryTown) -> None:
    fresh = town.enrol(person(town, b"Erika"))
    record_id = fresh.signed.unverified.record_id
    stranger = generate_signer()

    def query(signer: object, wanted: bytes) -> bytes:
        content = RecordQuery(fingerprint(signer.public_key), wanted, town.log.now)  # type: ignore[attr-defined]
        return RECORD_QUERY.sign(content, signer=signer).encode()  # type: ignore[arg-type]

    assert town.registry.fetch(query(town.officer_signer, record_id), now=town.log.now) == fresh.signed.encode()
    with pytest.raises(Refused, match=r"registry\.record"):
        town.registry.fetch(query(town.officer_signer, os.urandom(16)), now=town.log.now)
    with pytest.raises(Refused, match=r"officer\.unknown"):
        town.registry.fetch(query(stranger, record_id), now=town.log.now)
    with pytest.raises(VerificationError, match=r"record_query\.time"):
        town.registry.fetch(query(town.officer_signer, record_id), now=town.log.now + timedelta(hours=1))


def test_a_deferred_opening_is_disclosed_on_its_day_and_holds_up_everyone_until_then(town: RegistryTown) -> None:
    content = person(town, b"Erika")
    fresh = town.enrol(content)
    day = town.log.now.date() + timedelta(days=10)
    order = town.court_order(fresh.signed.unverified, disclose_on=day)
    request = town.request(
        fresh, reply=generate_recipient(), legal_basis=COURT_BASIS, court_order=order.digest, disclose_on=day
    )
    shown = parse_shown_act(
        town.registry.publish(Publication(request, order).encode(), now=town.log.now, entropy=os.urandom)
    )
    envelope = fresh.signed.unverified.quorum.slot_of(1).envelope
    body = Presentation(request, reshown(town, shown, 1), envelope, order).encode()
    assert town.trustee(1).open(body, now=town.log.now, entropy=os.urandom)
    label = parse_entry(shown.receipt.extra or b"").label
    assert label not in labels_of(content, 20)
    assert disclose_due(town.registry, now=town.log.now, entropy=os.urandom) == 0
    town.log.now += timedelta(days=10)
    assert disclose_due(town.registry, now=town.log.now, entropy=os.urandom) == 1
    assert disclose_due(town.registry, now=town.log.now, entropy=os.urandom) == 0
    town.deliver()
    with town.seats[0].store.transaction() as state:
        assert state.oldest_deferral() is None
    disclosed = {parse_entry(entry).label for entry in town.log.entries}
    assert labels_of(content, 2)[1] in disclosed
