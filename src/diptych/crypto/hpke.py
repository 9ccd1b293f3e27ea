"""HPKE: sealing to a recipient's public key, so that it withstands a quantum computer and, where wanted, needs a token.

Everything starts with a suite byte; other suites are refused (docs/spec/quorum.md, "Envelopes"):

    suite 1   HPKE base mode (RFC 9180), MLKEM768-X25519 (0x647a), HKDF-SHA256, AES-256-GCM, no aad
    suite 2   an ECDH envelope on P-256 around an envelope of suite 1: whoever opens it needs the token as well

    public key 1 = 0x01 || ML-KEM-768 encapsulation key (1184) || X25519 public key (32)
    public key 2 = 0x02 || P-256 point, uncompressed (65) || public key 1
    sealed 1 = 0x01 || KEM ciphertext (1120) || ciphertext and tag (n + 16)
    sealed 2 = 0x02 || ephemeral P-256 point, uncompressed (65) || AES-256-GCM of sealed 1, and tag

Whoever seals takes the suite from the public key. `info` binds the context: under another, nothing opens. Who the
recipient is, and whether it is the right one, is not known here. The library draws the randomness.
"""

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from diptych.crypto import agreement
from diptych.crypto.agreement import AgreementKey
from diptych.errors import FormatError, VerificationError
from diptych.private import Secret

HYBRID, TOKEN_BOUND = 1, 2

MLKEM_SEED_BYTES, X25519_BYTES, MLKEM_PUBLIC_BYTES = 64, 32, 1184
KEM_CIPHERTEXT_BYTES, TAG_BYTES, POINT_BYTES = 1120, 16, 65
PRIVATE_KEY_BYTES = 1 + MLKEM_SEED_BYTES + X25519_BYTES
PUBLIC_KEY_BYTES = {
    HYBRID: 1 + MLKEM_PUBLIC_BYTES + X25519_BYTES,
    TOKEN_BOUND: 2 + POINT_BYTES + MLKEM_PUBLIC_BYTES + X25519_BYTES,
}
OVERHEAD_BYTES = {
    HYBRID: 1 + KEM_CIPHERTEXT_BYTES + TAG_BYTES,
    TOKEN_BOUND: 2 + POINT_BYTES + KEM_CIPHERTEXT_BYTES + 2 * TAG_BYTES,
}
MAX_INFO_BYTES = 65535

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_OUTER_INFO = b"diptych token envelope 2\n"
# The key of an outer envelope is derived from a fresh ephemeral key and seals one message: its nonce can be fixed.
_ONE_MESSAGE = bytes(12)


class Recipient(Protocol):
    """Who can open what was sealed to its public key."""

    @property
    def public_key(self) -> bytes:
        """The public key, suite byte first."""
        ...

    def open_sealed(self, sealed: bytes, *, info: bytes) -> bytes:
        """The plaintext; else `FormatError` (another suite, too few bytes) or `VerificationError` "hpke.open"."""
        ...


class HybridRecipient:
    """A `Recipient` of suite 1 whose private key is held in this process."""

    def __init__(self, mlkem: MLKEM768PrivateKey, x25519: X25519PrivateKey) -> None:
        self._mlkem = mlkem
        self._x25519 = x25519
        self._key = hpke.MLKEM768X25519PrivateKey(mlkem, x25519)

    @property
    def public_key(self) -> bytes:
        points = self._mlkem.public_key().public_bytes_raw() + self._x25519.public_key().public_bytes_raw()
        return bytes([HYBRID]) + points

    def open_sealed(self, sealed: bytes, *, info: bytes) -> bytes:
        check_sealed(sealed, suite=HYBRID)
        _check_info(info)
        try:
            return _SUITE.decrypt(sealed[1:], self._key, info)
        except InvalidTag as error:
            raise VerificationError("hpke.open", "not sealed to this key for this context, or changed since") from error

    def seeds(self) -> Secret:
        """0x01, the ML-KEM seed d || z (64 bytes, FIPS 203 7.1), the X25519 private key (32). Protect it."""
        return Secret(bytes([HYBRID]) + self._mlkem.private_bytes_raw() + self._x25519.private_bytes_raw())

    def __repr__(self) -> str:
        return "<secret recipient>"


class TokenBoundRecipient:
    """A `Recipient` of suite 2: the outer envelope's key stands elsewhere, usually in a token, the inner one's here."""

    def __init__(self, outer: AgreementKey, inner: HybridRecipient) -> None:
        self._outer = outer
        self._inner = inner

    @property
    def public_key(self) -> bytes:
        return bytes([TOKEN_BOUND]) + agreement.encode_point(self._outer.public_key) + self._inner.public_key

    def open_sealed(self, sealed: bytes, *, info: bytes) -> bytes:
        check_sealed(sealed, suite=TOKEN_BOUND)
        ephemeral = sealed[1 : 1 + POINT_BYTES]
        shared = self._outer.exchange(agreement.parse_point(ephemeral))
        key = _outer_key(shared, ephemeral, self.public_key, info)
        try:
            inner = AESGCM(key).decrypt(_ONE_MESSAGE, sealed[1 + POINT_BYTES :], None)
        except InvalidTag as error:
            raise VerificationError("hpke.open", "not sealed to this key for this context, or changed since") from error
        return self._inner.open_sealed(inner, info=info)

    def __repr__(self) -> str:
        return "<secret recipient>"


