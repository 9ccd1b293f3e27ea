"""JSON Web Keys on P-256 and their thumbprints (RFC 7517, RFC 7638). Public keys only."""

import hashlib

from diptych.crypto.signing import PublicKey, coordinates, public_key_from_coordinates
from diptych.errors import FormatError
from diptych.formats import base64url, strict_json
from diptych.formats.strict_json import Json


def encode(public_key: PublicKey) -> dict[str, Json]:
    """The JWK of a P-256 public key: `kty`, `crv`, `x`, `y` and nothing more."""
    x, y = coordinates(public_key)
    return {"kty": "EC", "crv": "P-256", "x": base64url.encode(x), "y": base64url.encode(y)}


def parse(value: Json) -> PublicKey:
    """The public key in a JWK. A JWK that carries a private part is refused, not trimmed."""
    if not isinstance(value, dict):
        raise FormatError("jwk", "a JWK is a JSON object")
    if value.get("kty") != "EC" or value.get("crv") != "P-256":
        raise FormatError("jwk.kty", "only EC keys on P-256 are accepted")
    if "d" in value:
        raise FormatError("jwk.private", "a private key was sent where a public one belongs")
    x = base64url.decode(strict_json.text(value, "x"))
    y = base64url.decode(strict_json.text(value, "y"))
    return public_key_from_coordinates(x, y)


def thumbprint(public_key: PublicKey) -> bytes:
    """The 32-byte SHA-256 thumbprint (RFC 7638 3): over the required members in lexicographic order."""
    members = encode(public_key)
    return hashlib.sha256(strict_json.encode({name: members[name] for name in sorted(members)})).digest()
