"""A lost response loses nothing: at each step the wallet asks again, and gets what it needs."""

import pytest

from diptych.errors import Unavailable
from diptych.protocols.oauth.token import TokenResponse
from diptych.roles.issuer.fakes import MemoryIssuerStore
from tests.issuing import TinyWallet, Town, nothing_changes, refused


@pytest.fixture(params=["before", "after"])
def fails(request: pytest.FixtureRequest) -> str:
    """Whether the store's answer is lost before or after it saved."""
    found: str = request.param
    return found


def lose(town: Town, fails: str) -> None:
    assert isinstance(town.store, MemoryIssuerStore)
    town.store.fail_once("before" if fails == "before" else "after")


def test_tokens_for_a_code_that_were_lost_are_given_again_to_the_same_key(fails: str) -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    lose(town, fails)
    with pytest.raises(Unavailable):
        wallet.redeem(offer, tx_code)
    tokens = wallet.redeem(offer, tx_code)
    assert len(wallet.obtain(tokens).credentials) == 2


def test_tokens_given_again_replace_those_that_were_lost() -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    lost = wallet.redeem(offer, tx_code)
    tokens = wallet.redeem(offer, tx_code)
    with nothing_changes(town), refused("invalid_token"):
        wallet.obtain(lost)
    wallet.obtain(tokens)


def test_a_transaction_code_mistyped_while_asking_again_counts_and_loses_nothing_else() -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    tokens = wallet.redeem(offer, tx_code)
    with refused("invalid_grant", "token.tx_code"):
        wallet.redeem(offer, "x" * 6)
    wallet.obtain(tokens)


def test_documents_that_were_lost_are_issued_again(fails: str) -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    tokens = wallet.redeem(offer, tx_code)
    lose(town, fails)
    with pytest.raises(Unavailable):
        wallet.obtain(tokens)
    assert len(wallet.obtain(tokens).credentials) == 2
    assert len(wallet.obtain(tokens, "proof-of-age").credentials) == 2


def test_refreshed_tokens_that_were_lost_are_given_again(fails: str) -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    tokens = wallet.redeem(offer, tx_code)
    wallet.obtain(tokens)
    town.later(days=10)
    for _ in range(3):
        lose(town, fails)
        with pytest.raises(Unavailable):
            wallet.refresh(tokens)
        tokens = again(wallet, tokens)
    assert town.store.incidents() == ()


def again(wallet: TinyWallet, tokens: TokenResponse) -> TokenResponse:
    renewed = wallet.refresh(tokens)
    wallet.obtain(renewed, "proof-of-age")
    return renewed


def test_renewed_documents_that_were_lost_are_issued_again(fails: str) -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    renewed = wallet.refresh(wallet.redeem(offer, tx_code))
    lose(town, fails)
    with pytest.raises(Unavailable):
        wallet.obtain(renewed, "proof-of-age")
    # The access token's use may or may not have been saved; the newest refresh token works either way.
    wallet.obtain(wallet.refresh(renewed), "proof-of-age")
    assert town.store.incidents() == ()


def test_a_wallet_that_lost_its_access_token_in_time_goes_on_with_its_refresh_token() -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    tokens = wallet.redeem(offer, tx_code)
    town.later(minutes=10)
    with nothing_changes(town), refused("invalid_token"):
        wallet.obtain(tokens)
    # Its tokens were never used: the code still gives fresh ones, full document and all.
    wallet.obtain(wallet.redeem(offer, tx_code), "driving-licence")
