"""DPoP proofs: a key signs each request, so that a stolen token alone is worth nothing (RFC 9449).

A `DpopProof` is one request's proof, checked by itself. Two checks need memory and are left to the caller: that the
`jti` was never seen, and that the key is the one the token was bound to.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import Signer
from diptych.errors import FormatError, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.jose import jwk, jws
from diptych.formats.strict_json import Json
from diptych.private import Secret
from diptych.protocols.oauth.errors import INVALID_DPOP_PROOF, USE_DPOP_NONCE
from diptych.protocols.oauth.url import parse_url

TYP = "dpop+jwt"
HEADER = "DPoP"
NONCE_HEADER = "DPoP-Nonce"
SCHEME = "DPoP"  # of the Authorization header, and the `token_type` (RFC 9449 5, 7.1)
ALGORITHMS = jws.ALGORITHMS
MAX_SKEW_SECONDS = 300
MAX_JTI_CHARACTERS = 128
MAX_BYTES = 8 * 1024

CheckNonce = Callable[[str], None]
"""Raises `VerificationError` unless the nonce is one that this server gave and that still stands."""


@dataclass(frozen=True)
class DpopProof:
    """A proof that held: the thumbprint of its key (RFC 7638, base64url), its identifier and its time."""

    jkt: str
    jti: str
    issued_at: datetime


def build_proof(
    signer: Signer,
    *,
    htm: str,
    htu: str,
    now: datetime,
    entropy: Entropy,
    nonce: str | None = None,
    access_token: Secret | None = None,
) -> str:
    """The proof for one request: method `htm` on URL `htu`, under the server's `nonce` and bound to the token."""
    claims: dict[str, Json] = {
        "jti": base64url.encode(entropy(16)),
        "htm": htm,
        "htu": parse_url(htu).text,
        "iat": int(now.timestamp()),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    if access_token is not None:
        claims["ath"] = token_hash(access_token)
    return jws.sign(claims, signer=signer, typ=TYP, header={"jwk": jwk.encode(signer.public_key)})


def verify_proof(
    compact: str,
    *,
    expected_htm: str,
    expected_htu: str,
    check_nonce: CheckNonce | None,
    now: datetime,
    access_token: Secret | None = None,
) -> DpopProof:
    """Checks a proof as RFC 9449 4.3 lists, in this order, or raises `VerificationError` with the standard's code:

    1. a well-formed JWS of type dpop+jwt, in an accepted algorithm, with a public key and every claim
    2. signed by that key
    3. `htm` and `htu` are this request's
    4. `iat` within the accepted skew, either way
    5. with a token, `ath` is its hash; without, no `ath` is asked for
    6. `nonce` is one of ours: last, so that only a proof that is otherwise good earns a fresh one

    Not checked: whether `jti` was seen before and whether the key is the token's (4.3, 12).
    """
    try:
        # 1.
        if len(compact) > MAX_BYTES:
            raise FormatError("dpop.size", f"a proof here has at most {MAX_BYTES} characters")
        unverified = jws.parse(compact, expected_typ=TYP)
        public_key = jwk.parse(unverified.header.get("jwk"))
        # 2.
        claims = jws.verify(unverified, public_key, now=now).claims
        jti, htm, htu = (strict_json.text(claims, name) for name in ("jti", "htm", "htu"))
        iat = strict_json.integer(claims, "iat")
        nonce = strict_json.text(claims, "nonce") if "nonce" in claims else None
        if not 0 < len(jti) <= MAX_JTI_CHARACTERS:
            raise FormatError("dpop.jti", f"'jti' has 1 to {MAX_JTI_CHARACTERS} characters")
        # 3. RFC 9449 4.3: the htu is compared without query and fragment, after normalisation.
        if htm != expected_htm:
            raise VerificationError("dpop.htm", f"the proof must be for the method {expected_htm}")
        presented = parse_url(htu.partition("#")[0].partition("?")[0]).normalized
        if presented != parse_url(expected_htu).normalized:
            raise VerificationError("dpop.htu", f"the proof must be for {expected_htu}")
        # 4.
        if abs(int(now.timestamp()) - iat) > MAX_SKEW_SECONDS:
            raise VerificationError(
                "dpop.iat", f"the proof's time is more than {MAX_SKEW_SECONDS} seconds off: check the device's clock"
            )
        # 5.
        if access_token is not None:
            ath = Secret(strict_json.text(claims, "ath").encode())
            if ath != Secret(token_hash(access_token).encode()):
                raise VerificationError("dpop.ath", "the proof is not for this access token")
    except (FormatError, VerificationError) as error:
        raise VerificationError(_in_dpop(error.check), error.message, code=INVALID_DPOP_PROOF) from error
    # 6.
    if check_nonce is not None:
        try:
            if nonce is None:
                raise VerificationError("dpop.nonce", "the proof must carry the server's nonce")
            check_nonce(nonce)
        except VerificationError as error:
            raise VerificationError("dpop.nonce", error.message, code=USE_DPOP_NONCE) from error
    return DpopProof(base64url.encode(jwk.thumbprint(public_key)), jti, datetime.fromtimestamp(iat, UTC))


def token_hash(access_token: Secret) -> str:
    """`ath`: the base64url SHA-256 of the token's ASCII characters (RFC 9449 4.2)."""
    return base64url.encode(hashlib.sha256(access_token.reveal()).digest())


def _in_dpop(check: str) -> str:
    return check if check.startswith("dpop.") else f"dpop.{check}"
