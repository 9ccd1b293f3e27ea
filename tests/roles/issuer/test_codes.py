"""Codes: what opens an order, how often one may guess, and when it is over."""

from datetime import timedelta

from diptych.errors import Refused, Unavailable, VerificationError
from diptych.formats.order.codes import code_hash
from diptych.private import Secret
from diptych.protocols.openid4vci.offer import CredentialOffer
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.model import MAX_TRIES, TRIES_EXHAUSTED, OrderState
from tests.issuing import TinyWallet, Town, everything_in, nothing_changes, refused


def other_than(tx_code: str) -> str:
    return ("1" if tx_code[0] == "0" else "0") + tx_code[1:]


def changed(offer: CredentialOffer, code: bytes) -> CredentialOffer:
    return CredentialOffer(offer.issuer, offer.configuration_ids, Secret(code), offer.tx_code)


def the_order(town: Town, offer: CredentialOffer) -> OrderState | None:

    with town.store.transaction() as state:
        found = state.order_by_code(code_hash(offer.code))
    return None if found is None else found.state


def test_a_wrong_code_is_refused_and_changes_nothing() -> None:
    town = Town()
    offer, tx_code = town.order()
    for code in (b"x" * 43, offer.code.reveal()[:-1] + b"_", b"short", offer.code.reveal() + b"x"):
        with nothing_changes(town), refused("invalid_grant"):
            TinyWallet(town).redeem(changed(offer, code), tx_code)


def test_an_expired_code_is_refused_and_changes_nothing() -> None:
    town = Town()
    offer, tx_code = town.order(expires_in=timedelta(hours=1))
    town.later(hours=1)
    with nothing_changes(town), refused("invalid_grant"):
        TinyWallet(town).redeem(offer, tx_code)


def test_a_code_is_good_until_the_second_it_expires() -> None:
    town = Town()
    offer, tx_code = town.order(expires_in=timedelta(hours=1))
    town.later(minutes=59, seconds=59)
    TinyWallet(town).redeem(offer, tx_code)


def test_a_code_reused_after_its_tokens_were_used_is_refused_and_changes_nothing() -> None:
    town = Town()
    offer, tx_code = town.order()
    wallet = TinyWallet(town)
    wallet.obtain(wallet.redeem(offer, tx_code))
    with nothing_changes(town), refused("invalid_grant"):
        wallet.redeem(offer, tx_code)
    assert the_order(town, offer) is OrderState.CLOSED


def test_a_redeemed_code_in_another_wallets_hands_is_refused_and_changes_nothing() -> None:
    town = Town()
    offer, tx_code = town.order()
    TinyWallet(town).redeem(offer, tx_code)
    with nothing_changes(town), refused("invalid_grant"):
        TinyWallet(town).redeem(offer, tx_code)


def test_a_missing_transaction_code_is_an_invalid_request_and_costs_no_try() -> None:
    town = Town()
    offer, _ = town.order()
    with nothing_changes(town), refused("invalid_request"):
        TinyWallet(town).redeem(offer, None)


def test_a_guessed_transaction_code_costs_a_try_and_the_fifth_voids_the_order() -> None:
    town = Town()
    offer, tx_code = town.order()
    for left in range(MAX_TRIES - 1, 0, -1):
        with refused("invalid_grant", "token.tx_code"):
            TinyWallet(town).redeem(offer, other_than(tx_code))
        assert the_order(town, offer) is OrderState.OFFERED, left
    with refused("invalid_grant", "token.tries"):
        TinyWallet(town).redeem(offer, other_than(tx_code))
    assert the_order(town, offer) is OrderState.VOID
    assert [incident.kind for incident in town.store.incidents()] == [TRIES_EXHAUSTED]
    # The right one comes too late: nothing opens the order any more.
    with nothing_changes(town), refused("invalid_grant"):
        TinyWallet(town).redeem(offer, tx_code)
    with town.store.transaction() as state:
        order = state.order(town.store.incidents()[0].order_id)
    assert order is not None
    assert (order.sealed_full, order.sealed_renewal, order.code_wrap_full, order.code_wrap_renewal) == (None,) * 4


def test_four_wrong_guesses_do_not_harm_who_then_types_it_right() -> None:
    town = Town()
    offer, tx_code = town.order()
    wallet = TinyWallet(town)
    for _ in range(MAX_TRIES - 1):
        with refused("invalid_grant"):
            wallet.redeem(offer, other_than(tx_code))
    wallet.obtain(wallet.redeem(offer, tx_code))


def test_tries_count_for_codes_of_any_length() -> None:
    town = Town()
    offer, tx_code = town.order()
    for guess in ("", "1", tx_code + "0", "é" * 6, "9" * 200):
        with refused("invalid_grant"):
            TinyWallet(town).redeem(offer, guess)
    assert the_order(town, offer) is OrderState.VOID


def test_a_try_is_counted_durably_before_the_answer() -> None:

    town = Town()
    assert isinstance(town.store, MemoryIssuerStore)
    offer, tx_code = town.order()
    # A store that cannot save gives no answer on whether the guess was right.
    for guess in (other_than(tx_code), tx_code):
        town.store.fail_once("before")
        with nothing_changes(town):
            try:
                TinyWallet(town).redeem(offer, guess)
            except Unavailable:
                pass
            except (Refused, VerificationError):
                raise AssertionError("the answer came without the try being saved") from None


def test_the_code_and_tokens_are_nowhere_in_the_store() -> None:
    town = Town()
    offer, tx_code = town.order()
    wallet = TinyWallet(town)
    tokens = wallet.redeem(offer, tx_code)
    assert tokens.refresh_token is not None
    wallet.obtain(tokens)

    kept = everything_in(town)
    for secret in (offer.code, tokens.access_token, tokens.refresh_token):
        assert secret.reveal() not in kept
    assert b"Canary" not in kept
    assert code_hash(offer.code) in kept  # the search works
