"""Compact JSON Web Signatures (RFC 7515) with ES256, the only algorithm accepted here.

An `UnverifiedJws` may be looked at to find the key (its header's `jwk`, `x5c` or `kid`); only `verify` makes a
`VerifiedJws`. What the claims mean is left to the protocols.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from joserfc import jws as joserfc_jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from diptych.crypto import algorithms
from diptych.crypto.algorithms import Use
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.jose import jwk
from diptych.formats.strict_json import Json

ALGORITHMS = algorithms.names(Use.SIGNATURE)
MAX_BYTES = 256 * 1024
MAX_HEADER_BYTES = 16 * 1024  # certificate chains (`x5c`) travel in headers; the library's own limit is 512
KNOWN_HEADERS = frozenset({"alg", "typ", "kid", "jwk", "x5c"})


@dataclass(frozen=True)
class UnverifiedJws:
    """A well-formed compact JWS whose signature nobody has checked yet."""

    compact: str
    header: Mapping[str, Json]
    unverified_payload: bytes


@dataclass(frozen=True)
class VerifiedJws:
    """Header and JSON claims that the key's holder signed."""

    header: Mapping[str, Json]
    claims: dict[str, Json]


def sign(claims: Mapping[str, Json], *, signer: Signer, typ: str, header: Mapping[str, Json] | None = None) -> str:
    """The compact JWS of `claims`; `header` adds members (`jwk`, `x5c`, `kid`) to `alg` and `typ`."""
    protected: dict[str, Json] = {"alg": "ES256", "typ": typ, **(header or {})}
    signing_input = ".".join(base64url.encode(strict_json.encode(part)) for part in (protected, dict(claims)))
    return f"{signing_input}.{base64url.encode(signer.sign(signing_input.encode()))}"


def parse(compact: str, *, expected_typ: str) -> UnverifiedJws:
    """A compact JWS of the expected `typ`, or `FormatError`."""
    if len(compact) > MAX_BYTES:
        raise FormatError("jws.size", f"a JWS here has at most {MAX_BYTES} characters")
    parts = compact.split(".")
    if len(parts) != 3:
        raise FormatError("jws", "a compact JWS has three parts")
    header = strict_json.parse_object(base64url.decode(parts[0]))
    payload = base64url.decode(parts[1])
    base64url.decode(parts[2])
    if header.get("alg") not in ALGORITHMS:
        raise FormatError("jws.alg", f"the signature algorithm must be one of {', '.join(ALGORITHMS)}")
    if header.get("typ") != expected_typ:
        raise FormatError("jws.typ", f"expected a JWS of type {expected_typ}")
    if not KNOWN_HEADERS.issuperset(header):
        # RFC 7515 4.1.11: `crit` must be understood; here every header must be.
        raise FormatError("jws.header", "the header has members that are not understood here")
    return UnverifiedJws(compact, header, payload)


def verify(unverified: UnverifiedJws, public_key: PublicKey, *, now: datetime) -> VerifiedJws:
    """The claims, once the signature by `public_key` holds under an algorithm still accepted; checks no claim.

    `VerificationError` otherwise.
    """
    algorithms.check_accepted((algorithms.named(unverified.header.get("alg"), Use.SIGNATURE),), now=now)
    key = ECKey.import_key({name: str(value) for name, value in jwk.encode(public_key).items()})
    try:
        joserfc_jws.deserialize_compact(unverified.compact, key, algorithms=list(ALGORITHMS), registry=_limits())
    except (JoseError, ValueError) as error:
        raise VerificationError("jws.signature", "the JWS signature does not match its key") from error
    return VerifiedJws(unverified.header, strict_json.parse_object(unverified.unverified_payload))


def _limits() -> joserfc_jws.JWSRegistry:
    # One registry a call: its limits are attributes, and the library's default object is shared by everyone.
    limits = joserfc_jws.JWSRegistry(algorithms=list(ALGORITHMS))
    limits.max_header_length = MAX_HEADER_BYTES
    limits.max_payload_length = MAX_BYTES
    return limits
