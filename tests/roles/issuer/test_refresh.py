"""Refresh tokens: they open renewals only, rotate without loss, and give away whoever copied one."""

from datetime import timedelta

from diptych.formats.mdoc.verify import verify_issuer_signed
from diptych.roles.issuer.model import REFRESH_REUSE
from tests.issuing import MIDNIGHT, TinyWallet, Town, nothing_changes, refused


def wallet_with_tokens() -> tuple[Town, TinyWallet]:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    wallet.current = wallet.redeem(offer, tx_code)
    wallet.obtain(wallet.current)
    return town, wallet


def test_a_full_document_through_refresh_is_refused_and_changes_nothing() -> None:
    town, wallet = wallet_with_tokens()
    renewed = wallet.refresh(wallet.current)
    with nothing_changes(town), refused("credential_request_denied", "credential.not_ordered"):
        wallet.obtain(renewed, "driving-licence")
    wallet.obtain(renewed, "proof-of-age")


def test_the_full_ciphertext_is_gone_once_nothing_can_open_it() -> None:
    town, wallet = wallet_with_tokens()
    town.later(minutes=10)
    town.issuer.sweep(town.now)
    with town.store.transaction() as state:
        grant = next(iter(state.refresh_grants(next(iter(orders(town))))))
        order = state.order(grant.order_id)
    assert order is not None
    assert order.sealed_full is None
    assert order.sealed_renewal is not None
    wallet.obtain(wallet.refresh(wallet.current), "proof-of-age")


def orders(town: Town) -> list[bytes]:
    return list(town.store.contents().orders)


def test_reuse_after_the_successor_was_used_voids_the_order_and_is_an_incident() -> None:
    town, wallet = wallet_with_tokens()
    first = wallet.current
    second = wallet.refresh(first)
    third = wallet.refresh(second)  # the successor's first use
    with refused("invalid_grant", "token.refresh_reused"):
        wallet.refresh(first)
    assert [incident.kind for incident in town.store.incidents()] == [REFRESH_REUSE]
    # The thief's and the citizen's tokens alike open nothing now.
    for tokens in (first, second, third):
        with nothing_changes(town), refused("invalid_grant"):
            wallet.refresh(tokens)
        with nothing_changes(town), refused("invalid_token"):
            wallet.obtain(tokens, "proof-of-age")


def test_reuse_after_the_successors_access_token_was_used_voids_the_order() -> None:
    town, wallet = wallet_with_tokens()
    second = wallet.refresh(wallet.current)
    wallet.obtain(second, "proof-of-age")
    with refused("invalid_grant", "token.refresh_reused"):
        wallet.refresh(wallet.current)
    assert len(town.store.incidents()) == 1


def test_a_replaced_successor_that_turns_up_later_voids_the_order() -> None:
    town, wallet = wallet_with_tokens()
    lost = wallet.refresh(wallet.current)
    wallet.refresh(wallet.current)
    with refused("invalid_grant", "token.refresh_reused"):
        wallet.refresh(lost)
    assert len(town.store.incidents()) == 1


def test_a_refresh_token_in_another_keys_hands_is_refused_and_changes_nothing() -> None:
    town, wallet = wallet_with_tokens()
    with nothing_changes(town), refused("invalid_grant"):
        TinyWallet(town).refresh(wallet.current)
    # Even a superseded one: who lacks the key can void nothing.
    wallet.refresh(wallet.refresh(wallet.current))
    with nothing_changes(town), refused("invalid_grant"):
        TinyWallet(town).refresh(wallet.current)


def test_renewal_goes_on_for_a_year_and_then_ends() -> None:
    town, wallet = wallet_with_tokens()
    tokens = wallet.current
    for _ in range(36):
        town.later(days=10)
        town.issuer.sweep(town.now)
        tokens = wallet.refresh(tokens)
        wallet.obtain(tokens, "proof-of-age")
    town.later(days=5)
    with nothing_changes(town), refused("invalid_grant"):
        wallet.refresh(tokens)
    town.issuer.sweep(town.now)
    assert orders(town) == []


def test_renewal_ends_where_the_officer_said() -> None:

    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order(proofs_until=MIDNIGHT + timedelta(days=20))
    tokens = wallet.redeem(offer, tx_code)
    town.later(days=15)
    tokens = wallet.refresh(tokens)
    (document, _), *_ = wallet.documents(wallet.obtain(tokens, "proof-of-age"))

    verified = verify_issuer_signed(
        document, expected_doc_type="eu.europa.ec.av.1", trust=town.signers.trust(), now=town.now
    )
    assert verified.valid_until == MIDNIGHT + timedelta(days=20)
    town.later(days=5)
    with nothing_changes(town), refused("invalid_grant", "token.nothing_to_renew"):
        wallet.refresh(tokens)
