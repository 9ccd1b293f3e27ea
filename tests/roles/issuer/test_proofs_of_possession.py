"""DPoP proofs and key proofs at the issuer: replayed, missing, foreign, late, early; each leaves nothing behind."""

from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto.signing import generate_signer
from diptych.formats.jose import jwk, jws
from diptych.private import Secret
from diptych.protocols.oauth.dpop import MAX_SKEW_SECONDS, token_hash
from diptych.protocols.oauth.token import RefreshTokenRequest
from diptych.protocols.openid4vci.key_proof import build_key_proof
from diptych.roles.issuer.model import NONCE_LIFETIME_SECONDS
from tests.issuing import TinyWallet, Town, nothing_changes, refused


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
def wallet(town: Town) -> TinyWallet:
    """A wallet that has just redeemed its code."""
    wallet = TinyWallet(town)
    offer, tx_code = town.order()
    wallet.current = wallet.redeem(offer, tx_code)
    return wallet


def test_a_replayed_dpop_proof_is_refused_at_the_token_endpoint(town: Town, wallet: TinyWallet) -> None:
    proof = wallet.dpop("/token")

    assert wallet.current.refresh_token is not None
    wallet.tokens(RefreshTokenRequest(wallet.current.refresh_token), dpop=proof)
    with nothing_changes(town), refused("invalid_dpop_proof", "dpop.replayed"):
        wallet.tokens(RefreshTokenRequest(wallet.current.refresh_token), dpop=proof)


def test_a_replayed_dpop_proof_is_refused_at_the_credential_endpoint(town: Town, wallet: TinyWallet) -> None:
    proof = wallet.dpop("/credential", access_token=wallet.current.access_token)
    wallet.obtain(wallet.current, dpop=proof)
    with nothing_changes(town), refused("invalid_dpop_proof", "dpop.replayed"):
        wallet.obtain(wallet.current, dpop=proof)


def test_a_replayed_guess_costs_only_one_try(town: Town) -> None:
    wallet = TinyWallet(town)
    offer, _ = town.order()
    proof = wallet.dpop("/token")
    with refused("invalid_grant", "token.tx_code"):
        wallet.redeem(offer, "x", dpop=proof)
    with nothing_changes(town), refused("invalid_dpop_proof", "dpop.replayed"):
        wallet.redeem(offer, "x", dpop=proof)


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"htm": "GET"}, "dpop.htm"),
        ({"htu": "http://127.0.0.1:8101/token"}, "dpop.htu"),
        ({"htu": "https://other.example/credential"}, "dpop.htu"),
    ],
)
def test_a_dpop_proof_for_another_request_is_refused(
    town: Town, wallet: TinyWallet, changed: dict[str, str], check: str
) -> None:
    proof = wallet.dpop("/credential", access_token=wallet.current.access_token, **changed)
    with nothing_changes(town), refused("invalid_dpop_proof", check):
        wallet.obtain(wallet.current, dpop=proof)


def test_the_query_and_fragment_of_htu_do_not_matter(town: Town, wallet: TinyWallet) -> None:

    claims = {
        "jti": "once",
        "htm": "POST",
        "htu": f"{town.url}/credential?x=1#y",
        "iat": int(town.now.timestamp()),
        "nonce": town.issuer.dpop_nonce(now=town.now, entropy=town.entropy),
        "ath": token_hash(wallet.current.access_token),
    }
    proof = jws.sign(claims, signer=wallet.key, typ="dpop+jwt", header={"jwk": jwk.encode(wallet.key.public_key)})
    wallet.obtain(wallet.current, dpop=proof)


@pytest.mark.parametrize("skew", [-MAX_SKEW_SECONDS - 1, MAX_SKEW_SECONDS + 1])
def test_a_dpop_proof_from_a_clock_too_far_off_is_refused(town: Town, wallet: TinyWallet, skew: int) -> None:
    proof = wallet.dpop("/credential", access_token=wallet.current.access_token, now=town.now + timedelta(seconds=skew))
    with nothing_changes(town), refused("invalid_dpop_proof", "dpop.iat"):
        wallet.obtain(wallet.current, dpop=proof)


