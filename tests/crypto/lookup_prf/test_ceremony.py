"""A key that nobody ever had: made, shared anew, and defended against whoever lies while it is made."""

import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.crypto import hpke
from diptych.crypto.bls12381 import ORDER, g1_base, g2_base, parse_scalar
from diptych.crypto.lookup_prf import (
    Ceremony,
    CeremonyFailed,
    KeyShare,
    Message,
    Outcome,
    Participant,
    Round,
    advance,
    dealing,
    generation,
    join,
    missing,
    observe,
    parse_message,
    parse_purpose_key,
    receive,
    resharing,
)
from diptych.crypto.lookup_prf.messages import Answer, Commit, Confirm, Reveal, Verdict
from diptych.crypto.lookup_prf.participant import OBSERVER
from diptych.crypto.lookup_prf.polynomials import evaluate, lagrange
from diptych.errors import Conflict, FormatError, VerificationError
from diptych.private import Secret
from tests.crypto.lookup_prf.setting import (
    PURPOSE,
    RECIPIENTS,
    THRESHOLD,
    TRUSTEES,
    Tamper,
    is_done,
    keys_of,
    new_ceremony,
    run,
    seat,
    shares_of,
    step,
)

CEREMONY = new_ceremony()
DONE = run(CEREMONY)


def outcome_of(participants: Mapping[int, Participant], index: int = OBSERVER) -> Outcome:
    outcome = participants[index].outcome
    assert outcome is not None
    return outcome


KEY = outcome_of(DONE).key
SHARES = shares_of(DONE)


def secret_in(shares: Mapping[int, KeyShare], chosen: tuple[int, ...]) -> int:
    """What no one ever computes outside of a test."""
    return sum(parse_scalar(shares[at].scalar.reveal()) * lagrange(chosen, at, 0) for at in chosen) % ORDER


def refresh(dealers: tuple[int, ...] = TRUSTEES, receivers: tuple[int, ...] = TRUSTEES, threshold: int = 3) -> Ceremony:
    return resharing(KEY, threshold=threshold, receiver_keys=keys_of(*receivers), dealers=dealers, nonce=os.urandom(32))


def only(kind: type[Message], sender: int, change: Tamper) -> Tamper:
    """Only this kind of message of this sender is changed on its way."""
    return lambda message: change(message) if isinstance(message, kind) and message.sender == sender else message


# What an honest ceremony ends with.


def test_all_end_with_one_key_and_any_three_shares_make_it() -> None:
    assert {state.round for state in DONE.values()} == {Round.DONE}
    for index in TRUSTEES:
        own = outcome_of(DONE, index)
        assert (own.key, own.transcript, own.faults, own.unconfirmed) == (KEY, outcome_of(DONE).transcript, {}, {})
        assert SHARES[index].public_key() == KEY.trustee_keys[index]
    for chosen in combinations(TRUSTEES, THRESHOLD):
        assert g2_base() * secret_in(SHARES, chosen) == KEY.public_key
    assert g2_base() * secret_in(SHARES, (1, 2)) != KEY.public_key


def test_an_observer_ends_with_the_key_and_without_a_share() -> None:
    assert outcome_of(DONE).share is None
    assert parse_purpose_key(KEY.encode()) == KEY


def test_the_key_is_every_dealers_doing() -> None:
    # The same seeds in another ceremony make another key: a seed kept by mistake is of no use later.
    assert outcome_of(run(new_ceremony())).key.public_key != KEY.public_key


def test_a_participant_replayed_from_its_seed_and_messages_is_the_same() -> None:
    state, again = DONE[2], join(CEREMONY, index=2, seed=Secret(bytes([2]) * 32), recipient=RECIPIENTS[2])[0]
    for message in state.inbox.values():
        again = receive(again, message)
    for _ in Round:
        again, _ = advance(again)
    assert again.outcome == state.outcome


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_messages_may_come_in_any_order_and_twice(random: Random) -> None:
    state = join(CEREMONY, index=4, seed=Secret(bytes([4]) * 32), recipient=RECIPIENTS[4])[0]
    messages = list(DONE[4].inbox.values()) * 2
    random.shuffle(messages)
    for message in messages:
        state = receive(state, message)
        state, _ = advance(state)
    for _ in Round:
        state, _ = advance(state)
    assert state.round is Round.DONE
    assert state.outcome == DONE[4].outcome


