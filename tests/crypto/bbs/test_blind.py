"""Blind issuance beyond its vectors: the signer sees nothing, and signs nothing the holder does not know."""

import os

import pytest

from diptych.crypto import bbs
from diptych.crypto.bbs import blind
from diptych.crypto.bls12381 import ORDER, encode_scalar
from diptych.errors import FormatError, VerificationError

SK = bbs.keygen(bytes(range(32)))
PK = bbs.sk_to_pk(SK)
KNOWN, COMMITTED = [b"name", b"birth date"], [b"holder secret", b"another"]
COMMITMENT, SECRET = blind.commit(COMMITTED, entropy=os.urandom)
SIGNATURE = blind.blind_sign(SK, PK, COMMITMENT, b"header", KNOWN)


def test_what_is_signed_blindly_verifies_and_proves() -> None:
    blind.verify(PK, SIGNATURE, b"header", KNOWN, COMMITTED, SECRET)
    proof = blind.proof_gen(PK, SIGNATURE, b"header", b"ph", KNOWN, COMMITTED, [1], [0], SECRET, entropy=os.urandom)
    blind.proof_verify(PK, proof, b"header", b"ph", 2, [b"birth date"], [b"holder secret"], [1], [0])
    for count, indexes, committed_indexes in (
        (1, [0], [0]),
        (3, [1], [0]),
        (2, [0], [0]),
        (2, [1], [1]),
        (9, [1], [0]),
    ):
        with pytest.raises((VerificationError, FormatError)):
            blind.proof_verify(
                PK, proof, b"header", b"ph", count, [b"birth date"], [b"holder secret"], indexes, committed_indexes
            )


def test_the_blind_cannot_be_disclosed_as_if_it_were_a_message() -> None:
    for indexes, committed_indexes in (([2], []), ([], [-1])):
        with pytest.raises(FormatError):
            blind.proof_gen(
                PK,
                SIGNATURE,
                b"header",
                b"ph",
                KNOWN,
                COMMITTED,
                indexes,
                committed_indexes,
                SECRET,
                entropy=os.urandom,
            )


def test_a_commitment_with_any_byte_flipped_is_refused() -> None:
    for position in range(len(COMMITMENT)):
        damaged = bytearray(COMMITMENT)
        damaged[position] ^= 1 << (position % 8)
        with pytest.raises((VerificationError, FormatError)):
            blind.blind_sign(SK, PK, bytes(damaged), b"header", KNOWN)


def test_a_commitment_without_its_proof_is_refused() -> None:
    for octets in (COMMITMENT[:48], COMMITMENT[:-32], COMMITMENT + encode_scalar(1), COMMITMENT[:-1], COMMITMENT[:111]):
        with pytest.raises((VerificationError, FormatError)):
            blind.blind_sign(SK, PK, octets, b"header", KNOWN)


def test_a_huge_commitment_is_refused_before_any_work() -> None:
    with pytest.raises(FormatError):
        blind.blind_sign(SK, PK, COMMITMENT + bytes(32 * 2_000), b"header", KNOWN)


def test_commitments_to_the_same_secret_differ() -> None:
    other, _ = blind.commit(COMMITTED, entropy=os.urandom)
    assert other[:48] != COMMITMENT[:48]


def test_another_secret_or_blind_does_not_verify() -> None:
    with pytest.raises(VerificationError):
        blind.verify(PK, SIGNATURE, b"header", KNOWN, [b"someone else's", b"another"], SECRET)
    with pytest.raises(VerificationError):
        blind.verify(PK, SIGNATURE, b"header", KNOWN, COMMITTED)
    with pytest.raises(FormatError):
        blind.verify(PK, SIGNATURE, b"header", KNOWN, COMMITTED, encode_scalar(ORDER - 1)[:-1])


def test_the_draft_and_blind_interfaces_do_not_mix() -> None:
    plain = bbs.sign(SK, PK, b"header", KNOWN)
    with pytest.raises(VerificationError):
        blind.verify(PK, plain, b"header", KNOWN, [])
    with pytest.raises(VerificationError):
        bbs.verify(PK, blind.blind_sign(SK, PK, b"", b"header", KNOWN), b"header", KNOWN)


def test_without_a_commitment_it_is_an_ordinary_signature_of_this_interface() -> None:
    signature = blind.blind_sign(SK, PK, b"", b"header", KNOWN)
    blind.verify(PK, signature, b"header", KNOWN, [])
