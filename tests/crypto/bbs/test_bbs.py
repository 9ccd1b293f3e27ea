"""BBS beyond its vectors: what signs verifies, and nothing else does."""

import os
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.crypto import bbs
from diptych.crypto.bbs.suite import MAX_MESSAGES, octets_to_proof, octets_to_signature, proof_to_octets
from diptych.crypto.bls12381 import ORDER, encode_scalar
from diptych.errors import DiptychError, FormatError, VerificationError

SK = bbs.keygen(bytes(range(32)))
PK = bbs.sk_to_pk(SK)
HEADER, PH = b"header", b"presentation"
MESSAGES = [b"one", b"two", b"", b"four"]
SIGNATURE = bbs.sign(SK, PK, HEADER, MESSAGES)
OTHER_PK = bbs.sk_to_pk(bbs.keygen(bytes(range(32)), b"other"))


def prove(indexes: list[int]) -> bytes:
    return bbs.proof_gen(PK, SIGNATURE, HEADER, PH, MESSAGES, indexes, entropy=os.urandom)


def refused(pk: bytes, proof: bytes, header: bytes, ph: bytes, messages: list[bytes], indexes: list[int]) -> None:
    with pytest.raises((VerificationError, FormatError)):
        bbs.proof_verify(pk, proof, header, ph, messages, indexes)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=6), st.binary(max_size=50), st.binary(max_size=50), st.data())
def test_every_disclosure_of_every_signature_verifies(
    messages: list[bytes], header: bytes, ph: bytes, data: st.DataObject
) -> None:
    indexes = sorted(data.draw(st.sets(st.sampled_from(range(len(messages))) if messages else st.nothing())))
    signature = bbs.sign(SK, PK, header, messages)
    bbs.verify(PK, signature, header, messages)
    proof = bbs.proof_gen(PK, signature, header, ph, messages, indexes, entropy=os.urandom)
    assert len(proof) == 272 + 32 * (len(messages) - len(indexes))
    bbs.proof_verify(PK, proof, header, ph, [messages[index] for index in indexes], indexes)


def test_every_subset_of_four_messages() -> None:
    for size in range(5):
        for indexes in combinations(range(4), size):
            proof = prove(list(indexes))
            bbs.proof_verify(PK, proof, HEADER, PH, [MESSAGES[index] for index in indexes], list(indexes))


@pytest.mark.parametrize("position", range(80))
def test_a_signature_with_any_byte_flipped_is_refused(position: int) -> None:
    for mask in (0x01, 0x80, 0xFF):
        damaged = bytearray(SIGNATURE)
        damaged[position] ^= mask
        with pytest.raises((VerificationError, FormatError)):
            bbs.verify(PK, bytes(damaged), HEADER, MESSAGES)


def test_a_proof_with_any_byte_flipped_is_refused() -> None:
    proof = prove([0, 2])
    for position in range(len(proof)):
        damaged = bytearray(proof)
        damaged[position] ^= 1 << (position % 8)
        refused(PK, bytes(damaged), HEADER, PH, [b"one", b""], [0, 2])


def test_a_proof_answers_one_question_only() -> None:
    proof = prove([0, 2])
    bbs.proof_verify(PK, proof, HEADER, PH, [b"one", b""], [0, 2])
    refused(OTHER_PK, proof, HEADER, PH, [b"one", b""], [0, 2])
    refused(PK, proof, b"other", PH, [b"one", b""], [0, 2])
    refused(PK, proof, HEADER, b"other", [b"one", b""], [0, 2])
    refused(PK, proof, HEADER, PH, [b"One", b""], [0, 2])
    refused(PK, proof, HEADER, PH, [b"one", b""], [0, 1])
    refused(PK, proof, HEADER, PH, [b"one"], [0])
    refused(PK, proof, HEADER, PH, [b"one", b"", b"two"], [0, 1, 2])


@pytest.mark.parametrize("indexes", [[0, 0], [2, 0], [-1, 0], [0, 4], [0, 10**9]])
def test_indexes_ascend_within_the_messages(indexes: list[int]) -> None:
    with pytest.raises(FormatError):
        prove(indexes)
    refused(PK, prove([0, 2]), HEADER, PH, [b"one", b""], indexes)