def test_a_round_waits_until_everyone_has_spoken_and_says_for_whom() -> None:
    participants, said = seat(CEREMONY)
    state = participants[1]
    for message in said[:-1]:
        state = receive(state, message)
    assert missing(state) == (5,)
    assert advance(state) == (state, ())
    assert advance(receive(state, said[-1]))[0].round is Round.REVEALS


# Sharing anew.


def test_a_refresh_keeps_the_key_and_changes_every_share() -> None:
    done = run(refresh(), SHARES)
    fresh, key = shares_of(done), outcome_of(done).key
    assert key.public_key == KEY.public_key
    assert key.generation == 1
    for index in TRUSTEES:
        assert fresh[index].scalar != SHARES[index].scalar
        assert key.trustee_keys[index] != KEY.trustee_keys[index]
    assert secret_in(fresh, (1, 3, 5)) == secret_in(SHARES, (1, 3, 5))


def test_shares_of_two_generations_do_not_mix() -> None:
    fresh = shares_of(run(refresh(), SHARES))
    for mixed in ({1: SHARES[1], 2: SHARES[2], 3: fresh[3]}, {1: SHARES[1], 2: fresh[2], 3: fresh[3]}):
        assert g2_base() * secret_in(mixed, (1, 2, 3)) != KEY.public_key


def test_a_lost_trustee_is_replaced_by_the_others() -> None:
    done = run(refresh(dealers=(1, 2, 4), receivers=(1, 2, 4, 5, 6)), SHARES)
    fresh, key = shares_of(done), outcome_of(done).key
    assert key.public_key == KEY.public_key
    assert secret_in(fresh, (4, 5, 6)) == secret_in(SHARES, (1, 2, 3))


def test_a_leaving_trustee_helps_and_gets_nothing() -> None:
    done = run(refresh(dealers=(1, 2, 3), receivers=(1, 2, 4, 5, 6)), SHARES)
    assert outcome_of(done, 3).share is None
    assert set(shares_of(done)) == {1, 2, 4, 5, 6}


def test_the_threshold_can_change() -> None:
    done = run(refresh(receivers=(1, 2, 3, 4, 5, 6, 7), threshold=4), SHARES)
    fresh = shares_of(done)
    assert secret_in(fresh, (1, 2, 6, 7)) == secret_in(SHARES, (1, 2, 3))
    assert secret_in(fresh, (1, 2, 6)) != secret_in(SHARES, (1, 2, 3))


def test_a_refresh_survives_two_dealers_that_say_nothing() -> None:
    done = run(refresh(), SHARES, tamper=lambda message: None if message.sender in (1, 5) else message)
    assert outcome_of(done).key.public_key == KEY.public_key
    assert outcome_of(done).faults == {1: "dkg.silent", 5: "dkg.silent"}
    assert outcome_of(done).unconfirmed == {1: "dkg.silent", 5: "dkg.silent"}


def test_a_refresh_that_too_few_join_fails_and_names_the_absent() -> None:
    with pytest.raises(CeremonyFailed, match=r"dkg\.too_few_dealers.*1: dkg\.silent.*3: dkg\.silent") as failed:
        run(refresh(), SHARES, tamper=lambda message: None if message.sender in (1, 3, 5) else message)
    assert set(failed.value.faults) == {1, 3, 5}


# Dealers that lie, at every position.


@pytest.mark.parametrize("liar", TRUSTEES)
def test_a_silent_dealer_is_named_and_the_key_is_made_without_it(liar: int) -> None:
    for kind in (Commit, Reveal):
        outcome = outcome_of(run(CEREMONY, tamper=only(kind, liar, lambda message: None)))
        assert outcome.faults == {liar: "dkg.silent"}
        assert outcome.key.public_key != KEY.public_key


@pytest.mark.parametrize("liar", TRUSTEES)
def test_a_polynomial_other_than_the_committed_one_is_refused(liar: int) -> None:
    def other(message: Message) -> Message:
        return dealing.reveal(CEREMONY, liar, (1, 2, 3))

    assert outcome_of(run(CEREMONY, tamper=only(Reveal, liar, other))).faults == {liar: "dkg.commitment"}


