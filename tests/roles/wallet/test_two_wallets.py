"""One person, two wallets: with an order each they do not notice one another; an offer serves one of them."""

from dataclasses import replace

import pytest

from diptych.errors import Refused, Unavailable
from diptych.roles.issuer.model import OrderState
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.memory import MemoryWalletStore
from diptych.roles.wallet.presenting import Consent
from diptych.roles.wallet.service import Wallet
from tests.play import Play

AGREED = Consent(agrees=True)
EVERYTHING = {"driving-licence": 10, "proof-of-age": 30, "driving-entitlement": 10}


def second(play: Play) -> Wallet:
    """The same person's other device, which believes the same."""
    trust = Contents(play.store.read()).trust()
    wallet = replace(play.wallet, store=MemoryWalletStore())
    wallet.set_trust(trust.issuers, trust.verifiers)
    return wallet


def held(play: Play, wallet: Wallet) -> dict[str, int]:
    return {found.document.configuration_id: found.copies_left for found in wallet.list(now=play.now)}


def test_two_wallets_with_an_order_each_renew_and_show_for_months() -> None:
    play = Play()
    wallets = [play.wallet, second(play)]
    for wallet in wallets:
        approval = play.approve()
        assert wallet.accept(approval.offer.link(), approval.tx_code, now=play.now).refused == ()
    keys = [{grant.dpop_key.reveal() for grant in Contents(wallet.store.read()).grants()} for wallet in wallets]
    assert keys[0].isdisjoint(keys[1])
    for _ in range(4):
        play.later(days=10)
        play.town.issuer.sweep(play.now)
        for wallet in wallets:
            assert wallet.renew_due(now=play.now).failures == ()
            plan = wallet.review(play.ask("over_18").link, now=play.now)
            assert wallet.answer(plan, AGREED, now=play.now).is_accepted
    plan = wallets[0].review(play.ask("licence_name").link, now=play.now)
    wallets[0].answer(plan, AGREED, now=play.now)
    assert [held(play, wallet)["driving-licence"] for wallet in wallets] == [9, 10]
    assert play.town.issuer.store.incidents() == ()


@pytest.mark.parametrize("is_whole", [True, False])
def test_an_offer_that_one_wallet_took_is_refused_to_the_other_and_harms_neither(is_whole: bool) -> None:
    play = Play()
    other = second(play)
    approval = play.approve()
    link = approval.offer.link()
    if is_whole:
        play.wallet.accept(link, approval.tx_code, now=play.now)
    else:
        # Tokens are here, documents are not: the code still stands at the issuer, for this wallet's key alone.
        play.issuer_line.lost = iter([None] * 4 + ["request"])
        with pytest.raises(Unavailable):
            play.wallet.accept(link, approval.tx_code, now=play.now)
    for _ in range(6):  # as often as it likes: it is no wrong transaction code, and voids nothing
        with pytest.raises(Refused, match=r"issuer\.invalid_grant") as refused:
            other.accept(link, approval.tx_code, now=play.now)
    assert "another wallet" in refused.value.message
    assert "ask for an offer of its own" in refused.value.message
    assert held(play, other) == {}
    if not is_whole:
        assert play.wallet.accept(link, None, now=play.now).refused == ()
    assert held(play, play.wallet) == EVERYTHING
    assert play.wallet.renew("proof-of-age", now=play.now).failures == ()
    with play.town.issuer.store.transaction() as state:
        assert {order.state for order in state.tables.orders.values()} == {OrderState.CLOSED}
    assert play.town.issuer.store.incidents() == ()


def test_the_wallet_that_was_refused_takes_its_own_offer() -> None:
    play = Play()
    play.receive()
    other = second(play)
    approval = play.approve()
    play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    with pytest.raises(Refused):
        other.accept(approval.offer.link(), approval.tx_code, now=play.now)
    approval = play.approve()
    assert other.accept(approval.offer.link(), approval.tx_code, now=play.now).refused == ()
    assert held(play, other) == EVERYTHING


def test_two_offers_in_one_wallet_are_two_documents_that_renew_apart() -> None:
    play = Play()
    play.receive()
    play.receive()
    assert len(play.wallet.list(now=play.now)) == 6
    play.later(days=10)
    renewed = play.wallet.renew_due(now=play.now)
    assert (len(renewed.documents), renewed.failures) == (4, ())
    assert play.town.issuer.store.incidents() == ()
