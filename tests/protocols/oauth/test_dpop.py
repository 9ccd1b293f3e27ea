"""DPoP proofs, one field wrong at a time (RFC 9449 4.3)."""

from datetime import UTC, datetime

import pytest

from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import VerificationError
from diptych.formats import base64url
from diptych.formats.jose import jwk, jws
from diptych.private import Secret
from diptych.protocols.oauth.dpop import DpopProof, build_proof, token_hash, verify_proof

NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
URL = "https://issuer.example/token"
KEY = generate_signer()
TOKEN = Secret(b"token")
CLAIMS: dict[str, object] = {
    "jti": "once",
    "htm": "POST",
    "htu": URL,
    "iat": int(NOW.timestamp()),
    "nonce": "ours",
    "ath": token_hash(TOKEN),
}


def check_nonce(nonce: str) -> None:
    if nonce != "ours":
        raise VerificationError("nonce.foreign", "not ours")


def verify(proof: str) -> DpopProof:
    return verify_proof(
        proof, expected_htm="POST", expected_htu=URL, check_nonce=check_nonce, now=NOW, access_token=TOKEN
    )


def signed(claims: dict[str, object], *, signer: SoftwareSigner = KEY, typ: str = "dpop+jwt", **header: object) -> str:
    return jws.sign(claims, signer=signer, typ=typ, header={"jwk": jwk.encode(KEY.public_key), **header})


def test_what_is_built_verifies() -> None:
    proof = build_proof(KEY, htm="POST", htu=URL, now=NOW, entropy=bytes, nonce="ours", access_token=TOKEN)
    verified = verify(proof)
    assert verified == DpopProof(base64url.encode(jwk.thumbprint(KEY.public_key)), "A" * 22, NOW)


def test_the_hash_of_the_standards_example_token() -> None:
    # RFC 9449 7.1 and 4.2: the access token of the example and its ath.
    token = Secret(b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
    assert token_hash(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


@pytest.mark.parametrize("missing", ["jti", "htm", "htu", "iat", "ath"])
def test_a_missing_claim_is_refused(missing: str) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != missing}
    with pytest.raises(VerificationError) as caught:
        verify(signed(claims))
    assert caught.value.code == "invalid_dpop_proof"


@pytest.mark.parametrize(
    ("claim", "value", "check"),
    [
        ("jti", "", "dpop.jti"),
        ("jti", "x" * 129, "dpop.jti"),
        ("jti", 1, "dpop.json.jti"),
        ("htm", "post", "dpop.htm"),
        ("htu", "https://issuer.example/credential", "dpop.htu"),
        ("htu", "https://issuer.example.evil/token", "dpop.htu"),
        ("htu", "not a url", "dpop.url"),
        ("iat", int(NOW.timestamp()) - 301, "dpop.iat"),
        ("iat", int(NOW.timestamp()) + 301, "dpop.iat"),
        ("iat", str(int(NOW.timestamp())), "dpop.json.iat"),
        ("iat", True, "dpop.json.iat"),
        ("ath", token_hash(Secret(b"other")), "dpop.ath"),
        ("ath", "", "dpop.ath"),
    ],
)
def test_a_wrong_claim_is_refused_by_name(claim: str, value: object, check: str) -> None:
    with pytest.raises(VerificationError) as caught:
        verify(signed({**CLAIMS, claim: value}))
    assert (caught.value.check, caught.value.code) == (check, "invalid_dpop_proof")


@pytest.mark.parametrize("nonce", ["theirs", ""])
def test_a_foreign_nonce_asks_for_a_fresh_one(nonce: str) -> None:
    with pytest.raises(VerificationError) as caught:
        verify(signed({**CLAIMS, "nonce": nonce}))
    assert caught.value.code == "use_dpop_nonce"


def test_an_absent_nonce_asks_for_one_and_is_fine_where_none_is_expected() -> None:
    proof = signed({name: value for name, value in CLAIMS.items() if name != "nonce"})
    with pytest.raises(VerificationError) as caught:
        verify(proof)
    assert caught.value.code == "use_dpop_nonce"
    verify_proof(proof, expected_htm="POST", expected_htu=URL, check_nonce=None, now=NOW, access_token=TOKEN)


def test_a_proof_by_another_key_than_its_own_is_refused() -> None:
    with pytest.raises(VerificationError) as caught:
        verify(signed(CLAIMS, signer=generate_signer()))
    assert (caught.value.check, caught.value.code) == ("dpop.jws.signature", "invalid_dpop_proof")


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": {**jwk.encode(KEY.public_key), "d": "AA"}},
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"jwk": None},
        {"alg": "none"},
        {"alg": "HS256"},
        {"crit": ["x"], "x": 1},
    ],
)
def test_other_headers_are_refused(header: dict[str, object]) -> None:
    with pytest.raises(VerificationError) as caught:
        verify(signed(CLAIMS, **header))
    assert caught.value.code == "invalid_dpop_proof"


@pytest.mark.parametrize("typ", ["JWT", "openid4vci-proof+jwt", "DPOP+JWT"])
def test_another_type_of_jwt_is_no_proof(typ: str) -> None:
    with pytest.raises(VerificationError) as caught:
        verify(signed(CLAIMS, typ=typ))
    assert caught.value.check == "dpop.jws.typ"


@pytest.mark.parametrize("proof", ["", "a.b", "a.b.c", "é.é.é", "." * 9000])
def test_nonsense_is_refused(proof: str) -> None:
    with pytest.raises(VerificationError) as caught:
        verify(proof)
    assert caught.value.code == "invalid_dpop_proof"