def test_as_many_disclosed_messages_as_indexes() -> None:
    refused(PK, prove([0, 2]), HEADER, PH, [b"one"], [0, 2])


@pytest.mark.parametrize("length", [0, 1, 79, 81, 271, 273, 272 + 31])
def test_lengths_are_exact(length: int) -> None:
    if length < 200:
        with pytest.raises(FormatError):
            bbs.verify(PK, bytes(length), HEADER, MESSAGES)
    refused(PK, bytes(length), HEADER, PH, [], [])


def test_scalars_in_signatures_and_proofs_are_canonical() -> None:
    e = int.from_bytes(SIGNATURE[48:], "big")
    for value in (0, ORDER, e + ORDER):
        if value < 2**256:
            with pytest.raises(FormatError):
                octets_to_signature(SIGNATURE[:48] + value.to_bytes(32, "big"))
    proof = prove([])
    for start in range(144, len(proof), 32):
        scalar = int.from_bytes(proof[start : start + 32], "big")
        for value in (0, ORDER, scalar + ORDER):
            if value < 2**256:
                with pytest.raises(FormatError):
                    octets_to_proof(proof[:start] + value.to_bytes(32, "big") + proof[start + 32 :])


@pytest.mark.parametrize("start", [0, 48, 96])
def test_an_identity_in_a_proof_is_refused(start: int) -> None:
    proof = prove([])
    refused(PK, proof[:start] + b"\xc0" + bytes(47) + proof[start + 48 :], HEADER, PH, [], [])


def test_a_proof_from_a_signature_of_another_key_is_refused() -> None:
    other = bbs.sign(bbs.keygen(bytes(range(32)), b"other"), OTHER_PK, HEADER, MESSAGES)
    refused(PK, bbs.proof_gen(PK, other, HEADER, PH, MESSAGES, [], entropy=os.urandom), HEADER, PH, [], [])


def test_a_proof_from_another_message_is_refused() -> None:
    lie = [b"one", b"two", b"", b"five"]
    refused(PK, bbs.proof_gen(PK, SIGNATURE, HEADER, PH, lie, [3], entropy=os.urandom), HEADER, PH, [b"five"], [3])


def test_proofs_parse_and_encode_identically() -> None:
    proof = prove([1])
    assert proof_to_octets(octets_to_proof(proof)) == proof


def test_two_proofs_share_nothing() -> None:
    first, second = prove([]), prove([])
    chunks = {first[start : start + 16] for start in range(0, len(first), 16)}
    assert not chunks & {second[start : start + 16] for start in range(0, len(second), 16)}


def test_keygen_refuses_weak_material() -> None:
    with pytest.raises(FormatError):
        bbs.keygen(bytes(31))
    with pytest.raises(FormatError):
        bbs.keygen(bytes(32), bytes(65536))


@pytest.mark.parametrize("sk", [bytes(32), encode_scalar(0), ORDER.to_bytes(32, "big"), bytes(31), b""])
def test_invalid_secret_keys_are_refused(sk: bytes) -> None:
    with pytest.raises(FormatError):
        bbs.sk_to_pk(sk)
    with pytest.raises(FormatError):
        bbs.sign(sk, PK, HEADER, MESSAGES)


@pytest.mark.parametrize("pk", [b"", bytes(96), b"\xc0" + bytes(95), b"\xff" * 96, PK[:-1]])
def test_invalid_public_keys_are_refused_everywhere(pk: bytes) -> None:
    with pytest.raises(FormatError):
        bbs.sign(SK, pk, HEADER, MESSAGES)
    with pytest.raises(FormatError):
        bbs.verify(pk, SIGNATURE, HEADER, MESSAGES)
    with pytest.raises(FormatError):
        bbs.proof_gen(pk, SIGNATURE, HEADER, PH, MESSAGES, [], entropy=os.urandom)
    refused(pk, prove([]), HEADER, PH, [], [])


def test_more_messages_than_anyone_signs_are_refused_before_any_work() -> None:
    with pytest.raises(DiptychError):
        bbs.proof_verify(PK, bytes(272 + 32 * (MAX_MESSAGES + 1)), HEADER, PH, [], [])
    with pytest.raises(DiptychError):
        bbs.sign(SK, PK, HEADER, [b""] * (MAX_MESSAGES + 2))
