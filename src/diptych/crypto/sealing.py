"""Sealing: authenticated encryption under a symmetric key that the ciphertext is committed to.

Says nothing about where keys come from or who may hold them. Suite 1, the only one (docs/spec/order.md, "Sealing"):

    sealed = 0x01 || nonce (12) || commitment (32) || AES-256-GCM ciphertext and tag (n + 16)
    encryption key (32) || commitment (32) = HKDF-SHA256(salt = nonce, ikm = key, info = "diptych sealing 1" || context)

AES-GCM alone opens under several keys to several plaintexts; the commitment, checked first, binds the ciphertext to
one key, one nonce and one context. Suite and nonce are its inputs too, so that GCM needs no associated data.
"""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, VerificationError
from diptych.private import Secret

SUITE = 1
KEY_BYTES = 32
NONCE_BYTES = 12
COMMITMENT_BYTES = 32
TAG_BYTES = 16
OVERHEAD_BYTES = 1 + NONCE_BYTES + COMMITMENT_BYTES + TAG_BYTES

_INFO = b"diptych sealing 1"


def seal(key: Secret, plaintext: bytes, *, context: bytes, entropy: Entropy) -> bytes:
    """`plaintext` sealed under a 32-byte key for one `context`; `OVERHEAD_BYTES` longer."""
    # Random 96-bit nonces: safe far beyond the handful of messages that any key here ever seals (NIST SP 800-38D 8.3).
    nonce = entropy(NONCE_BYTES)
    encryption_key, commitment = _keys(key, nonce, context)
    return bytes([SUITE]) + nonce + commitment + AESGCM(encryption_key).encrypt(nonce, plaintext, None)


def open_sealed(key: Secret, sealed: bytes, *, context: bytes) -> bytes:
    """The plaintext, if `sealed` was sealed under this key and context.

    `FormatError` for an unknown suite or too few bytes; `VerificationError` "sealing.key" when key or context are not
    the ones it was sealed under, "sealing.damaged" when they are and the ciphertext was changed.
    """
    check_sealed(sealed)
    nonce, commitment = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES : 1 + NONCE_BYTES + COMMITMENT_BYTES]
    encryption_key, expected = _keys(key, nonce, context)
    if not hmac.compare_digest(commitment, expected):
        raise VerificationError("sealing.key", "this key does not open it")
    try:
        return AESGCM(encryption_key).decrypt(nonce, sealed[1 + NONCE_BYTES + COMMITMENT_BYTES :], None)
    except InvalidTag as error:
        raise VerificationError("sealing.damaged", "the sealed bytes were changed after sealing") from error


def check_sealed(sealed: bytes) -> None:
    """Raises `FormatError` unless the bytes have the shape of a known suite. Opens nothing."""
    if len(sealed) < OVERHEAD_BYTES:
        raise FormatError("sealing.length", f"sealed bytes are at least {OVERHEAD_BYTES} long")
    if sealed[0] != SUITE:
        raise FormatError("sealing.suite", f"unknown sealing suite: only suite {SUITE} is accepted")


def derive(secret: Secret, *, salt: bytes, info: bytes) -> Secret:
    """A 32-byte key from a high-entropy secret (HKDF-SHA256, RFC 5869). Not for passphrases."""
    return Secret(_hkdf(secret, salt, info, KEY_BYTES))


def _keys(key: Secret, nonce: bytes, context: bytes) -> tuple[bytes, bytes]:
    if len(key) != KEY_BYTES:
        raise ValueError(f"sealing keys have {KEY_BYTES} bytes")
    both = _hkdf(key, nonce, _INFO + context, KEY_BYTES + COMMITMENT_BYTES)
    return both[:KEY_BYTES], both[KEY_BYTES:]


def _hkdf(secret: Secret, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret.reveal())