def replaced(liar: int, revealed: Reveal) -> Tamper:
    """The liar commits to and reveals another polynomial than it should."""

    def tamper(message: Message) -> Message:
        if message.sender == liar and isinstance(message, Commit):
            return replace(message, digest=dealing.reveal_digest(revealed))
        return revealed if message.sender == liar and isinstance(message, Reveal) else message

    return tamper


def test_a_dealer_that_cancels_the_others_polynomials_cannot_prove_that_it_has_its_own() -> None:
    # The rogue key: it needs the others' polynomials, which commitments withhold; say that it got them all the same.
    revealed = {m.sender: m for m in DONE[OBSERVER].inbox.values() if isinstance(m, Reveal)}
    wanted = g2_base() * 7
    rogue = wanted
    for dealer in (1, 2, 3, 4):
        rogue = rogue + -revealed[dealer].commitments[0]
    own = revealed[5]
    forged = replace(own, commitments=(rogue, *own.commitments[1:]), possession=g1_base() * 7)
    outcome = outcome_of(run(CEREMONY, tamper=replaced(5, forged)))
    assert outcome.faults == {5: "dkg.possession"}
    assert outcome.key.public_key != wanted


def test_a_proof_of_possession_is_of_no_use_to_another_dealer() -> None:
    revealed = next(m for m in DONE[OBSERVER].inbox.values() if isinstance(m, Reveal) and m.sender == 1)
    stolen = replace(revealed, sender=2)
    assert outcome_of(run(CEREMONY, tamper=replaced(2, stolen))).faults == {2: "dkg.possession"}


def test_a_polynomial_of_another_degree_or_with_other_deals_is_refused() -> None:
    longer = dealing.reveal(CEREMONY, 3, (1, 2, 3, 4))
    assert outcome_of(run(CEREMONY, tamper=replaced(3, longer))).faults == {3: "dkg.degree"}
    fewer = dealing.reveal(CEREMONY, 3, (1, 2, 3))
    fewer = replace(fewer, deals=fewer.deals[1:])
    assert outcome_of(run(CEREMONY, tamper=replaced(3, fewer))).faults == {3: "dkg.deals"}


def test_a_dealer_of_an_old_key_cannot_move_it() -> None:
    ceremony = refresh()
    other = dealing.reveal(ceremony, 3, (1, 2, 3))
    outcome = outcome_of(run(ceremony, SHARES, tamper=replaced(3, other)))
    assert outcome.faults == {3: "dkg.previous_key"}
    assert outcome.key.public_key == KEY.public_key


def with_deal(revealed: Reveal, ceremony: Ceremony, receiver: int, share: int) -> Reveal:
    info = b"diptych key ceremony deal 1\n" + ceremony.id + bytes([revealed.sender, receiver])
    sealed = hpke.seal(RECIPIENTS[receiver].public_key, share.to_bytes(32, "big"), info=info)
    position = ceremony.receivers.index(receiver)
    return replace(revealed, deals=(*revealed.deals[:position], sealed, *revealed.deals[position + 1 :]))


def wrong_deal(liar: int, victims: tuple[int, ...], ceremony: Ceremony = CEREMONY) -> Tamper:
    def tamper(message: Message) -> Message:
        if message.sender == liar and isinstance(message, Reveal):
            for victim in victims:
                message = with_deal(message, ceremony, victim, 12345)
        return message

    return tamper


@pytest.mark.parametrize("liar", TRUSTEES)
def test_a_wrong_deal_is_complained_about_and_brought_out(liar: int) -> None:
    victim = liar % 5 + 1
    done = run(CEREMONY, tamper=wrong_deal(liar, (victim,)))
    # The dealer answered with the right one: nobody is disqualified, and the victim's share is right.
    assert outcome_of(done).faults == {}
    assert outcome_of(done).key == KEY
    assert shares_of(done)[victim].public_key() == KEY.trustee_keys[victim]


@pytest.mark.parametrize("share", [ORDER, ORDER + 5, 2**256 - 1], ids=["r", "r+5", "all ones"])
def test_a_deal_that_is_no_scalar_is_complained_about(share: int) -> None:
    def tamper(message: Message) -> Message:
        is_it = message.sender == 1 and isinstance(message, Reveal)
        return with_deal(message, CEREMONY, 2, share) if is_it and isinstance(message, Reveal) else message

    done = run(CEREMONY, tamper=tamper)
    verdict = next(m for m in done[OBSERVER].inbox.values() if isinstance(m, Verdict) and m.sender == 2)
    assert verdict.complaints == (1,)
    assert outcome_of(done).key == KEY


