"""What is in an issued document: values checked again, dates of whole days, digests shuffled."""

from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.errors import Refused, Unavailable
from diptych.formats.mdoc.verify import VerifiedIssuerSigned, verify_issuer_signed
from tests.issuing import FULL, MIDNIGHT, TinyWallet, Town, nothing_changes, refused

MDL = "org.iso.18013.5.1.mDL"


def issued(town: Town, count: int = 1, **order: object) -> list[VerifiedIssuerSigned]:
    wallet = TinyWallet(town)
    offer, tx_code = town.order(**order)
    documents = wallet.documents(wallet.obtain(wallet.redeem(offer, tx_code), count=count))
    return [
        verify_issuer_signed(
            document, expected_doc_type=MDL, trust=town.signers.trust(), now=town.now, expected_device_key=key
        )
        for document, key in documents
    ]


@pytest.mark.parametrize("hours", [0, 3, 14.4])
def test_dates_are_whole_days_whatever_the_hour(hours: float) -> None:
    town = Town()
    town.later(hours=hours)
    (document,) = issued(town)
    assert (document.signed, document.valid_from) == (MIDNIGHT, MIDNIGHT)
    assert document.valid_until == MIDNIGHT + timedelta(days=90)


def test_no_copy_outlives_what_the_officer_allowed() -> None:
    cap = MIDNIGHT + timedelta(days=7, hours=11)
    (document,) = issued(Town(), licence_until=cap)
    assert document.valid_until == MIDNIGHT + timedelta(days=7)


def test_an_order_whose_cap_has_passed_issues_nothing() -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order(licence_until=MIDNIGHT + timedelta(hours=12))
    tokens = wallet.redeem(offer, tx_code)
    with nothing_changes(town), refused("credential_request_denied", "credential.expired"):
        wallet.obtain(tokens)


@pytest.mark.parametrize(
    "values",
    [
        {"family_name": "Mustermann"},
        {**FULL, "nationality": "UT"},
        {**FULL, "given_name": 7},
        {**FULL, "given_name": "x" * 200},
    ],
)
def test_values_that_do_not_fit_the_catalogue_are_not_signed(values: dict[str, object]) -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order(full=values)
    tokens = wallet.redeem(offer, tx_code)
    with nothing_changes(town), refused("credential_request_denied", "credential.catalogue"):
        wallet.obtain(tokens)


def test_an_error_about_values_does_not_say_them() -> None:

    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order(full={**FULL, "given_name": "Canary" * 40})
    tokens = wallet.redeem(offer, tx_code)
    with pytest.raises(Refused) as caught:
        wallet.obtain(tokens)
    assert "Canary" not in str(caught.value)


def test_two_copies_share_neither_key_nor_salt_nor_digest() -> None:
    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    (first, _), (second, _) = wallet.documents(wallet.obtain(wallet.redeem(offer, tx_code), count=2))
    salts = [{item.random for group in document.namespaces.values() for item in group} for document in (first, second)]
    assert not salts[0] & salts[1]


def test_a_signer_that_cannot_be_reached_uses_nothing_up() -> None:

    class NoSigners:
        def signer_for(self, doc_type: str) -> None:
            raise Unavailable("signer", "the token was pulled out")

    town = Town()
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    tokens = wallet.redeem(offer, tx_code)
    working, town.issuer = town.issuer, replace(town.issuer, signers=NoSigners())
    proofs = wallet.key_proofs(1)
    with nothing_changes(town), pytest.raises(Unavailable):
        wallet.obtain(tokens, proofs=proofs)
    town.issuer = working
    wallet.obtain(tokens, proofs=proofs)
