"""Five trustees make a key together, keep masks, answer lookups, and open what the public log shows. In memory."""

import os
from datetime import timedelta

import pytest

from diptych.crypto import lookup_prf
from diptych.crypto.hpke import generate_recipient
from diptych.errors import Conflict, Refused, Unavailable, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.record.content import RecordContent
from diptych.formats.record.sealing import FreshlySealed
from diptych.formats.tlog.act import CommittedAct
from diptych.formats.tlog.label import ChainElement
from diptych.private import Personal, Secret
from diptych.protocols.opening.answer import SHARE_ANSWER, open_answer
from diptych.protocols.opening.holding import Review
from diptych.protocols.opening.request import OpeningRequest, Presentation
from tests.registry_world import content_of
from tests.trustee_town import PURPOSE, Town

INPUTS = tuple(Personal(f"input {position}".encode()) for position in range(6))


@pytest.fixture(scope="module")
def town() -> Town:
    made = Town()
    made.found()
    made.certify()
    return made


@pytest.fixture
def content() -> RecordContent:
    return content_of(chain=Secret(os.urandom(32)))


def presented(
    town: Town,
    index: int,
    fresh: FreshlySealed,
    request: UnverifiedStatement[OpeningRequest],
    logged: tuple[int, CommittedAct],
) -> bytes:
    envelope = fresh.signed.unverified.quorum.slot_of(index).envelope
    return Presentation(request, town.show(index, *logged), envelope).encode()


def opened(town: Town, index: int, body: bytes) -> bytes:
    return town.trustee(index).open(body, now=town.log.now, entropy=os.urandom)


# The key ceremony


def test_five_trustees_make_a_key_that_none_of_them_has_and_any_three_can_use(town: Town) -> None:
    first, second = town.look_up(INPUTS, (1, 2, 3)), town.look_up(INPUTS, (5, 4, 2))
    assert first.derived == second.derived
    assert len({value.reveal() for value in first.derived}) == len(INPUTS)


def test_a_trustee_that_is_asked_again_says_the_same_again() -> None:
    town = Town()
    channel, followed = town.conduct(town.call())
    assert followed.is_done
    assert followed.outcome is not None
    assert not followed.outcome.faults
    for seat in town.seats:
        assert town.take_part(seat.index, channel) == town.take_part(seat.index, channel)


def test_a_trustee_that_is_shown_another_channel_than_before_says_nothing_more() -> None:
    town = Town()
    call = town.call()
    said = [town.take_part(index, call) for index in (1, 2)]
    first, second = (type(call)(call.call, town.heard(one)) for one in said)
    town.take_part(3, first)
    with pytest.raises(Conflict, match=r"ceremony\.channel"):
        town.take_part(3, second)


def test_a_key_that_is_there_is_not_made_again_behind_its_trustees_backs(town: Town) -> None:
    with pytest.raises(Refused, match=r"ceremony\.consent"):
        town.take_part(1, town.call())


def test_a_trustee_in_no_set_takes_no_masks(content: RecordContent) -> None:
    with pytest.raises(Unavailable, match=r"holder\.no_checkpoint"):
        Town().deposited(content, seats=(1,))


# Lookups


def test_a_lookup_that_comes_again_is_answered_alike_and_counted_once() -> None:
    town = Town()
    town.found()
    town.certify()
    points = lookup_prf.blind(INPUTS, purpose=PURPOSE, entropy=os.urandom).encode()
    body = town.lookup_request(points)
    answers = {town.trustee(1).look_up(body, now=town.log.now) for _ in range(town.lookup_policy.officer_quota + 5)}
    assert len(answers) == 1
    for _ in range(town.lookup_policy.officer_quota - 1):
        town.trustee(1).look_up(town.lookup_request(points), now=town.log.now)
    with pytest.raises(Refused, match=r"lookup\.quota_officer"):
        town.trustee(1).look_up(town.lookup_request(points), now=town.log.now)


# Openings


def test_a_record_opens_with_any_three_of_five_and_the_same_answer_comes_twice(
    town: Town, content: RecordContent
) -> None:
    fresh, reply = town.enrolled(content), generate_recipient()
    request = town.request(fresh, reply=reply)
    logged = town.logged(request, ChainElement(content.chain).at(1).label)
    for index in (2, 3, 5):
        body = presented(town, index, fresh, request, logged)
        answer = opened(town, index, body)
        assert answer == opened(town, index, body)
        share = open_answer(
            SHARE_ANSWER.parse(answer),
            holder_key=town.seats[index - 1].signer.public_key,
            expected_request=request,
            expected_index=index,
            reply=reply,
            now=town.log.now,
        )
        assert len(share) == 32


def test_another_requests_act_opens_nothing(town: Town, content: RecordContent) -> None:
    fresh = town.enrolled(content)
    request = town.request(fresh, reply=generate_recipient())
    other = town.request(fresh, reply=generate_recipient())
    logged = town.logged(other, ChainElement(content.chain).at(1).label)
    with pytest.raises(VerificationError, match=r"opening\.act"):
        opened(town, 1, presented(town, 1, fresh, request, logged))


def test_a_deposit_that_no_act_confirmed_opens_nothing_and_is_dropped(town: Town, content: RecordContent) -> None:
    fresh = town.deposited(content)
    request = town.request(fresh, reply=generate_recipient())
    logged = town.logged(request, ChainElement(content.chain).label)
    with pytest.raises(Refused, match=r"opening\.record"):
        opened(town, 1, presented(town, 1, fresh, request, logged))
    town.trustee(1).sweep(town.log.now + timedelta(days=8))
    with town.seats[0].store.transaction() as state:
        assert state.deposit(fresh.signed.unverified.record_id, fresh.signed.digest) is None


def test_where_the_policy_wants_a_person_nothing_leaves_before_one_approves(town: Town, content: RecordContent) -> None:
    fresh = town.enrolled(content)
    request = town.request(fresh, reply=generate_recipient(), legal_basis="fr.approved")
    logged = town.logged(request, ChainElement(content.chain).at(1).label)
    body = presented(town, 4, fresh, request, logged)
    with pytest.raises(Unavailable, match=r"opening\.approval"):
        opened(town, 4, body)
    assert [one.request for one in town.trustee(4).reviews()] == [request.digest]
    town.trustee(4).review(request.digest, Review.APPROVED, now=town.log.now, entropy=os.urandom)
    assert opened(town, 4, body)
    assert not town.trustee(4).reviews()


def test_what_a_person_refused_stays_refused(town: Town, content: RecordContent) -> None:
    fresh = town.enrolled(content)
    request = town.request(fresh, reply=generate_recipient(), legal_basis="fr.approved")
    logged = town.logged(request, ChainElement(content.chain).at(1).label)
    body = presented(town, 4, fresh, request, logged)
    with pytest.raises(Unavailable):
        opened(town, 4, body)
    town.trustee(4).review(request.digest, Review.REFUSED, now=town.log.now, entropy=os.urandom)
    with pytest.raises(Refused, match=r"opening\.refused_by_person"):
        opened(town, 4, body)


def test_a_mask_whose_month_key_is_destroyed_is_gone(content: RecordContent) -> None:
    town = Town()
    town.found()
    town.certify()
    fresh = town.enrolled(content)
    request = town.request(fresh, reply=generate_recipient())
    logged = town.logged(request, ChainElement(content.chain).at(1).label)
    body = presented(town, 2, fresh, request, logged)
    for period in town.seats[1].keys.periods():
        town.seats[1].keys.destroy(period)
    with pytest.raises(Refused, match=r"retention\.expired"):
        opened(town, 2, body)