@pytest.mark.parametrize("skew", [-MAX_SKEW_SECONDS, MAX_SKEW_SECONDS])
def test_clocks_may_differ_by_five_minutes(town: Town, wallet: TinyWallet, skew: int) -> None:
    now = town.now + timedelta(seconds=skew)
    nonce = wallet.c_nonce()
    proofs = [build_key_proof(generate_signer(), issuer=town.url, c_nonce=nonce, now=now)]
    wallet.obtain(
        wallet.current,
        proofs=proofs,
        dpop=wallet.dpop("/credential", access_token=wallet.current.access_token, now=now),
    )


@pytest.mark.parametrize("nonce", [None, "made up", ""])
def test_a_dpop_proof_without_a_nonce_of_ours_is_told_to_use_one(
    town: Town, wallet: TinyWallet, nonce: str | None
) -> None:
    proof = wallet.dpop("/credential", access_token=wallet.current.access_token, nonce=nonce)
    with nothing_changes(town), refused("use_dpop_nonce", "dpop.nonce"):
        wallet.obtain(wallet.current, dpop=proof)


def test_a_dpop_nonce_expires(town: Town, wallet: TinyWallet) -> None:
    nonce = town.issuer.dpop_nonce(now=town.now, entropy=town.entropy)
    town.later(seconds=NONCE_LIFETIME_SECONDS)
    proof = wallet.dpop("/credential", access_token=wallet.current.access_token, nonce=nonce)
    with nothing_changes(town), refused("use_dpop_nonce", "dpop.nonce"):
        wallet.obtain(wallet.current, dpop=proof)


def test_a_c_nonce_is_no_dpop_nonce_and_the_other_way_round(town: Town, wallet: TinyWallet) -> None:
    proof = wallet.dpop("/credential", access_token=wallet.current.access_token, nonce=wallet.c_nonce())
    with nothing_changes(town), refused("use_dpop_nonce"):
        wallet.obtain(wallet.current, dpop=proof)
    dpop_nonce = town.issuer.dpop_nonce(now=town.now, entropy=town.entropy)
    with nothing_changes(town), refused("invalid_nonce"):
        wallet.obtain(wallet.current, proofs=wallet.key_proofs(1, c_nonce=dpop_nonce))


def test_a_token_used_by_another_key_is_refused(town: Town, wallet: TinyWallet) -> None:
    thief = TinyWallet(town)
    with nothing_changes(town), refused("invalid_token", "token.binding"):
        thief.obtain(wallet.current)


def test_a_dpop_proof_for_another_token_is_refused(town: Town, wallet: TinyWallet) -> None:
    proof = wallet.dpop("/credential", access_token=Secret(b"another"))
    with nothing_changes(town), refused("invalid_dpop_proof", "dpop.ath"):
        wallet.obtain(wallet.current, dpop=proof)
    with nothing_changes(town), refused("invalid_dpop_proof"):
        wallet.obtain(wallet.current, dpop=wallet.dpop("/credential"))


def test_an_unknown_token_is_refused(town: Town, wallet: TinyWallet) -> None:

    unknown = replace(wallet.current, access_token=Secret(b"x" * 43))
    with nothing_changes(town), refused("invalid_token", "token.access"):
        wallet.obtain(unknown)


def test_a_token_expires_after_ten_minutes(town: Town, wallet: TinyWallet) -> None:
    town.later(minutes=9, seconds=59)
    wallet.obtain(wallet.current)
    town.later(seconds=1)
    with nothing_changes(town), refused("invalid_token", "token.access"):
        wallet.obtain(wallet.current)


