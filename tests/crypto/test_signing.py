"""ES256 signatures are deterministic, bound to key and message, and keys off the curve do not load."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from diptych.crypto import signing
from diptych.errors import FormatError, VerificationError


def test_a_signature_verifies_under_its_key_and_message_only() -> None:
    signer = signing.generate_signer()
    signature = signer.sign(b"message")
    signing.verify(signer.public_key, signature, b"message")
    with pytest.raises(VerificationError, match="signature"):
        signing.verify(signer.public_key, signature, b"massage")
    with pytest.raises(VerificationError, match="signature"):
        signing.verify(signing.generate_signer().public_key, signature, b"message")


def test_signing_twice_gives_the_same_bytes() -> None:
    signer = signing.generate_signer()
    assert signer.sign(b"message") == signer.sign(b"message")


def test_a_signature_of_another_length_is_refused() -> None:
    signer = signing.generate_signer()
    with pytest.raises(VerificationError, match=r"signature\.length"):
        signing.verify(signer.public_key, signer.sign(b"m") + b"\0", b"m")


def test_every_flipped_byte_of_a_signature_is_refused() -> None:
    signer = signing.generate_signer()
    signature = signer.sign(b"message")
    for position in range(len(signature)):
        damaged = bytearray(signature)
        damaged[position] ^= 1
        with pytest.raises(VerificationError):
            signing.verify(signer.public_key, bytes(damaged), b"message")


def test_coordinates_off_the_curve_are_refused() -> None:
    x, y = signing.coordinates(signing.generate_signer().public_key)
    assert signing.coordinates(signing.public_key_from_coordinates(x, y)) == (x, y)
    with pytest.raises(FormatError, match=r"key\.point"):
        signing.public_key_from_coordinates(x, bytes(32))
    with pytest.raises(FormatError, match=r"key\.coordinates"):
        signing.public_key_from_coordinates(x[1:], y)


def test_a_stored_key_loads_again_and_other_curves_do_not() -> None:
    signer = signing.generate_signer()
    assert signing.load_signer(signing.dump_signer(signer)).public_key == signer.public_key
    for foreign in (ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()):
        der = foreign.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with pytest.raises(FormatError, match=r"key\.curve"):
            signing.load_signer(der)
    with pytest.raises(FormatError, match=r"key\.pkcs8"):
        signing.load_signer(b"nonsense")
