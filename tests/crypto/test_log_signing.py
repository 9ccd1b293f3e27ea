"""Ed25519 and ML-DSA-44: known answers, and nothing but the right signature verifies."""

import hashlib

import pytest

from diptych.crypto.log_signing import Algorithm, LogSigner, SeedSigner, check_public_key, verify
from diptych.errors import FormatError, VerificationError
from diptych.private import Secret

SEED = Secret(bytes(range(32)))


def test_ed25519_gives_the_first_answer_of_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    signer = SeedSigner(Algorithm.ED25519, Secret(seed))
    assert signer.public_key.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert (
        hashlib.sha256(signer.sign(b"")).hexdigest()
        == hashlib.sha256(
            bytes.fromhex(
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                "d25bf5f0595bbe24655141438e7a100b"
            )
        ).hexdigest()
    )


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_seed_gives_the_same_key_again(algorithm: Algorithm) -> None:
    signer = SeedSigner(algorithm, SEED)
    assert len(signer.public_key) == algorithm.public_key_bytes
    assert SeedSigner(algorithm, signer.seed()).public_key == signer.public_key
    assert signer.seed() == SEED


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_flipped_byte_of_a_signature_is_refused(algorithm: Algorithm) -> None:
    signer: LogSigner = SeedSigner(algorithm, SEED)
    signature = signer.sign(b"message")
    assert len(signature) == algorithm.signature_bytes
    verify(algorithm, signer.public_key, signature, b"message")
    for position in range(0, len(signature), max(1, len(signature) // 64)):
        flipped = bytearray(signature)
        flipped[position] ^= 1
        with pytest.raises(VerificationError):
            verify(algorithm, signer.public_key, bytes(flipped), b"message")
    for message, damaged in ((b"other", signature), (b"message", signature[:-1]), (b"message", b"")):
        with pytest.raises(VerificationError):
            verify(algorithm, signer.public_key, damaged, message)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_keys_of_another_length_are_refused(algorithm: Algorithm) -> None:
    with pytest.raises(FormatError, match=r"key\.length"):
        check_public_key(algorithm, bytes(algorithm.public_key_bytes - 1))
    with pytest.raises(FormatError, match=r"key\.seed"):
        SeedSigner(algorithm, Secret(bytes(31)))


def test_a_signer_does_not_show_its_seed() -> None:
    assert repr(SeedSigner(Algorithm.ED25519, SEED)) == "<secret signer>"
