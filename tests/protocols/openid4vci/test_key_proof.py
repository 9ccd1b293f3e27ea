"""Proofs of possession of device keys, one field wrong at a time (OpenID4VCI 1.0, appendix F)."""

from datetime import UTC, datetime

import pytest

from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import VerificationError
from diptych.formats.jose import jwk, jws
from diptych.protocols.openid4vci.key_proof import ProvenKeys, build_key_proof, verify_key_proofs

NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
ISSUER = "https://issuer.example"
KEY = generate_signer()
CLAIMS: dict[str, object] = {"aud": ISSUER, "iat": int(NOW.timestamp()), "nonce": "ours"}
TYP = "openid4vci-proof+jwt"


def check_nonce(nonce: str) -> None:
    if not nonce.startswith("ours"):
        raise VerificationError("nonce.foreign", "not ours")


def verify(*proofs: str) -> ProvenKeys:
    return verify_key_proofs(proofs, expected_issuer=ISSUER, check_nonce=check_nonce, now=NOW)


def signed(claims: dict[str, object], *, signer: SoftwareSigner = KEY, typ: str = TYP, **header: object) -> str:
    return jws.sign(claims, signer=signer, typ=typ, header={"jwk": jwk.encode(KEY.public_key), **header})


def test_a_batch_of_proofs_gives_its_keys_in_order_and_its_nonces_once() -> None:
    signers = [generate_signer() for _ in range(5)]
    proofs = [build_key_proof(signer, issuer=ISSUER, c_nonce="ours", now=NOW) for signer in signers]
    found = verify(*proofs, build_key_proof(KEY, issuer=ISSUER, c_nonce="ours too", now=NOW))
    assert found.public_keys == tuple(signer.public_key for signer in [*signers, KEY])
    assert found.nonces == ("ours", "ours too")


@pytest.mark.parametrize(
    ("claim", "value", "code"),
    [
        ("aud", "https://other.example", "invalid_proof"),
        ("aud", [ISSUER], "invalid_proof"),
        ("aud", None, "invalid_proof"),
        ("iat", int(NOW.timestamp()) - 301, "invalid_proof"),
        ("iat", int(NOW.timestamp()) + 301, "invalid_proof"),
        ("iat", None, "invalid_proof"),
        ("nonce", None, "invalid_proof"),
        ("nonce", 7, "invalid_proof"),
        ("nonce", "theirs", "invalid_nonce"),
        ("nonce", "", "invalid_nonce"),
    ],
)
def test_a_wrong_claim_is_refused_with_the_standards_code(claim: str, value: object, code: str) -> None:
    good = build_key_proof(generate_signer(), issuer=ISSUER, c_nonce="ours", now=NOW)
    with pytest.raises(VerificationError) as caught:
        verify(good, signed({**CLAIMS, claim: value}))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "did:example:1"},
        {"x5c": ["AA=="]},
        {"jwk": {**jwk.encode(KEY.public_key), "d": "AA"}},
        {"jwk": None},
        {"alg": "none"},
        {"key_attestation": "a.b.c"},
    ],
)
def test_other_headers_are_refused(header: dict[str, object]) -> None:
    with pytest.raises(VerificationError) as caught:
        verify(signed(CLAIMS, **header))
    assert caught.value.code == "invalid_proof"


@pytest.mark.parametrize("typ", ["JWT", "dpop+jwt"])
def test_another_type_of_jwt_is_no_proof(typ: str) -> None:
    with pytest.raises(VerificationError) as caught:
        verify(signed(CLAIMS, typ=typ))
    assert (caught.value.check, caught.value.code) == ("key_proof.jws.typ", "invalid_proof")


def test_a_proof_by_the_wrong_key_is_refused() -> None:
    with pytest.raises(VerificationError) as caught:
        verify(signed(CLAIMS, signer=generate_signer()))
    assert (caught.value.check, caught.value.code) == ("key_proof.jws.signature", "invalid_proof")


def test_a_key_is_proven_once_in_a_batch() -> None:
    with pytest.raises(VerificationError) as caught:
        verify(signed(CLAIMS), signed({**CLAIMS, "nonce": "ours too"}))
    assert (caught.value.check, caught.value.code) == ("key_proof.repeated", "invalid_proof")


@pytest.mark.parametrize("proof", ["", "a.b.c", "é", "." * 5000])
def test_nonsense_is_refused(proof: str) -> None:
    with pytest.raises(VerificationError) as caught:
        verify(proof)
    assert caught.value.code == "invalid_proof"
