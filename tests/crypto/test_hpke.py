"""What is sealed to a key opens with that key for that context alone; the bytes are RFC 9180's and the draft's."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from diptych.crypto import agreement, hpke
from diptych.crypto.agreement import SoftwareAgreementKey
from diptych.errors import FormatError, VerificationError
from diptych.private import Secret

FILE = Path(__file__).resolve().parents[1] / "vectors" / "hpke" / "mlkem768_x25519.json"
RECIPIENT = hpke.generate_recipient()
TOKEN = SoftwareAgreementKey(ec.generate_private_key(ec.SECP256R1()))
BOUND = hpke.TokenBoundRecipient(TOKEN, hpke.generate_recipient())
BOTH = pytest.mark.parametrize("recipient", [RECIPIENT, BOUND], ids=["hybrid", "token-bound"])


@BOTH
@given(plaintext=st.binary(max_size=300), info=st.binary(max_size=300))
def test_what_was_sealed_opens_for_its_context(recipient: hpke.Recipient, plaintext: bytes, info: bytes) -> None:
    sealed = hpke.seal(recipient.public_key, plaintext, info=info)
    assert sealed[0] == recipient.public_key[0]
    assert len(sealed) == len(plaintext) + hpke.OVERHEAD_BYTES[sealed[0]]
    assert recipient.open_sealed(sealed, info=info) == plaintext


@BOTH
def test_another_context_is_refused_by_name(recipient: hpke.Recipient) -> None:
    sealed = hpke.seal(recipient.public_key, b"share", info=b"record 1")
    with pytest.raises(VerificationError, match=r"hpke\.open"):
        recipient.open_sealed(sealed, info=b"record 2")


def test_another_key_is_refused_by_name() -> None:
    with pytest.raises(VerificationError, match=r"hpke\.open"):
        hpke.generate_recipient().open_sealed(hpke.seal(RECIPIENT.public_key, b"share", info=b""), info=b"")
    sealed = hpke.seal(BOUND.public_key, b"share", info=b"")
    other = SoftwareAgreementKey(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(VerificationError, match=r"hpke\.open"):
        hpke.TokenBoundRecipient(other, BOUND._inner).open_sealed(sealed, info=b"")
    with pytest.raises(VerificationError, match=r"hpke\.open"):
        hpke.TokenBoundRecipient(TOKEN, hpke.generate_recipient()).open_sealed(sealed, info=b"")


@BOTH
def test_a_flipped_bit_in_any_byte_is_refused(recipient: hpke.Recipient) -> None:
    sealed = hpke.seal(recipient.public_key, b"share", info=b"record 1")
    # Every byte outside of the ML-KEM ciphertext, and every 37th inside.
    for position in {*range(80), *range(80, len(sealed) - 80, 37), *range(len(sealed) - 80, len(sealed))}:
        damaged = bytearray(sealed)
        damaged[position] ^= 1
        with pytest.raises((FormatError, VerificationError)):
            recipient.open_sealed(bytes(damaged), info=b"record 1")


@BOTH
def test_every_truncation_is_refused(recipient: hpke.Recipient) -> None:
    sealed = hpke.seal(recipient.public_key, b"share", info=b"")
    for length in {*range(0, len(sealed), 41), len(sealed) - 1}:
        with pytest.raises((FormatError, VerificationError)):
            recipient.open_sealed(sealed[:length], info=b"")


@BOTH
def test_unknown_suites_are_refused_before_any_key_is_used(recipient: hpke.Recipient) -> None:
    sealed = hpke.seal(recipient.public_key, b"share", info=b"")
    for suite in {0, 1, 2, 3, 255} - {sealed[0]}:
        with pytest.raises(FormatError, match=r"hpke\.(suite|sealed)"):
            recipient.open_sealed(bytes([suite]) + sealed[1:], info=b"")
        with pytest.raises(FormatError, match=r"hpke\.(suite|public_key)"):
            hpke.seal(bytes([suite]) + recipient.public_key[1:], b"", info=b"")
    with pytest.raises(FormatError, match=r"hpke\.suite"):
        hpke.check_sealed(b"")


def test_an_envelope_of_one_suite_is_not_opened_by_a_key_of_the_other() -> None:
    with pytest.raises(FormatError, match=r"hpke\.suite"):
        RECIPIENT.open_sealed(hpke.seal(BOUND.public_key, b"", info=b""), info=b"")
    # Without the outer envelope the seeds alone would do: what is addressed to a token never opens without it.
    inner = hpke.seal(BOUND._inner.public_key, bytes(200), info=b"")
    with pytest.raises(FormatError, match=r"hpke\.suite"):
        BOUND.open_sealed(inner, info=b"")


def test_a_public_key_is_not_sealed_to_unless_every_part_is_valid() -> None:
    whole = RECIPIENT.public_key
    point = agreement.encode_point(TOKEN.public_key)
    for invalid in (
        whole[:-1],
        whole + b"\0",
        whole[:1] + b"\xff" * hpke.MLKEM_PUBLIC_BYTES + whole[-32:],  # coefficients that are not reduced
        whole[:-32] + bytes(32),  # X25519's point of small order
        whole[:-32] + (1).to_bytes(32, "little"),  # and another
        bytes([2]) + point + bytes([2]) + whole[1:],  # a token's envelope in a token's envelope
        bytes([2]) + bytes(65) + whole,
        bytes([2]) + b"\x04" + bytes(64) + whole,
        bytes([2]) + point[:-1] + bytes([point[-1] ^ 1]) + whole,
    ):
        with pytest.raises(FormatError):
            hpke.seal(invalid, b"", info=b"")
        with pytest.raises(FormatError):
            hpke.check_public_key(invalid)
    hpke.check_public_key(whole)
    hpke.check_public_key(bytes([2]) + point + whole)


def test_an_ephemeral_point_off_the_curve_never_meets_the_token() -> None:
    class Watched(SoftwareAgreementKey):
        def exchange(self, public: agreement.PublicKey) -> Secret:
            raise AssertionError("the token was asked")

    recipient = hpke.TokenBoundRecipient(Watched(ec.generate_private_key(ec.SECP256R1())), RECIPIENT)
    sealed = bytearray(hpke.seal(recipient.public_key, b"", info=b""))
    sealed[40] ^= 1
    with pytest.raises(FormatError, match=r"agreement\.point"):
        recipient.open_sealed(bytes(sealed), info=b"")


def test_a_private_key_is_its_seeds_and_comes_back_from_them() -> None:
    seeds = RECIPIENT.seeds()
    assert len(seeds) == hpke.PRIVATE_KEY_BYTES
    again = hpke.load_recipient(seeds)
    assert again.public_key == RECIPIENT.public_key
    assert again.open_sealed(hpke.seal(RECIPIENT.public_key, b"share", info=b"x"), info=b"x") == b"share"
    for invalid in (b"", seeds.reveal()[:-1], seeds.reveal() + b"\0", b"\2" + seeds.reveal()[1:]):
        with pytest.raises(FormatError, match=r"hpke\.private_key"):
            hpke.load_recipient(Secret(invalid))


def test_keys_say_nothing_when_printed() -> None:
    for key in (RECIPIENT, BOUND, TOKEN):
        assert repr(key).startswith("<secret")


# RFC 9180 and draft-ietf-hpke-pq once more, from their text alone.


def shared_secret(enc: bytes, d_z: bytes, x: bytes) -> bytes:
    """MLKEM768-X25519 (X-Wing): SHA3-256 of both shared secrets, the X25519 ciphertext and public key, and a label."""
    mine = x25519.X25519PrivateKey.from_private_bytes(x)
    pq = mlkem.MLKEM768PrivateKey.from_seed_bytes(d_z).decapsulate(enc[:1088])
    classical = mine.exchange(x25519.X25519PublicKey.from_public_bytes(enc[1088:]))
    return hashlib.sha3_256(
        pq + classical + enc[1088:] + mine.public_key().public_bytes_raw() + bytes.fromhex("5c2e2f2f5e5c")
    ).digest()


def key_schedule(secret: bytes, info: bytes, aead_id: int) -> tuple[bytes, bytes]:
    """RFC 9180 5.1, base mode, HKDF-SHA256: the AEAD's key (32 bytes) and first nonce."""
    suite = b"HPKE" + bytes.fromhex("647a0001") + aead_id.to_bytes(2, "big")

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()

    def expand(prk: bytes, label: bytes, context: bytes, length: int) -> bytes:
        text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.new(prk, text + b"\x01", hashlib.sha256).digest()[:length]

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    prk = extract(secret, b"secret", b"")
    return expand(prk, b"key", context, 32), expand(prk, b"base_nonce", context, 12)


