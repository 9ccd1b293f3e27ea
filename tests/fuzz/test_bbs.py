"""Octets that are no BBS signature, proof, key or commitment: a value that encodes to them again, or FormatError."""

import os
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diptych.crypto import bbs
from diptych.crypto.bbs import blind
from diptych.crypto.bbs.suite import (
    octets_to_proof,
    octets_to_pubkey,
    octets_to_signature,
    proof_to_octets,
    signature_to_octets,
)
from diptych.crypto.bls12381 import encode_scalar, parse_g1, parse_g2, parse_scalar
from diptych.errors import FormatError, VerificationError

SK = bbs.keygen(bytes(range(32)))
PK = bbs.sk_to_pk(SK)
SIGNATURE = bbs.sign(SK, PK, b"", [b"a", b"b"])
PROOF = bbs.proof_gen(PK, SIGNATURE, b"", b"", [b"a", b"b"], [0], entropy=os.urandom)
COMMITMENT = blind.commit([b"secret"], entropy=os.urandom)[0]

PARSERS: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: parse_g1(data).encode(),
    lambda data: parse_g2(data).encode(),
    lambda data: encode_scalar(parse_scalar(data)),
    lambda data: octets_to_pubkey(data).encode(),
    lambda data: signature_to_octets(octets_to_signature(data)),
    lambda data: proof_to_octets(octets_to_proof(data)),
)
edits = st.lists(st.tuples(st.integers(min_value=0), st.integers(1, 255)), min_size=1, max_size=3)


def mutated(valid: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    data = bytearray(valid)
    for position, mask in changes:
        data[position % len(data)] ^= mask
    return bytes(data[: len(data) - cut % 40] if cut else data)


@given(st.binary(max_size=400))
@example(b"\xff" * 48)
@example(b"\xff" * 96)
@example(b"\xff" * 32)
@example(b"\xc0" + bytes(47))
def test_arbitrary_bytes(data: bytes) -> None:
    for parse_and_encode in PARSERS:
        try:
            again = parse_and_encode(data)
        except FormatError:
            continue
        assert again == data


@settings(max_examples=150, deadline=None)
@given(edits, st.integers(min_value=0))
def test_mutated_signatures_proofs_keys_and_commitments(changes: list[tuple[int, int]], cut: int) -> None:
    signature, proof, pk = (mutated(valid, changes, cut) for valid in (SIGNATURE, PROOF, PK))
    commitment = mutated(COMMITMENT, changes, cut)
    if signature != SIGNATURE:
        with pytest.raises((FormatError, VerificationError)):
            bbs.verify(PK, signature, b"", [b"a", b"b"])
    if proof != PROOF:
        with pytest.raises((FormatError, VerificationError)):
            bbs.proof_verify(PK, proof, b"", b"", [b"a"], [0])
    if pk != PK:
        with pytest.raises((FormatError, VerificationError)):
            bbs.verify(pk, SIGNATURE, b"", [b"a", b"b"])
    if commitment != COMMITMENT:
        with pytest.raises((FormatError, VerificationError)):
            blind.blind_sign(SK, PK, commitment, b"", [b"a"])
