"""COSE_Mac0 (RFC 9052 6.2) with HMAC 256/256: a tag by a key that both sides derive.

How the key is agreed is left to the caller; for mdoc it is in `formats/mdoc/device_auth`.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from diptych.errors import VerificationError
from diptych.formats.cbor import CborKey, CborValue, as_array, as_bytes, as_map, decode, encode
from diptych.formats.cose import headers
from diptych.private import Secret


@dataclass(frozen=True)
class UnverifiedMac0:
    """A well-formed COSE_Mac0 whose tag nobody has checked yet."""

    protected: bytes
    unprotected: dict[CborKey, CborValue] = field(repr=False)
    unverified_payload: bytes | None = field(repr=False)
    tag: bytes

    def to_cbor(self) -> list[CborValue]:
        """The array of four, for embedding."""
        return [self.protected, self.unprotected, self.unverified_payload, self.tag]

    def encode(self) -> bytes:
        """The exact inverse of `parse`."""
        return encode(self.to_cbor())


def authenticate(payload: bytes, *, key: Secret, detached: bool = False, external_aad: bytes = b"") -> UnverifiedMac0:
    """The tag of `payload` under `key`; `detached` leaves the payload out of the message."""
    protected = headers.encode_protected(headers.HMAC_256_256)
    tag = _tag(key, protected, external_aad, payload)
    return UnverifiedMac0(protected, {}, None if detached else payload, tag)


def parse(data: bytes) -> UnverifiedMac0:
    """The COSE_Mac0 in `data`, or `FormatError`."""
    return from_cbor(decode(data))


def from_cbor(value: CborValue) -> UnverifiedMac0:
    """The COSE_Mac0 that `value` is, or `FormatError`."""
    protected, unprotected, payload, tag = as_array(value, "cose.mac0", length=4)
    found = UnverifiedMac0(
        as_bytes(protected, "cose.protected"),
        as_map(unprotected, "cose.unprotected"),
        None if payload is None else as_bytes(payload, "cose.payload"),
        as_bytes(tag, "cose.tag"),
    )
    headers.check_headers(found.protected, found.unprotected, expected_algorithm=headers.HMAC_256_256)
    return found


def verify(
    unverified: UnverifiedMac0, key: Secret, *, detached_payload: bytes | None = None, external_aad: bytes = b""
) -> bytes:
    """The payload that a holder of `key` tagged, or `VerificationError`."""
    payload = unverified.unverified_payload if detached_payload is None else detached_payload
    if payload is None or (detached_payload is not None and unverified.unverified_payload is not None):
        raise VerificationError("cose.payload", "there must be one payload: in the message or detached")
    expected = _tag(key, unverified.protected, external_aad, payload)
    if not hmac.compare_digest(expected, unverified.tag):
        raise VerificationError("cose.mac", "the tag does not match the message and key")
    return payload


def _tag(key: Secret, protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    # RFC 9052 6.3: MAC_structure, over the protected bytes that came.
    structure = encode(["MAC0", protected, external_aad, payload])
    return hmac.new(key.reveal(), structure, hashlib.sha256).digest()
