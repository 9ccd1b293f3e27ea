"""ECDSA on P-256 with SHA-256 (ES256): the one signature of mdoc, COSE, JOSE and X.509 here.

Signatures are the 64-byte `r || s` of RFC 7518 3.4 and RFC 9053 2.1, deterministic (RFC 6979). Other curves and
hashes are not offered: the allow-list is this file. Certificates sign through `cryptography` in `formats/x509`.
"""

import hashlib
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from diptych.errors import FormatError, VerificationError

COORDINATE_BYTES = 32
SIGNATURE_BYTES = 64

PublicKey = ec.EllipticCurvePublicKey

_DETERMINISTIC = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


class Signer(Protocol):
    """A P-256 private key that signs and is never handed out (file, memory or HSM)."""

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64-byte ES256 signature of `message`. Raises `Unavailable` if the key cannot be reached."""
        ...


class SoftwareSigner:
    """A `Signer` over a private key held in this process."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        self._private_key = private_key

    @property
    def public_key(self) -> PublicKey:
        return self._private_key.public_key()

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self._private_key.sign(message, _DETERMINISTIC))
        return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")

    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The key itself, for the few operations that are not signing (ECDH, storing it encrypted)."""
        return self._private_key

    def __repr__(self) -> str:
        return "<secret signer>"


def generate_signer() -> SoftwareSigner:
    """A new P-256 key. The library draws the randomness."""
    return SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))


def load_signer(pkcs8_der: bytes) -> SoftwareSigner:
    """The signer in an unencrypted PKCS#8 DER key; `FormatError` for anything but a P-256 key."""
    try:
        key = serialization.load_der_private_key(pkcs8_der, password=None)
    except (ValueError, TypeError) as error:
        raise FormatError("key.pkcs8", "not an unencrypted PKCS#8 private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise FormatError("key.curve", "only P-256 keys are used here")
    return SoftwareSigner(key)


def dump_signer(signer: SoftwareSigner) -> bytes:
    """PKCS#8 DER, the exact inverse of `load_signer`. The caller protects it."""
    return signer.private_key().private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def verify(public_key: PublicKey, signature: bytes, message: bytes) -> None:
    """Raises `VerificationError` unless `signature` is the ES256 signature of `message` by `public_key`."""
    if len(signature) != SIGNATURE_BYTES:
        raise VerificationError("signature.length", f"an ES256 signature has {SIGNATURE_BYTES} bytes")
    r = int.from_bytes(signature[:COORDINATE_BYTES], "big")
    s = int.from_bytes(signature[COORDINATE_BYTES:], "big")
    try:
        public_key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise VerificationError("signature", "the signature does not match the message and key") from error


def fingerprint(public_key: PublicKey) -> bytes:
    """SHA-256 of the key's SubjectPublicKeyInfo (DER): the name by which statements and configuration call a key."""
    return hashlib.sha256(encode_public_key(public_key)).digest()


def encode_public_key(public_key: PublicKey) -> bytes:
    """The SubjectPublicKeyInfo (DER), the exact inverse of `parse_public_key`."""
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def parse_public_key(data: bytes) -> PublicKey:
    """The P-256 key in a SubjectPublicKeyInfo (DER), in its one encoding; else `FormatError`."""
    try:
        key = serialization.load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FormatError("key.spki", "not a SubjectPublicKeyInfo of a P-256 key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise FormatError("key.curve", "only P-256 keys are used here")
    if encode_public_key(key) != data:
        raise FormatError("key.spki", "not the one encoding of this key")
    return key


def public_key_from_coordinates(x: bytes, y: bytes) -> PublicKey:
    """The P-256 point (x, y), 32 bytes each, checked to be on the curve; else `FormatError`."""
    if len(x) != COORDINATE_BYTES or len(y) != COORDINATE_BYTES:
        raise FormatError("key.coordinates", "P-256 coordinates have 32 bytes each")
    try:
        return ec.EllipticCurvePublicNumbers(
            int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
        ).public_key()
    except ValueError as error:
        raise FormatError("key.point", "the coordinates are not a point of P-256") from error


def coordinates(public_key: PublicKey) -> tuple[bytes, bytes]:
    """(x, y), 32 bytes each, big-endian."""
    numbers = public_key.public_numbers()
    return numbers.x.to_bytes(COORDINATE_BYTES, "big"), numbers.y.to_bytes(COORDINATE_BYTES, "big")
