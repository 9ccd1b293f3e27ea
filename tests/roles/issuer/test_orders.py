"""Orders at the issuer's door: only an honoured officer's, for this issuer, once."""

from datetime import timedelta

import pytest

from diptych.crypto.signing import generate_signer
from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.order.signed import MAX_BYTES, parse_signed_order, sign_order
from diptych.roles.issuer.fakes import MemoryIssuerStore
from tests.issuing import TinyWallet, Town, nothing_changes, refused


def test_an_order_is_accepted_once_and_recognised_when_sent_again() -> None:
    town = Town()
    signed, _, _ = town.approve()
    first = town.issuer.accept_order(signed, now=town.now)
    with nothing_changes(town):
        second = town.issuer.accept_order(signed, now=town.now)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.order_id == second.order_id


def test_another_order_under_the_same_id_is_a_conflict() -> None:
    town = Town()
    signed, _, _ = town.approve()
    order = parse_signed_order(signed).unverified_order
    town.issuer.accept_order(signed, now=town.now)
    other = type(order)(
        order.order_id,
        order.issuer,
        order.officer,
        order.expires_at + timedelta(hours=1),
        order.code_hash,
        order.tx_code_length,
        order.full,
        order.renewal,
    )
    with nothing_changes(town), pytest.raises(Conflict, match=r"order\.id"):
        town.issuer.accept_order(sign_order(other, signer=town.officer).encode(), now=town.now)


def test_an_order_of_an_officer_who_is_not_honoured_is_refused() -> None:
    town = Town()
    signed, _, _ = town.approve(officer=generate_signer())
    with nothing_changes(town), pytest.raises(Refused, match=r"order\.officer"):
        town.issuer.accept_order(signed, now=town.now)


def test_an_order_for_another_issuer_is_refused() -> None:
    town = Town()
    signed, _, _ = town.approve(issuer="https://other.example")
    with nothing_changes(town), pytest.raises(VerificationError, match=r"order\.issuer"):
        town.issuer.accept_order(signed, now=town.now)


def test_an_expired_order_is_refused() -> None:
    town = Town()
    signed, _, _ = town.approve(expires_in=timedelta(hours=1))
    town.later(hours=1)
    with nothing_changes(town), pytest.raises(VerificationError, match=r"order\.expired"):
        town.issuer.accept_order(signed, now=town.now)


def test_a_changed_order_is_refused() -> None:
    town = Town()
    signed, _, _ = town.approve()
    for position in range(0, len(signed), 499):
        changed = bytearray(signed)
        changed[position] ^= 1
        with nothing_changes(town), pytest.raises((FormatError, VerificationError, Refused)):
            town.issuer.accept_order(bytes(changed), now=town.now)


def test_an_oversize_order_is_refused() -> None:
    town = Town()
    with nothing_changes(town), pytest.raises(FormatError, match=r"order\.size"):
        town.issuer.accept_order(bytes(MAX_BYTES + 1), now=town.now)


def test_a_void_order_cannot_be_sent_again() -> None:
    town = Town()
    signed, offer, tx_code = town.approve()
    town.issuer.accept_order(signed, now=town.now)

    wrong = "0" * 6 if tx_code != "0" * 6 else "1" * 6
    for _ in range(5):
        with refused("invalid_grant"):
            TinyWallet(town).redeem(offer, wrong)
    with nothing_changes(town):
        assert not town.issuer.accept_order(signed, now=town.now).is_new
    with refused("invalid_grant"):
        TinyWallet(town).redeem(offer, tx_code)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_order_whose_answer_was_lost_is_accepted_when_sent_again(when: str) -> None:
    town = Town()
    assert isinstance(town.store, MemoryIssuerStore)
    signed, _, _ = town.approve()
    town.store.fail_once("before" if when == "before" else "after")
    with pytest.raises(Unavailable):
        town.issuer.accept_order(signed, now=town.now)
    assert town.issuer.accept_order(signed, now=town.now).is_new == (when == "before")