def test_a_deal_sealed_for_another_receiver_is_complained_about() -> None:
    def tamper(message: Message) -> Message:
        if message.sender == 1 and isinstance(message, Reveal):
            return replace(message, deals=(message.deals[1], message.deals[0], *message.deals[2:]))
        return message

    done = run(CEREMONY, tamper=tamper)
    accused = {m.sender: m.complaints for m in done[OBSERVER].inbox.values() if isinstance(m, Verdict)}
    assert accused == {1: (1,), 2: (1,), 3: (), 4: (), 5: ()}


def chained(*tampers: Tamper) -> Tamper:
    def tamper(message: Message) -> Message | None:
        found: Message | None = message
        for one in tampers:
            found = None if found is None else one(found)
        return found

    return tamper


def test_a_dealer_that_does_not_answer_a_complaint_is_disqualified() -> None:
    silent = chained(wrong_deal(1, (2,)), only(Answer, 1, lambda message: None))
    assert outcome_of(run(CEREMONY, tamper=silent)).faults == {1: "dkg.silent"}

    def lie(message: Message) -> Message:
        return replace(message, shares=((2, 12345),)) if isinstance(message, Answer) else message

    lying = chained(wrong_deal(1, (2,)), only(Answer, 1, lie))
    assert outcome_of(run(CEREMONY, tamper=lying)).faults == {1: "dkg.answer"}

    def elsewhere(message: Message) -> Message:
        # A true share, and not the one that is in question.
        polynomial = dealing.polynomial(CEREMONY, index=1, seed=Secret(bytes([1]) * 32), held=None)
        return replace(message, shares=((3, evaluate(polynomial, 3)),)) if isinstance(message, Answer) else message

    assert outcome_of(run(CEREMONY, tamper=chained(wrong_deal(1, (2,)), only(Answer, 1, elsewhere)))).faults == {
        1: "dkg.answer"
    }


def test_a_receiver_that_complains_too_late_ends_without_a_share_and_the_others_with_theirs() -> None:
    done = run(CEREMONY, tamper=chained(wrong_deal(1, (2,)), only(Verdict, 2, lambda message: None)))
    assert outcome_of(done).key == KEY
    assert outcome_of(done).faults == {}
    assert outcome_of(done).unconfirmed == {2: "dkg.silent"}
    assert shares_of(done) == {index: SHARES[index] for index in (1, 3, 4, 5)}


def test_a_dealer_with_as_many_complaints_as_the_threshold_is_disqualified_and_does_not_answer() -> None:
    done = run(CEREMONY, tamper=wrong_deal(1, (2, 3, 4)))
    assert outcome_of(done).faults == {1: "dkg.complaints"}
    assert not any(isinstance(message, Answer) for message in done[OBSERVER].inbox.values())


def test_receivers_that_complain_for_nothing_learn_nothing_and_stop_nobody() -> None:
    def complain(message: Message) -> Message:
        return replace(message, complaints=(1, 2)) if isinstance(message, Verdict) else message

    done = run(CEREMONY, tamper=chained(only(Verdict, 4, complain), only(Verdict, 5, complain)))
    assert outcome_of(done).faults == {}
    assert outcome_of(done).key == KEY
    answered = {m.sender: m for m in done[OBSERVER].inbox.values() if isinstance(m, Answer)}
    assert {sender: [at for at, _ in answer.shares] for sender, answer in answered.items()} == {1: [4, 5], 2: [4, 5]}


def test_an_answer_that_nobody_asked_for_changes_no_share() -> None:
    # A dealer answers a complaint that was not made, with a false share: it counts for nothing.
    participants, said = seat(CEREMONY)
    said = [*said, Answer(CEREMONY.id, 1, ((2, 12345),))]
    while not is_done(participants):
        # One participant does not even get it, and still ends with the same.
        said = step(participants, said, lambda index, m: None if index == 3 and isinstance(m, Answer) else m)
    assert {outcome_of(participants, index).transcript for index in TRUSTEES} == {outcome_of(participants).transcript}
    assert outcome_of(participants).unconfirmed == {}
    assert shares_of(participants) == SHARES