def test_a_c_nonce_is_used_once(town: Town, wallet: TinyWallet) -> None:
    nonce = wallet.c_nonce()
    wallet.obtain(wallet.current, proofs=wallet.key_proofs(2, c_nonce=nonce))
    with nothing_changes(town), refused("invalid_nonce", "key_proof.nonce"):
        wallet.obtain(wallet.current, proofs=wallet.key_proofs(2, c_nonce=nonce))


def test_a_c_nonce_expires(town: Town, wallet: TinyWallet) -> None:
    proofs = wallet.key_proofs(1)
    town.later(seconds=NONCE_LIFETIME_SECONDS)
    with nothing_changes(town), refused("invalid_nonce", "key_proof.nonce"):
        wallet.obtain(wallet.current, proofs=proofs)


def test_an_absent_c_nonce_is_an_invalid_proof(town: Town, wallet: TinyWallet) -> None:

    key = generate_signer()
    proof = jws.sign(
        {"aud": town.url, "iat": int(town.now.timestamp())},
        signer=key,
        typ="openid4vci-proof+jwt",
        header={"jwk": jwk.encode(key.public_key)},
    )
    with nothing_changes(town), refused("invalid_proof"):
        wallet.obtain(wallet.current, proofs=[proof])


def test_asking_for_nonces_fills_no_memory(town: Town, wallet: TinyWallet) -> None:
    with nothing_changes(town):
        for _ in range(1000):
            wallet.c_nonce()


def test_a_proof_by_the_wrong_key_is_refused_with_the_whole_batch(town: Town, wallet: TinyWallet) -> None:

    good = wallet.key_proofs(1)
    nonce = wallet.c_nonce()
    mine, other = generate_signer(), generate_signer()
    forged = jws.sign(
        {"aud": town.url, "iat": int(town.now.timestamp()), "nonce": nonce},
        signer=mine,
        typ="openid4vci-proof+jwt",
        header={"jwk": jwk.encode(other.public_key)},
    )
    with nothing_changes(town), refused("invalid_proof"):
        wallet.obtain(wallet.current, proofs=[*good, forged])


def test_a_key_proof_for_another_issuer_is_refused(town: Town, wallet: TinyWallet) -> None:
    with nothing_changes(town), refused("invalid_proof", "key_proof.aud"):
        wallet.obtain(wallet.current, proofs=wallet.key_proofs(1, issuer="https://other.example"))


def test_one_key_for_two_copies_is_refused(town: Town, wallet: TinyWallet) -> None:
    proofs = wallet.key_proofs(1)
    with nothing_changes(town), refused("invalid_proof", "key_proof.repeated"):
        wallet.obtain(wallet.current, proofs=[*proofs, *proofs])


def test_more_proofs_than_announced_are_refused(town: Town, wallet: TinyWallet) -> None:
    announced = town.issuer.metadata().batch_size
    with nothing_changes(town), refused("invalid_proof", "credential.batch_size"):
        wallet.obtain(wallet.current, proofs=wallet.key_proofs(announced + 1))


def test_no_more_copies_are_issued_than_the_type_has(wallet: TinyWallet) -> None:
    assert len(wallet.obtain(wallet.current, "driving-licence", count=5).credentials) == 3
    assert len(wallet.obtain(wallet.current, "proof-of-age", count=5).credentials) == 5


def test_an_unknown_configuration_is_refused(town: Town, wallet: TinyWallet) -> None:
    with nothing_changes(town), refused("unknown_credential_configuration"):
        wallet.obtain(wallet.current, "passport")


def test_a_document_that_was_not_ordered_is_refused(town: Town, wallet: TinyWallet) -> None:
    with nothing_changes(town), refused("credential_request_denied"):
        wallet.obtain(wallet.current, "identity-card")


def test_what_is_remembered_of_requests_is_forgotten(town: Town, wallet: TinyWallet) -> None:
    wallet.obtain(wallet.current)
    assert len(town.store.contents().seen) == 3
    town.later(minutes=6)
    town.issuer.sweep(town.now)
    assert town.store.contents().seen == {}