def generate_recipient() -> HybridRecipient:
    """A new key pair of suite 1. The library draws the randomness."""
    return HybridRecipient(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())


def load_recipient(seeds: Secret) -> HybridRecipient:
    """The recipient with these seeds, the exact inverse of `HybridRecipient.seeds`; else `FormatError`."""
    value = seeds.reveal()
    if len(value) != PRIVATE_KEY_BYTES or value[0] != HYBRID:
        raise FormatError(
            "hpke.private_key", f"a private key has {PRIVATE_KEY_BYTES} bytes and begins with its suite, 1"
        )
    mlkem = MLKEM768PrivateKey.from_seed_bytes(value[1 : 1 + MLKEM_SEED_BYTES])
    return HybridRecipient(mlkem, X25519PrivateKey.from_private_bytes(value[1 + MLKEM_SEED_BYTES :]))


def check_public_key(public_key: bytes) -> None:
    """`FormatError` unless these bytes are a public key that can be sealed to. Says nothing about whose it is."""
    # Sealing is the check: it fails for a point of small order too (RFC 7748 6.1), which would take the classical half
    # out of the hybrid.
    seal(public_key, b"", info=b"")


def seal(public_key: bytes, plaintext: bytes, *, info: bytes) -> bytes:
    """`plaintext` sealed to `public_key`, by the suite that it names; `OVERHEAD_BYTES[suite]` longer.

    `FormatError` when the public key is none. At most 65,535 bytes of `info`.
    """
    if _suite(public_key, PUBLIC_KEY_BYTES, "hpke.public_key", is_exact=True) == HYBRID:
        return _seal_hybrid(public_key, plaintext, info)
    ephemeral = agreement.SoftwareAgreementKey(ec.generate_private_key(ec.SECP256R1()))
    point = agreement.encode_point(ephemeral.public_key)
    shared = ephemeral.exchange(agreement.parse_point(public_key[1 : 1 + POINT_BYTES]))
    inner = _seal_hybrid(public_key[1 + POINT_BYTES :], plaintext, info)
    key = _outer_key(shared, point, public_key, info)
    return bytes([TOKEN_BOUND]) + point + AESGCM(key).encrypt(_ONE_MESSAGE, inner, None)


def check_sealed(sealed: bytes, *, suite: int | None = None) -> None:
    """`FormatError` unless the bytes have the shape of a known suite (or of this one). Opens nothing."""
    found = _suite(sealed, OVERHEAD_BYTES, "hpke.sealed", is_exact=False)
    if suite is not None and found != suite:
        raise FormatError("hpke.suite", f"this key opens suite {suite} and no other")


def _seal_hybrid(public_key: bytes, plaintext: bytes, info: bytes) -> bytes:
    if public_key[0] != HYBRID:
        raise FormatError("hpke.suite", "inside a token's envelope only suite 1 is accepted")
    _check_info(info)
    try:
        # FIPS 203 7.2: the library refuses an encapsulation key with coefficients that are not reduced.
        mlkem = MLKEM768PublicKey.from_public_bytes(public_key[1 : 1 + MLKEM_PUBLIC_BYTES])
        x25519 = X25519PublicKey.from_public_bytes(public_key[1 + MLKEM_PUBLIC_BYTES :])
        sealed = _SUITE.encrypt(plaintext, hpke.MLKEM768X25519PublicKey(mlkem, x25519), info)
    except ValueError as error:
        raise FormatError("hpke.public_key", "not a valid ML-KEM-768 and X25519 public key") from error
    return bytes([HYBRID]) + sealed


def _outer_key(shared: Secret, ephemeral: bytes, public_key: bytes, info: bytes) -> bytes:
    """Both points, the inner public key and the context are inputs of the key: with another of them it is another."""
    return agreement.derive(shared, salt=ephemeral + public_key, info=_OUTER_INFO + info).reveal()


def _suite(data: bytes, sizes: dict[int, int], check: str, *, is_exact: bool) -> int:
    if not data or data[0] not in sizes:
        raise FormatError("hpke.suite", "unknown suite: only suites 1 and 2 are accepted")
    size = sizes[data[0]]
    if len(data) < size or (is_exact and len(data) != size):
        raise FormatError(check, f"{'exactly' if is_exact else 'at least'} {size} bytes are expected")
    return data[0]


def _check_info(info: bytes) -> None:
    if len(info) > MAX_INFO_BYTES:
        raise ValueError(f"info has at most {MAX_INFO_BYTES} bytes")