def test_a_reveal_that_was_never_committed_to_splits_nobody() -> None:
    # Its dealer commits to nothing, and shows what it reveals to some alone: it counts for none.
    participants, said = seat(CEREMONY)
    said = step(participants, [message for message in said if message.sender != 5])
    said = step(participants, said)  # silence: the round is closed, and the others reveal
    slipped = dealing.reveal(CEREMONY, 5, (1, 2, 3))
    said = step(participants, [*said, slipped], lambda index, m: None if m is slipped and index > 2 else m)
    while not is_done(participants):
        said = step(participants, said)
    assert outcome_of(participants).unconfirmed == {}
    assert outcome_of(participants).faults == {5: "dkg.silent"}


def test_a_dealer_that_shows_different_people_different_things_stops_the_ceremony() -> None:
    participants, said = seat(CEREMONY)
    said = step(participants, said)
    first = next(message for message in said if message.sender == 1)
    second = dealing.reveal(CEREMONY, 1, dealing.polynomial(CEREMONY, index=1, seed=Secret(bytes([1]) * 32), held=None))
    assert first != second  # the same polynomial, sealed again: two reveals
    said = step(participants, said, lambda index, message: second if message is first and index == 5 else message)
    with pytest.raises(
        CeremonyFailed, match=r"dkg\.views: dealer 1 was not seen alike by all: this one, 1, 2, 3, 4 against 5"
    ):
        step(participants, said)
    # Who gets both has the proof.
    with pytest.raises(Conflict, match=r"dkg\.contradicts: 1 "):
        receive(participants[5], first)


def test_a_receiver_without_its_share_is_named_and_the_others_go_on() -> None:
    def lie(message: Message) -> Message:
        return replace(message, possession=g1_base()) if isinstance(message, Confirm) else message

    assert outcome_of(run(CEREMONY, tamper=only(Confirm, 3, lie))).unconfirmed == {3: "dkg.possession"}

    def elsewhere(message: Message) -> Message:
        return replace(message, transcript=bytes(32)) if isinstance(message, Confirm) else message

    assert outcome_of(run(CEREMONY, tamper=only(Confirm, 3, elsewhere))).unconfirmed == {3: "dkg.transcript"}
    absent = only(Confirm, 3, lambda message: None)
    assert outcome_of(run(CEREMONY, tamper=absent)).unconfirmed == {3: "dkg.silent"}


def test_a_confirmation_cannot_be_copied_from_another_receiver() -> None:
    seen: list[Confirm] = []

    def tamper(message: Message) -> Message:
        if isinstance(message, Confirm):
            seen.append(message)
        return replace(seen[0], sender=2) if isinstance(message, Confirm) and message.sender == 2 else message

    assert outcome_of(run(CEREMONY, tamper=tamper)).unconfirmed == {2: "dkg.possession"}


def test_a_key_that_not_more_than_half_confirm_is_none() -> None:
    silent = lambda message: None if isinstance(message, Confirm) and message.sender > 2 else message  # noqa: E731
    with pytest.raises(CeremonyFailed, match=r"dkg\.unconfirmed") as failed:
        run(CEREMONY, tamper=silent)
    assert failed.value.faults == {3: "dkg.silent", 4: "dkg.silent", 5: "dkg.silent"}


# Any minority, doing anything.


def lie(message: Message, draw: Random) -> Message | None:
    """One of the things that a liar can do with a message of its kind, or the truth."""
    how = draw.randrange(4)
    if how == 0:
        return None
    if how == 1 or (isinstance(message, Answer) and not message.shares):
        return message
    victims = tuple(sorted(draw.sample(TRUSTEES, draw.randrange(1, 4))))
    if isinstance(message, Commit):
        return replace(message, digest=draw.randbytes(32))
    if isinstance(message, Reveal) and how == 2:
        for victim in victims:
            message = with_deal(message, CEREMONY, victim, draw.randrange(2**256))
        return message
    if isinstance(message, Reveal):
        return replace(message, commitments=message.commitments[: draw.randrange(4)])
    if isinstance(message, Verdict):
        return replace(message, complaints=victims)
    if isinstance(message, Answer):
        return replace(message, shares=((message.shares[0][0], draw.randrange(ORDER)), *message.shares[1:]))
    assert isinstance(message, Confirm)
    return replace(message, possession=g1_base())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(st.sampled_from(TRUSTEES), max_size=THRESHOLD - 1), st.integers(0, 2**32))
