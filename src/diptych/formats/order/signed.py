"""The signed order: a sealed order under the approving officer's signature, as it is sent to the issuer.

COSE_Sign1 (RFC 9052 4.2) whose payload is the sealed order. Which officers' keys are honoured is the issuer's
configuration; whether the order was seen before is left to its storage.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from diptych.crypto import algorithms
from diptych.crypto.signing import PublicKey, Signer, fingerprint
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats.cose import sign1
from diptych.formats.cose.sign1 import UnverifiedSign1
from diptych.formats.order.sealed import SealedOrder, parse_sealed_order

MEDIA_TYPE = "application/vnd.diptych.order+cbor"
MAX_BYTES = 2 * 1024 * 1024 + 16 * 1024
MAX_LIFETIME = timedelta(days=31)

_PURPOSE = b"diptych order 1"
"""External data of the signature: nothing else that an officer's key signs can pass for an order."""


@dataclass(frozen=True)
class UnverifiedSignedOrder:
    """A well-formed signed order whose signature nobody has checked yet."""

    unverified_order: SealedOrder
    signature: UnverifiedSign1

    def encode(self) -> bytes:
        """The exact inverse of `parse_signed_order`."""
        return self.signature.encode()


@dataclass(frozen=True)
class VerifiedOrder:
    """An order that an honoured officer approved for this issuer. `encoded` are the very bytes that came."""

    order: SealedOrder
    encoded: bytes


def officer_fingerprint(public_key: PublicKey) -> bytes:
    """SHA-256 of the key's SubjectPublicKeyInfo: the name by which orders and configuration call an officer."""
    return fingerprint(public_key)


def sign_order(order: SealedOrder, *, signer: Signer) -> UnverifiedSignedOrder:
    """The order under the signature of the officer whom it names."""
    if order.officer != officer_fingerprint(signer.public_key):
        raise VerificationError("order.officer", "the order names another officer's key than the one that signs it")
    return UnverifiedSignedOrder(order, sign1.sign(order.encode(), signer=signer, external_aad=_PURPOSE))


def parse_signed_order(data: bytes) -> UnverifiedSignedOrder:
    """A well-formed signed order, or `FormatError`."""
    if len(data) > MAX_BYTES:
        raise FormatError("order.size", f"a signed order has at most {MAX_BYTES} bytes")
    signature = sign1.parse(data)
    if signature.unverified_payload is None:
        raise FormatError("order.payload", "the order is missing from its signature")
    if signature.unprotected:
        raise FormatError("order.header", "an order's signature has no unprotected header")
    return UnverifiedSignedOrder(parse_sealed_order(signature.unverified_payload), signature)


def verify_signed_order(
    unverified: UnverifiedSignedOrder, *, officers: Collection[PublicKey], expected_issuer: str, now: datetime
) -> VerifiedOrder:
    """The order, once all of this holds:

    1. it names an officer whose key is honoured here (else `Refused`: nobody here answers for it);
    2. that key signed it, as an order, with an algorithm that is still accepted;
    3. it is meant for this issuer;
    4. it has not expired, and does not live longer than `MAX_LIFETIME`.

    Not checked: whether it came before, and anything inside the sealed parts, which only a token opens.
    """
    order = unverified.unverified_order
    # 1
    officer = next((key for key in officers if officer_fingerprint(key) == order.officer), None)
    if officer is None:
        raise Refused("order.officer", "this issuer does not honour that officer's key: add it to its officers first")
    # 2
    algorithms.check_accepted((algorithms.ES256,), now=now)
    sign1.verify(unverified.signature, officer, external_aad=_PURPOSE)
    # 3
    if order.issuer != expected_issuer:
        raise VerificationError("order.issuer", "the order is meant for another issuer")
    # 4
    if order.expires_at <= now:
        raise VerificationError("order.expired", "the order has expired: approve it again")
    if order.expires_at > now + MAX_LIFETIME:
        raise VerificationError("order.lifetime", f"an order lives at most {MAX_LIFETIME.days} days")
    return VerifiedOrder(order, unverified.encode())
