"""Ed25519 and ML-DSA-44: the two signatures of logs and witnesses, and of nothing else here.

Raw messages, raw keys, raw signatures; what is signed and under which name is left to `formats/tlog`. Keys are kept as
their 32-byte seed (RFC 8032 5.1.5, FIPS 204 3.6.3). Ed25519 is deterministic; the library draws ML-DSA's randomness.
"""

from enum import Enum
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from diptych.errors import FormatError, VerificationError
from diptych.private import Secret

SEED_BYTES = 32
KEPT_KEYS = 64
"""Public keys that stay loaded: the same few have signed every checkpoint that a party meets."""


class Algorithm(Enum):
    """The allow-list."""

    ED25519 = "Ed25519"
    ML_DSA_44 = "ML-DSA-44"

    @property
    def public_key_bytes(self) -> int:
        return {Algorithm.ED25519: 32, Algorithm.ML_DSA_44: 1312}[self]

    @property
    def signature_bytes(self) -> int:
        return {Algorithm.ED25519: 64, Algorithm.ML_DSA_44: 2420}[self]


class LogSigner(Protocol):
    """A private key of a log or a witness, that signs and is never handed out."""

    @property
    def algorithm(self) -> Algorithm:
        """Which of the two."""
        ...

    @property
    def public_key(self) -> bytes:
        """The raw public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The raw signature of `message`. Raises `Unavailable` if the key cannot be reached."""
        ...


class SeedSigner:
    """A `LogSigner` over a seed held in this process."""

    def __init__(self, algorithm: Algorithm, seed: Secret) -> None:
        self._algorithm = algorithm
        self._key: Ed25519PrivateKey | MLDSA44PrivateKey
        if len(seed) != SEED_BYTES:
            raise FormatError("key.seed", f"a signing seed has {SEED_BYTES} bytes")
        if algorithm is Algorithm.ED25519:
            self._key = Ed25519PrivateKey.from_private_bytes(seed.reveal())
        else:
            self._key = MLDSA44PrivateKey.from_seed_bytes(seed.reveal())

    @property
    def algorithm(self) -> Algorithm:
        return self._algorithm

    @property
    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def seed(self) -> Secret:
        """What `SeedSigner` is rebuilt from. The caller protects it."""
        return Secret(self._key.private_bytes_raw())

    def __repr__(self) -> str:
        return "<secret signer>"


def verify(algorithm: Algorithm, public_key: bytes, signature: bytes, message: bytes) -> None:
    """Raises `VerificationError` unless `signature` is that of `message` by `public_key`."""
    check_public_key(algorithm, public_key)
    try:
        _loaded(algorithm, public_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise VerificationError(
            "signature", f"the {algorithm.value} signature does not match message and key"
        ) from error


@lru_cache(maxsize=KEPT_KEYS)
def _loaded(algorithm: Algorithm, public_key: bytes) -> Ed25519PublicKey | MLDSA44PublicKey:
    if algorithm is Algorithm.ED25519:
        return Ed25519PublicKey.from_public_bytes(public_key)
    return MLDSA44PublicKey.from_public_bytes(public_key)


def check_public_key(algorithm: Algorithm, public_key: bytes) -> None:
    """Raises `FormatError` unless the bytes can be a public key of that algorithm."""
    if len(public_key) != algorithm.public_key_bytes:
        raise FormatError("key.length", f"an {algorithm.value} public key has {algorithm.public_key_bytes} bytes")
