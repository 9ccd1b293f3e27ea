"""COSE_Sign1 (RFC 9052 4.2) with ES256: one signature over one payload, which may be detached.

An `UnverifiedSign1` may be looked at to find the key; only `verify` says what was signed. Whose key it is, is left
to the caller. Untagged, as ISO 18013-5 carries it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from diptych.crypto import signing
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, VerificationError
from diptych.formats.cbor import CborKey, CborValue, as_array, as_bytes, as_map, decode, encode
from diptych.formats.cose import headers


@dataclass(frozen=True)
class UnverifiedSign1:
    """A well-formed COSE_Sign1 whose signature nobody has checked yet."""

    protected: bytes
    unprotected: dict[CborKey, CborValue] = field(repr=False)
    unverified_payload: bytes | None = field(repr=False)
    signature: bytes

    def to_cbor(self) -> list[CborValue]:
        """The array of four, for embedding."""
        return [self.protected, self.unprotected, self.unverified_payload, self.signature]

    def encode(self) -> bytes:
        """The exact inverse of `parse`."""
        return encode(self.to_cbor())

    def x5chain(self) -> tuple[bytes, ...]:
        """The certificate chain of the unprotected header, leaf first, unjudged; `FormatError` without one."""
        if headers.X5CHAIN not in self.unprotected:
            raise FormatError("cose.x5chain", "the signature carries no certificate chain")
        return headers.parse_x5chain(self.unprotected[headers.X5CHAIN])


def sign(
    payload: bytes,
    *,
    signer: Signer,
    detached: bool = False,
    x5chain: Sequence[bytes] = (),
    external_aad: bytes = b"",
    typ: str | None = None,
) -> UnverifiedSign1:
    """Signs `payload`; `detached` leaves it out of the message, for a verifier that has it already.

    `typ` is the media type of a message that has one of its own (RFC 9596).
    """
    protected = headers.encode_protected(headers.ES256, typ=typ)
    unprotected: dict[CborKey, CborValue] = {headers.X5CHAIN: headers.encode_x5chain(x5chain)} if x5chain else {}
    signature = signer.sign(_signed_bytes(protected, external_aad, payload))
    return UnverifiedSign1(protected, unprotected, None if detached else payload, signature)


def parse(data: bytes) -> UnverifiedSign1:
    """The COSE_Sign1 in `data`, or `FormatError`."""
    return from_cbor(decode(data))


def from_cbor(value: CborValue, *, expected_typ: str | None = None) -> UnverifiedSign1:
    """The COSE_Sign1 that `value` is, or `FormatError`."""
    protected, unprotected, payload, signature = as_array(value, "cose.sign1", length=4)
    found = UnverifiedSign1(
        as_bytes(protected, "cose.protected"),
        as_map(unprotected, "cose.unprotected"),
        None if payload is None else as_bytes(payload, "cose.payload"),
        as_bytes(signature, "cose.signature"),
    )
    headers.check_headers(
        found.protected, found.unprotected, expected_algorithm=headers.ES256, expected_typ=expected_typ
    )
    return found


def verify(
    unverified: UnverifiedSign1,
    public_key: PublicKey,
    *,
    detached_payload: bytes | None = None,
    external_aad: bytes = b"",
) -> bytes:
    """The payload that `public_key` signed, or `VerificationError`. A detached payload is the caller's own."""
    payload = unverified.unverified_payload if detached_payload is None else detached_payload
    if payload is None or (detached_payload is not None and unverified.unverified_payload is not None):
        # Two payloads would leave open which of them was signed.
        raise VerificationError("cose.payload", "there must be one payload: in the message or detached")
    signing.verify(public_key, unverified.signature, _signed_bytes(unverified.protected, external_aad, payload))
    return payload


def _signed_bytes(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    # RFC 9052 4.4: Sig_structure, over the protected bytes that came.
    return encode(["Signature1", protected, external_aad, payload])
