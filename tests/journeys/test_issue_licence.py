"""A licence is ordered at the counter, redeemed by the citizen's wallet, and its short-lived proof renewed."""

from datetime import timedelta

from diptych.formats.mdoc.verify import verify_issuer_signed
from diptych.private import Personal
from tests.issuing import FULL, MIDNIGHT, TinyWallet, Town


def test_a_licence_and_its_proof_of_age_are_issued_and_the_proof_is_renewed() -> None:
    town, trust = (town := Town()), town.signers.trust()
    wallet = TinyWallet(town)

    # The officer approves; the issuer has the order and cannot read it; the citizen has the offer and the code.
    offer, tx_code = town.order()

    # The wallet redeems the code and asks for two copies of the licence.
    tokens = wallet.redeem(offer, tx_code)
    licences = wallet.documents(wallet.obtain(tokens, "driving-licence", count=2))
    assert len(licences) == 2
    for licence, key in licences:
        verified = verify_issuer_signed(
            licence, expected_doc_type="org.iso.18013.5.1.mDL", trust=trust, now=town.now, expected_device_key=key
        )
        assert verified.claims[("org.iso.18013.5.1.mDL", "family_name")] == Personal(FULL["family_name"])
        assert verified.signed == verified.valid_from == MIDNIGHT
        assert verified.valid_until == MIDNIGHT + timedelta(days=90)

    # The same token gives the proof of age: a document of its own, from a signer of its own.
    proofs = wallet.documents(wallet.obtain(tokens, "proof-of-age", count=5))
    assert len(proofs) == 5
    assert {proof.issuer_auth.x5chain()[0] for proof, _ in proofs} != {
        licence.issuer_auth.x5chain()[0] for licence, _ in licences
    }

    # Ten days later the wallet renews by itself: no officer, no person, and nothing but the booleans is opened.
    town.later(days=10)
    town.issuer.sweep(town.now)
    renewed = wallet.refresh(tokens)
    assert renewed.scope == ("proof-of-age",)
    again = wallet.documents(wallet.obtain(renewed, "proof-of-age", count=5))
    for proof, key in again:
        verified = verify_issuer_signed(
            proof, expected_doc_type="eu.europa.ec.av.1", trust=trust, now=town.now, expected_device_key=key
        )
        assert verified.claims == {("eu.europa.ec.av.1", "age_over_18"): Personal(True)}
        assert verified.valid_until == MIDNIGHT + timedelta(days=10 + 14)
