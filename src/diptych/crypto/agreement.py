"""Key agreement on P-256 (ECDH) with HKDF-SHA256 (RFC 5869): a secret that two sides derive alone.

Says nothing about who the other side is: that is in what the secret then authenticates.
"""

from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from diptych.crypto.signing import PublicKey, SoftwareSigner
from diptych.errors import FormatError
from diptych.private import Secret

KEY_BYTES = 32
POINT_BYTES = 65


class AgreementKey(Protocol):
    """A P-256 private key that agrees on secrets and is never handed out (memory or token). It signs nothing."""

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        ...

    def exchange(self, public: PublicKey) -> Secret:
        """The x-coordinate of the shared point, 32 bytes; raises `Unavailable` if the key cannot be reached."""
        ...


class SoftwareAgreementKey:
    """An `AgreementKey` over a private key held in this process."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        self._private_key = private_key

    @property
    def public_key(self) -> PublicKey:
        return self._private_key.public_key()

    def exchange(self, public: PublicKey) -> Secret:
        return Secret(self._private_key.exchange(ec.ECDH(), public))

    def __repr__(self) -> str:
        return "<secret agreement key>"


def agree(private: SoftwareSigner, public: PublicKey, *, salt: bytes, info: bytes) -> Secret:
    """32 bytes from the shared point of a private key here and a public key there, for one `salt` and `info`.

    A public key that loaded is on the curve, and P-256 has no small subgroup, so the shared point is never trivial.
    """
    return derive(SoftwareAgreementKey(private.private_key()).exchange(public), salt=salt, info=info)


def derive(shared: Secret, *, salt: bytes, info: bytes) -> Secret:
    """32 bytes from what an `AgreementKey` computed, for one `salt` and `info`."""
    return Secret(HKDF(hashes.SHA256(), KEY_BYTES, salt, info).derive(shared.reveal()))


def encode_point(public_key: PublicKey) -> bytes:
    """The 65 bytes of the uncompressed point (SEC 1, 2.3.3); the exact inverse of `parse_point`."""
    return public_key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def parse_point(data: bytes) -> PublicKey:
    """The point of P-256 in 65 uncompressed bytes, or `FormatError`."""
    if len(data) != POINT_BYTES:
        raise FormatError("agreement.point", f"an uncompressed point has {POINT_BYTES} bytes")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError as error:
        raise FormatError("agreement.point", "not a point of P-256") from error