def test_the_published_vector_of_the_hybrid_holds() -> None:
    vector = json.loads(FILE.read_text())
    given = {
        name: bytes.fromhex(value) for name, value in vector.items() if name != "source" and isinstance(value, str)
    }
    # The draft keeps one seed of 32 bytes, and expands it to the two that are kept here.
    d_z_x = hashlib.shake_256(given["skRm"]).digest(96)
    recipient = hpke.load_recipient(Secret(b"\x01" + d_z_x))
    assert recipient.public_key[1:] == given["pkRm"]
    secret = shared_secret(given["enc"], d_z_x[:64], d_z_x[64:])
    assert secret == given["shared_secret"]
    key, nonce = key_schedule(secret, given["info"], vector["aead_id"])
    assert (key, nonce) == (given["key"], given["base_nonce"])
    assert ChaCha20Poly1305(key).decrypt(nonce, given["ct"], given["aad"]) == given["pt"]


def test_what_we_seal_opens_from_the_specifications_alone() -> None:
    seeds = RECIPIENT.seeds().reveal()
    sealed = hpke.seal(RECIPIENT.public_key, b"share", info=b"record 1")
    key, nonce = key_schedule(shared_secret(sealed[1:1121], seeds[1:65], seeds[65:]), b"record 1", 2)
    assert AESGCM(key).decrypt(nonce, sealed[1121:], None) == b"share"


def test_a_tokens_envelope_opens_from_the_specification_alone() -> None:
    sealed = hpke.seal(BOUND.public_key, b"share", info=b"record 1")
    point = agreement.parse_point(sealed[1:66])
    shared = TOKEN.exchange(point).reveal()
    prk = hmac.new(sealed[1:66] + BOUND.public_key, shared, hashlib.sha256).digest()
    key = hmac.new(prk, b"diptych token envelope 2\n" + b"record 1" + b"\x01", hashlib.sha256).digest()
    inner = AESGCM(key).decrypt(bytes(12), sealed[66:], None)
    assert BOUND._inner.open_sealed(inner, info=b"record 1") == b"share"
