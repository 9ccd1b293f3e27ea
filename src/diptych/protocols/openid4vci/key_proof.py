"""Proofs that the wallet holds the keys its documents will be bound to (OpenID4VCI 1.0, appendix F.1, `jwt`).

That a nonce is used only once is left to the issuer, which has the memory for it. Key attestations are not read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, VerificationError
from diptych.formats import strict_json
from diptych.formats.jose import jwk, jws
from diptych.formats.strict_json import Json
from diptych.protocols.openid4vci.errors import INVALID_NONCE, INVALID_PROOF

TYP = "openid4vci-proof+jwt"
MAX_SKEW_SECONDS = 300
MAX_BYTES = 4 * 1024

CheckNonce = Callable[[str], None]
"""Raises `VerificationError` unless the nonce is one that this issuer gave and that still stands."""


@dataclass(frozen=True)
class ProvenKeys:
    """Distinct keys whose holder proved them, in the order of the proofs, and the nonces the proofs were made under."""

    public_keys: tuple[PublicKey, ...]
    nonces: tuple[str, ...]


def build_key_proof(signer: Signer, *, issuer: str, c_nonce: str, now: datetime) -> str:
    """The proof that `signer` is ours, for `issuer` and under its nonce. `iss` stays out: access is anonymous (F.1)."""
    claims: dict[str, Json] = {"aud": issuer, "iat": int(now.timestamp()), "nonce": c_nonce}
    return jws.sign(claims, signer=signer, typ=TYP, header={"jwk": jwk.encode(signer.public_key)})


def verify_key_proofs(
    proofs: Sequence[str], *, expected_issuer: str, check_nonce: CheckNonce, now: datetime
) -> ProvenKeys:
    """Checks every proof of a request (appendix F.4); one that fails refuses all. For each:

    1. a well-formed JWS of the expected type, accepted algorithm, the public key in `jwk` and nowhere else
    2. signed by that key
    3. `aud` is this issuer
    4. `iat` within the accepted skew, either way
    5. `nonce` is present (else `invalid_proof`) and one of ours (else `invalid_nonce`)
    6. no key twice in a request: two copies on one key are linkable by it
    """
    keys: dict[bytes, PublicKey] = {}
    nonces: dict[str, None] = {}
    for proof in proofs:
        try:
            # 1.
            if len(proof) > MAX_BYTES:
                raise FormatError("key_proof.size", f"a key proof here has at most {MAX_BYTES} characters")
            unverified = jws.parse(proof, expected_typ=TYP)
            if "kid" in unverified.header or "x5c" in unverified.header:
                raise FormatError("key_proof.key", "the key belongs in 'jwk', and only there")
            public_key = jwk.parse(unverified.header.get("jwk"))
            # 2.
            claims = jws.verify(unverified, public_key, now=now).claims
            # 3.
            if strict_json.text(claims, "aud") != expected_issuer:
                raise VerificationError("key_proof.aud", f"the key proof must be for {expected_issuer}")
            # 4.
            if abs(int(now.timestamp()) - strict_json.integer(claims, "iat")) > MAX_SKEW_SECONDS:
                raise VerificationError(
                    "key_proof.iat",
                    f"the proof's time is more than {MAX_SKEW_SECONDS} seconds off: check the device's clock",
                )
            # 5.
            nonce = strict_json.text(claims, "nonce")
        except (FormatError, VerificationError) as error:
            check = error.check if error.check.startswith("key_proof.") else f"key_proof.{error.check}"
            raise VerificationError(check, error.message, code=INVALID_PROOF) from error
        try:
            check_nonce(nonce)
        except VerificationError as error:
            raise VerificationError("key_proof.nonce", error.message, code=INVALID_NONCE) from error
        nonces[nonce] = None
        # 6.
        thumbprint = jwk.thumbprint(public_key)
        if thumbprint in keys:
            raise VerificationError("key_proof.repeated", "the same key is offered twice", code=INVALID_PROOF)
        keys[thumbprint] = public_key
    return ProvenKeys(tuple(keys.values()), tuple(nonces))