def test_whatever_a_minority_does_the_honest_end_with_one_key_and_nobody_honest_is_named(
    liars: set[int], seed: int
) -> None:
    draw = Random(seed)
    done = run(CEREMONY, tamper=lambda message: lie(message, draw) if message.sender in liars else message)
    seen = outcome_of(done)
    assert set(seen.faults) <= liars
    assert set(seen.unconfirmed) <= liars
    for index in set(TRUSTEES) - liars:
        own = outcome_of(done, index)
        assert (own.key, own.transcript, own.faults) == (seen.key, seen.transcript, seen.faults)
        assert own.share is not None
        assert own.share.public_key() == seen.key.trustee_keys[index]
    honest = {index: share for index, share in shares_of(done).items() if index not in liars}
    assert g2_base() * secret_in(honest, tuple(sorted(honest))[:THRESHOLD]) == seen.key.public_key


# Messages that do not belong.


def test_a_message_of_another_ceremony_is_refused() -> None:
    replayed = [*DONE[OBSERVER].inbox.values()]
    state = observe(new_ceremony())
    for message in replayed:
        with pytest.raises(VerificationError, match=r"dkg\.ceremony"):
            receive(state, message)
    # With the id written over, it is bound to the old one by its commitment and proof.
    ceremony = new_ceremony()
    old = next(m for m in replayed if isinstance(m, Reveal) and m.sender == 1)
    done = run(ceremony, tamper=replaced(1, replace(old, ceremony=ceremony.id)))
    assert outcome_of(done).faults == {1: "dkg.possession"}


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "residence-permit"},
        {"threshold": 2},
        {"receiver_keys": keys_of(1, 2, 3, 4, 6)},
        {"receiver_keys": {**keys_of(1, 2, 3, 4), 5: RECIPIENTS[6].public_key}},
        {"dealers": (1, 2, 3, 4)},
        {"nonce": bytes(32)},
        {"previous": KEY},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_ceremony_is_told_from_others_by_all_of_its_terms(change: dict[str, object]) -> None:
    assert replace(CEREMONY, **change).id != CEREMONY.id  # type: ignore[arg-type]


def test_sharing_one_key_anew_is_told_from_sharing_another() -> None:
    ceremony = refresh()
    other = outcome_of(run(new_ceremony())).key
    assert replace(ceremony, previous=other).id != ceremony.id


def test_strangers_and_wrong_parts_are_refused() -> None:
    state = observe(refresh(dealers=(1, 2, 3), receivers=(1, 2, 4, 5, 6)))
    name = state.ceremony.id
    for message in (Commit(name, 4, bytes(32)), Commit(name, 0, bytes(32)), Answer(name, 5, ())):
        with pytest.raises(VerificationError, match=r"dkg\.sender"):
            receive(state, message)
    with pytest.raises(VerificationError, match=r"dkg\.sender"):
        receive(state, Verdict(name, 3, (bytes(32),) * 3, ()))
    for views, complaints in (((bytes(32),) * 2, ()), ((bytes(32),) * 3, (4,))):
        with pytest.raises(VerificationError, match=r"dkg\.verdict"):
            receive(state, Verdict(name, 1, views, complaints))


def test_a_late_message_is_refused_and_a_repeated_one_changes_nothing() -> None:
    participants, said = seat(CEREMONY)
    state = participants[1]
    for message in said[:-1]:
        state = receive(state, message)
    assert receive(state, said[0]) is state
    state, _ = advance(state, is_closing=True)
    with pytest.raises(Conflict, match=r"dkg\.late"):
        receive(state, said[-1])
    assert receive(state, said[0]) is state


def test_a_second_and_different_message_is_refused_as_a_contradiction() -> None:
    _, said = seat(CEREMONY)
    state = receive(observe(CEREMONY), said[0])
    with pytest.raises(Conflict, match=r"dkg\.contradicts: 1 "):
        receive(state, Commit(CEREMONY.id, 1, bytes(32)))


