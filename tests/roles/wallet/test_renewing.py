"""Renewal: by itself before expiry, without losing a refresh token, the new copies in the place of the old at once."""

from dataclasses import replace
from itertools import chain, repeat

import pytest

from diptych.errors import Conflict, Refused, Unavailable
from diptych.roles.issuer.model import OrderState
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.memory import Death, MemoryWalletStore
from diptych.roles.wallet.model import Event, Holding
from diptych.roles.wallet.presenting import Consent
from tests.play import Play

# metadata twice, token (first without the server's DPoP nonce), nonce, credential
REQUESTS = 6
# tokens, keys, copies
WRITES = 3


def age(play: Play) -> Holding:
    return play.new_wallet().show("proof-of-age", now=play.now)


def copies(play: Play) -> set[str]:
    return {copy.id for copy in Contents(play.store.read()).copies(age(play).document.id)}


def test_nothing_is_due_at_first_and_nobody_is_asked() -> None:
    play = Play()
    play.receive()
    said = len(play.issuer_line.said)
    assert play.wallet.due(now=play.now) == ()
    assert play.wallet.renew_due(now=play.now).documents == ()
    assert len(play.issuer_line.said) == said


def test_short_lived_proofs_are_renewed_before_they_expire_and_the_licence_is_not() -> None:
    play = Play()
    play.receive()
    play.later(days=10)
    assert {document.configuration_id for document in play.wallet.due(now=play.now)} == {
        "proof-of-age",
        "driving-entitlement",
    }
    before = copies(play)
    renewed = play.wallet.renew_due(now=play.now)
    assert renewed.failures == ()
    assert {document.configuration_id for document in renewed.documents} == {"proof-of-age", "driving-entitlement"}
    assert age(play).document.valid_until.day == 9
    assert age(play).copies == 30
    assert copies(play).isdisjoint(before)
    assert play.wallet.due(now=play.now) == ()
    # Once for the code and once for the refresh token, which serves both; each first learns the server's DPoP nonce.
    assert play.issuer_line.said.count("ask_token") == 2 * 2


def test_renewal_goes_on_for_months_with_rotating_tokens_and_no_incident() -> None:
    play = Play()
    play.receive()
    for _ in range(6):
        play.later(days=10)
        play.town.issuer.sweep(play.now)
        assert play.wallet.renew_due(now=play.now).failures == ()
        assert age(play).is_valid
    assert play.town.issuer.store.incidents() == ()


def test_an_expired_proof_is_still_renewed() -> None:
    play = Play()
    play.receive()
    play.later(days=40)
    assert not age(play).is_valid
    play.wallet.renew_due(now=play.now)
    assert age(play).is_valid


def test_the_licence_is_asked_for_once_and_then_known_not_to_be_renewable() -> None:
    play = Play()
    play.receive()
    play.later(days=70)
    first = play.wallet.renew_due(now=play.now)
    assert first.failures == ()
    licence = play.wallet.show("driving-licence", now=play.now)
    assert licence.is_renewable is False
    assert not licence.is_due
    explicit = play.wallet.renew("driving-licence", now=play.now)
    assert [failure.check for failure in explicit.failures] == ["wallet.not_renewable"]
    assert licence.copies == 10


def test_few_copies_left_are_a_reason_to_renew() -> None:
    play = Play()
    play.receive()
    contents = Contents(play.store.read())
    document = contents.document("proof-of-age")
    for copy in contents.copies(document.id)[:24]:
        contents.put_copy(replace(copy, is_spent=True))
    contents.save(play.store)
    assert age(play).is_due
    play.wallet.renew_due(now=play.now)
    assert age(play).copies_left == 30


@pytest.mark.parametrize("lost", ["request", "answer"])
@pytest.mark.parametrize("position", range(REQUESTS))
def test_whatever_is_lost_on_the_line_renewing_again_works(position: int, lost: str) -> None:
    play = Play()
    play.receive()
    before = copies(play)
    play.issuer_line.lost = chain(repeat(None, position), [lost])
    failed = play.wallet.renew("proof-of-age", now=play.now)
    assert [failure.check for failure in failed.failures] == ["line"]
    assert copies(play) == before
    renewed = play.new_wallet().renew("proof-of-age", now=play.now)
    assert renewed.failures == ()
    assert copies(play).isdisjoint(before)
    assert play.town.issuer.store.incidents() == ()


