"""A licence proves, in milliseconds, an age on the day, that it stands, and that its holder is the same customer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from diptych.crypto.signing import generate_signer
from diptych.errors import Refused, Unavailable
from diptych.formats.mdoc.trust import encode_trust
from diptych.protocols.openid4vp import dcql, registration, request_object
from diptych.protocols.openid4vp.registration import Registration, VerifierTrust
from diptych.roles.verifier.model import State
from diptych.roles.verifier.policy import Mechanism as Proven
from diptych.roles.verifier.policy import Policy, parse
from diptych.roles.verifier.service import Verifier
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.memory import MemoryWalletStore
from diptych.roles.wallet.planning import Mechanism, Unanswerable
from diptych.roles.wallet.proving import fast_suite_trust, open_held
from tests.fast_play import AGREED, FastPlay
from tests.issuing import NOW
from tests.play import Play, catalogue, policies


@pytest.fixture
def play(tmp_path: Path) -> FastPlay:
    return FastPlay(tmp_path)


def test_an_age_on_the_day_is_proved_and_nothing_else_is_said(play: FastPlay) -> None:
    play.receive()
    plan, result = play.answered("age_on_the_day")
    assert plan.mechanism is Mechanism.BBS
    assert [one.identifier for one in plan.disclosures[0].learned] == ["valid", "age >= 18"]
    assert result.state is State.ACCEPTED
    assert result.revealed == {}
    assert result.measured is not None
    assert result.measured.mechanism is Proven.BBS
    assert result.measured.size < 2_000
    (told, *_) = play.wallet.history()
    assert (told.mechanism, told.learned.reveal()) == ("bbs", ("valid", "age >= 18"))


def test_what_is_revoked_is_refused_in_the_next_epoch_and_what_stands_is_not(play: FastPlay) -> None:
    play.receive()
    play.publish()
    assert len(play.wallet.fetch_tokens(now=play.now).standing) == 3
    assert play.answered("licence_stands")[1].state is State.ACCEPTED

    # Revoked, and an incident: the epoch that has the token ends now.
    play.revoke()
    assert play.answered("licence_stands")[1].state is State.ACCEPTED  # until the issuer says so in public
    asked_before = play.ask("licence_stands")
    plan = play.wallet.review(asked_before.link, now=play.now)
    play.publish(is_incident=True, length=timedelta(hours=1))
    # Somebody who had agreed a moment before: the very token that was good is refused.
    assert not play.wallet.answer(plan, AGREED, now=play.now).is_accepted
    assert play.result(asked_before).state is State.REFUSED

    found = play.wallet.fetch_tokens(now=play.now)
    assert (len(found.standing), len(found.missing)) == (0, 3)
    with pytest.raises(Unanswerable) as refused:
        play.wallet.review(play.ask("licence_stands").link, now=play.now)
    assert refused.value.check == "wallet.no_token"


def test_two_epochs_are_accepted_around_a_change(play: FastPlay) -> None:
    play.receive()
    play.publish()
    play.wallet.fetch_tokens(now=play.now)
    play.later(hours=23)
    play.publish()
    # The wallet was asleep: its token is of the epoch before.
    assert play.answered("licence_stands")[1].state is State.ACCEPTED
    play.later(hours=23)
    play.publish()
    play.later(hours=3)
    with pytest.raises(Unanswerable, match="tokens"):
        play.wallet.review(play.ask("licence_stands").link, now=play.now)
    play.wallet.fetch_tokens(now=play.now)
    assert play.answered("licence_stands")[1].state is State.ACCEPTED


def test_an_issuers_key_is_replaced_while_everything_goes_on(play: FastPlay) -> None:
    play.receive()
    play.publish()
    play.wallet.fetch_tokens(now=play.now)
    pseudonym = play.pseudonym()
    types = list(catalogue().types.values())
    old = play.public.types["org.iso.18013.5.1.mDL"].keys

    # Announced: everybody takes the trust file; the old key still signs.
    play.keys.rotate(types, signs_from=play.now + timedelta(days=2), now=play.now, entropy=play.town.entropy)
    assert play.answered("age_on_the_day")[1].state is State.ACCEPTED  # whoever has not taken it yet
    play.take_trust()
    play.meet(play.fast_verifier())
    assert play.answered("licence_stands")[1].state is State.ACCEPTED

    # Its day comes: renewals are under the new key, what the old one signed stays good, and the customer is the same.
    play.later(days=2, hours=1)
    play.publish()
    play.wallet.fetch_tokens(now=play.now)
    assert play.answered("licence_stands")[1].state is State.ACCEPTED
    assert play.pseudonym() == pseudonym
    (document,) = play.wallet.renew("driving-entitlement", now=play.now).documents
    contents = Contents(play.store.read())
    trust = fast_suite_trust(contents)
    (licence,) = [one for one in contents.documents() if one.doc_type == "org.iso.18013.5.1.mDL"]
    assert (open_held(contents, licence, trust).issued.issuer_key,) == old
    announced = play.public.types[document.doc_type].keys
    assert len(announced) == 2
    assert open_held(contents, document, trust).issued.issuer_key == announced[-1]


def test_a_pseudonym_is_the_same_here_through_all_keys_and_another_elsewhere(play: FastPlay, tmp_path: Path) -> None:
    play.receive()
    play.publish()
    play.wallet.fetch_tokens(now=play.now)
    here = play.pseudonym()
    assert play.pseudonym() == here
    play.meet(play.fast_verifier(signer=generate_signer()))
    assert play.pseudonym() == here
    play.meet(play.fast_verifier("Another Café"))
    assert play.pseudonym() != here
    # Another person, the same place.
    play.meet(play.fast_verifier())
    play.store = MemoryWalletStore()
    play.wallet = play.new_wallet()
    play.take_trust()
    play.receive()
    play.publish()
    play.wallet.fetch_tokens(now=play.now)
    assert play.pseudonym() != here


def test_a_pseudonym_is_told_once_and_stored_nowhere(play: FastPlay) -> None:
    play.receive()
    play.publish()
    play.wallet.fetch_tokens(now=play.now)
    asked = play.ask("same_customer")
    play.wallet.answer(play.wallet.review(asked.link, now=play.now), AGREED, now=play.now)
    assert set(play.result(asked).revealed) == {"pseudonym"}
    again = play.result(asked)
    assert again.revealed == {}
    assert again.verdict is not None
    assert set(vars(again.verdict)) == {"accepted", "check", "policy", "time"}


def test_a_wallet_without_the_fast_suite_answers_with_longfellow_where_that_is_taken(tmp_path: Path) -> None:
    play = FastPlay(tmp_path)
    plain = Play(town=play.town)
    plain.receive()
    plain.meet(play.fast_verifier())
    plain.access, plain.registrar = play.access, play.registrar
    plain.wallet.set_trust(
        encode_trust(play.town.signers.trust()),
        registration.encode_trust(VerifierTrust((play.access.root,), (play.registrar.public_key,))),
    )
    asked = plain.ask("age_on_the_day")
    assert plain.wallet.review(asked.link, now=plain.now).mechanism is Mechanism.LONGFELLOW


def test_over_asking_is_refused_word_for_word(play: FastPlay) -> None:
    play.receive()
    asked = parse(OVER_21)
    play.meet(registered_for(play, policies()["age_on_the_day"], asks=replace(asked, id="age_on_the_day")))
    with pytest.raises(Refused) as refused:
        play.wallet.review(play.ask("age_on_the_day").link, now=play.now)
    assert refused.value.check == "registration.over_asking"


OVER_21 = b"""
id = "over_21"
name = { en = "21", fr = "21" }
purpose = { en = "To let you in.", fr = "Pour vous laisser entrer." }
[[alternatives]]
doc_type = "org.iso.18013.5.1.mDL"
prove = ["age >= 21"]
"""


def registered_for(play: FastPlay, policy: Policy, *, asks: Policy) -> Verifier:
    """A verifier that registered one question under its id, and asks another."""
    verifier = play.fast_verifier()
    signer = generate_signer()
    leaf = play.access.reader(signer, name="Café Utopia")
    registered = Registration(
        request_object.client_id(leaf), (policy.registered_use(),), NOW - timedelta(days=1), NOW + timedelta(days=200)
    )
    party = verifier._parties[0][1]
    verifier.take_on(
        parties=[
            (
                verifier._parties[0][0],
                replace(
                    party,
                    signer=signer,
                    chain=(leaf,),
                    registration=registration.sign(registered, signer=play.registrar),
                ),
            )
        ],
        policies={asks.id: asks},
        trust=play.trust,
    )
    return verifier


class AboutAnotherDay(Policy):
    """A question asked about day after day would give a birth date away."""

    def query(self, *, now: datetime, day: date | None = None, epochs: Sequence[str] = ()) -> dcql.Query:
        return Policy.query(self, now=now, day=now.date() - timedelta(days=6_570), epochs=epochs)


def test_a_question_about_another_day_gets_no_answer(play: FastPlay) -> None:
    play.receive()
    policy = parse(OVER_21)
    play.meet(registered_for(play, policy, asks=AboutAnotherDay(**vars(policy))))
    with pytest.raises(Unanswerable) as refused:
        play.wallet.review(play.ask("over_21").link, now=play.now)
    assert refused.value.check == "question.day"


def test_a_question_about_revocation_is_not_put_before_there_is_an_epoch(play: FastPlay) -> None:
    with pytest.raises(Unavailable) as refused:
        play.ask("licence_stands")
    assert refused.value.check == "epoch.none"


def test_who_is_not_old_enough_is_told_before_anybody_is_asked(play: FastPlay) -> None:
    play.receive()
    policy = parse(OVER_21.replace(b"age >= 21", b"age >= 99").replace(b"over_21", b"age_on_the_day"))
    play.meet(registered_for(play, policy, asks=policy))
    with pytest.raises(Unanswerable) as refused:
        play.wallet.review(play.ask("age_on_the_day").link, now=play.now)
    assert refused.value.check == "wallet.claims"
    assert refused.value.code == "access_denied"


def test_an_answer_that_was_kept_answers_no_other_request(play: FastPlay) -> None:
    play.receive()
    first, second = play.ask("age_on_the_day"), play.ask("age_on_the_day")
    plan_one = play.wallet.review(first.link, now=play.now)
    plan_two = play.wallet.review(second.link, now=play.now)
    prepared = play.wallet.prepare(plan_one, AGREED, now=play.now)
    relayed = replace(prepared, plan=plan_two)
    assert not play.wallet.send(relayed).is_accepted
    assert play.wallet.send(prepared).is_accepted