def test_who_commits_after_others_revealed_is_too_late() -> None:
    # It saw a polynomial before it chose its own; those who closed the round do not take it, and views differ.
    outcome = outcome_of(run(CEREMONY, tamper=only(Commit, 5, lambda message: None)))
    assert outcome.faults == {5: "dkg.silent"}


# Terms that would not be safe.


@pytest.mark.parametrize(
    ("threshold", "trustees"), [(1, (1,)), (0, (1, 2)), (3, (1, 2, 3, 4)), (2, (1, 2)), (2, (2, 1, 3)), (2, (0, 1, 2))]
)
def test_a_quorum_that_a_minority_could_stop_or_that_is_none_is_refused(
    threshold: int, trustees: tuple[int, ...]
) -> None:
    keys = dict.fromkeys(trustees, RECIPIENTS[1].public_key)
    with pytest.raises(FormatError, match=r"lookup_prf\.(index|threshold)"):
        generation(purpose=PURPOSE, threshold=threshold, trustee_keys=keys, nonce=bytes(32))


def test_terms_that_are_not_whole_are_refused() -> None:
    whole = keys_of(*TRUSTEES)
    with pytest.raises(FormatError, match=r"dkg\.nonce"):
        generation(purpose=PURPOSE, threshold=3, trustee_keys=whole, nonce=bytes(31))
    with pytest.raises(FormatError, match=r"dkg\.receiver_key"):
        generation(purpose=PURPOSE, threshold=3, trustee_keys={**whole, 5: b""}, nonce=bytes(32))
    with pytest.raises(FormatError, match=r"hpke\.public_key"):
        generation(purpose=PURPOSE, threshold=3, trustee_keys={**whole, 5: b"\1"}, nonce=bytes(32))
    with pytest.raises(FormatError, match=r"lookup_prf\.purpose"):
        generation(purpose="Driving licence", threshold=3, trustee_keys=whole, nonce=bytes(32))
    for dealers in ((1, 2), (3, 2, 1), (1, 2, 6)):
        with pytest.raises(FormatError, match=r"dkg\.dealers"):
            refresh(dealers=dealers)


def test_who_joins_brings_what_belongs_to_its_place() -> None:
    seed = Secret(bytes(32))
    with pytest.raises(FormatError, match=r"dkg\.index"):
        join(CEREMONY, index=6, seed=seed, recipient=RECIPIENTS[6])
    with pytest.raises(ValueError, match="seed"):
        join(CEREMONY, index=1, seed=Secret(b""), recipient=RECIPIENTS[1])
    for recipient in (None, RECIPIENTS[2]):
        with pytest.raises(FormatError, match=r"dkg\.recipient"):
            join(CEREMONY, index=1, seed=seed, recipient=recipient)
    with pytest.raises(FormatError, match=r"dkg\.held"):
        join(CEREMONY, index=1, seed=seed, recipient=RECIPIENTS[1], held=SHARES[1])
    for held in (
        None,
        SHARES[2],
        replace(SHARES[1], purpose="residence-permit"),
        replace(SHARES[1], generation=1),
        replace(SHARES[1], scalar=SHARES[2].scalar),
    ):
        with pytest.raises(FormatError, match=r"dkg\.held"):
            join(refresh(), index=1, seed=seed, recipient=RECIPIENTS[1], held=held)


def test_a_state_says_nothing_of_its_secrets_when_printed() -> None:
    state = DONE[1]
    assert state.outcome is not None
    assert state.outcome.share is not None
    printed = repr(state)
    for secret in (state.seed, state.outcome.share.scalar):
        assert secret.reveal().hex() not in printed
        assert repr(secret.reveal()) not in printed


def test_messages_come_back_from_their_bytes() -> None:
    for message in [*DONE[OBSERVER].inbox.values(), Answer(CEREMONY.id, 1, ((2, 5), (3, ORDER - 1)))]:
        assert parse_message(message.encode()) == message


def test_a_dealers_polynomial_is_of_its_ceremony_and_index_alone() -> None:
    seed = Secret(bytes(32))
    found = {
        dealing.polynomial(ceremony, index=index, seed=seed, held=None)
        for ceremony in (CEREMONY, new_ceremony())
        for index in (1, 2)
    }
    assert len(found) == 4
    assert evaluate((5, 3), 2) == 11
