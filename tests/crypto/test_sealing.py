"""What is sealed opens under its key and context, and under nothing else; unknown suites are refused."""

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from diptych.crypto import sealing
from diptych.errors import FormatError, VerificationError
from diptych.private import Secret

KEY = Secret(bytes(range(32)))


def test_what_was_sealed_opens_with_its_key_and_context() -> None:
    sealed = sealing.seal(KEY, b"Erika Mustermann", context=b"order 1", entropy=os.urandom)
    assert sealing.open_sealed(KEY, sealed, context=b"order 1") == b"Erika Mustermann"
    assert len(sealed) == len(b"Erika Mustermann") + sealing.OVERHEAD_BYTES
    assert b"Erika" not in sealed


def test_another_key_or_context_is_refused_by_name() -> None:
    sealed = sealing.seal(KEY, b"", context=b"order 1", entropy=os.urandom)
    with pytest.raises(VerificationError, match=r"sealing\.key"):
        sealing.open_sealed(Secret(bytes(32)), sealed, context=b"order 1")
    with pytest.raises(VerificationError, match=r"sealing\.key"):
        sealing.open_sealed(KEY, sealed, context=b"order 2")


def test_every_flipped_bit_is_refused() -> None:
    sealed = sealing.seal(KEY, b"attribute", context=b"c", entropy=os.urandom)
    for position in range(len(sealed)):
        for bit in range(8):
            damaged = bytearray(sealed)
            damaged[position] ^= 1 << bit
            with pytest.raises((FormatError, VerificationError)):
                sealing.open_sealed(KEY, bytes(damaged), context=b"c")


def test_unknown_suites_are_refused_before_any_key_is_tried() -> None:
    sealed = sealing.seal(KEY, b"attribute", context=b"c", entropy=os.urandom)
    for suite in (0, 2, 255):
        with pytest.raises(FormatError, match=r"sealing\.suite"):
            sealing.open_sealed(KEY, bytes([suite]) + sealed[1:], context=b"c")


def test_every_truncation_is_refused() -> None:
    sealed = sealing.seal(KEY, b"attribute", context=b"c", entropy=os.urandom)
    for length in range(len(sealed)):
        with pytest.raises((FormatError, VerificationError)):
            sealing.open_sealed(KEY, sealed[:length], context=b"c")


def test_a_ciphertext_that_opens_under_two_keys_in_plain_gcm_opens_under_one_here() -> None:
    # The commitment is what plain GCM lacks: take a valid tag under another key, and it is still refused.
    other = Secret(os.urandom(32))
    sealed = sealing.seal(KEY, b"attribute", context=b"c", entropy=os.urandom)
    head = sealed[: 1 + sealing.NONCE_BYTES + sealing.COMMITMENT_BYTES]
    theirs = sealing.seal(other, b"attribute", context=b"c", entropy=lambda n: sealed[1:13][:n])
    forged = head + theirs[len(head) :]
    with pytest.raises(VerificationError, match=r"sealing\.key"):
        sealing.open_sealed(other, forged, context=b"c")
    with pytest.raises(VerificationError, match=r"sealing\.damaged"):
        sealing.open_sealed(KEY, forged, context=b"c")


def test_the_nonce_is_drawn_from_the_given_entropy_once() -> None:
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    sealing.seal(KEY, b"x", context=b"c", entropy=entropy)
    assert asked == [sealing.NONCE_BYTES]


def test_derived_keys_differ_by_secret_salt_and_info() -> None:
    keys = [
        sealing.derive(Secret(secret), salt=salt, info=info).reveal()
        for secret in (b"a", b"b")
        for salt in (b"a", b"b")
        for info in (b"a", b"b")
    ]
    assert len(set(keys)) == 8
    assert all(len(key) == 32 for key in keys)


def test_the_bytes_are_those_of_the_specification() -> None:
    # docs/spec/order.md, "Test vector", computed there step by step with plain HMAC and AES-GCM.
    import hashlib
    import hmac

    nonce = bytes(range(12))
    prk = hmac.new(nonce, KEY.reveal(), hashlib.sha256).digest()
    first = hmac.new(prk, b"diptych sealing 1" + b"context" + b"\x01", hashlib.sha256).digest()
    second = hmac.new(prk, first + b"diptych sealing 1" + b"context" + b"\x02", hashlib.sha256).digest()
    expected = b"\x01" + nonce + second + AESGCM(first).encrypt(nonce, b"plaintext", None)
    assert sealing.seal(KEY, b"plaintext", context=b"context", entropy=lambda n: nonce[:n]) == expected