@pytest.mark.parametrize("death", list(Death))
@pytest.mark.parametrize("position", range(WRITES))
def test_wherever_the_wallet_dies_the_copies_are_the_old_or_the_new_and_renewing_again_works(
    position: int, death: Death
) -> None:
    store = MemoryWalletStore()
    play = Play(store=store)
    play.receive()
    before = copies(play)
    store.dies = {store.writes + position: death}
    assert [failure.check for failure in play.wallet.renew("proof-of-age", now=play.now).failures] == ["storage"]
    is_done = (position, death) == (WRITES - 1, Death.AFTER_SAVING)
    assert len(copies(play)) == 30
    assert copies(play).isdisjoint(before) if is_done else copies(play) == before
    assert play.new_wallet().renew("proof-of-age", now=play.now).failures == ()
    assert len(copies(play)) == 30
    assert play.town.issuer.store.incidents() == ()


def test_two_windows_do_not_renew_at_once() -> None:
    play = Play()
    play.receive()
    with play.store.acting(), pytest.raises(Conflict, match=r"wallet\.busy"):
        play.wallet.renew("proof-of-age", now=play.now)


def test_a_voided_order_is_not_asked_for_again() -> None:
    play = Play()
    play.receive()
    with play.town.issuer.store.transaction() as state:
        for order in list(state.tables.orders.values()):
            state.forget_grants(order.order_id)
            state.save_order(replace(order, state=OrderState.VOID))
    ended = play.wallet.renew("proof-of-age", now=play.now)
    assert [failure.check for failure in ended.failures] == ["wallet.renewal_ended"]
    said = len(play.issuer_line.said)
    play.later(days=10)
    assert play.wallet.due(now=play.now) == ()
    assert len(play.issuer_line.said) == said
    assert age(play).copies == 30


def test_a_renewal_that_the_issuer_signs_wrongly_leaves_the_old_copies() -> None:
    play = Play()
    play.receive()
    before = copies(play)
    honest = play.town.signers.signer_for
    play.town.signers.signer_for = lambda doc_type: honest("org.iso.18013.5.1.mDL")
    failed = play.wallet.renew("proof-of-age", now=play.now)
    assert [failure.check for failure in failed.failures] == ["mdoc.signer_pinned"]
    assert copies(play) == before


def test_renewal_is_in_the_history() -> None:
    play = Play()
    play.receive()
    play.wallet.renew("proof-of-age", now=play.now)
    latest = play.wallet.history()[0]
    assert latest.event is Event.RENEWED
    assert latest.documents.reveal() == ("proof-of-age",)


def test_an_answer_agreed_to_before_a_renewal_still_goes_out_after_it() -> None:
    play = Play()
    play.receive()
    plan = play.wallet.review(play.ask("over_18").link, now=play.now)
    play.wallet.renew("proof-of-age", now=play.now)
    assert play.wallet.answer(plan, Consent(agrees=True), now=play.now).is_accepted


def test_a_document_that_is_not_held_cannot_be_renewed() -> None:
    play = Play()
    with pytest.raises(Refused, match=r"wallet\.no_document"):
        play.wallet.renew("proof-of-age", now=play.now)


def test_an_issuer_that_is_down_stops_nothing() -> None:
    play = Play()
    play.receive()
    play.later(days=10)
    play.issuer_line.lost = repeat("request")
    said = len(play.issuer_line.said)
    failed = play.wallet.renew_due(now=play.now)
    assert [failure.check for failure in failed.failures] == ["line", "line"]
    assert len(play.issuer_line.said) == said + 1  # nobody waits twice for the same silence
    with pytest.raises(Unavailable):
        play.issuer_line.ask_nonce("x")
    assert age(play).is_valid
