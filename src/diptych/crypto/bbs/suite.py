"""The ciphersuite BLS12-381-SHA-256 and the utilities that BBS operations share.

Clauses are those of draft-irtf-cfrg-bbs-signatures-09. What is done with the points and scalars is left to `core`;
which interface identifier (`api_id`) separates whom from whom is left to the interfaces.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from diptych.crypto.bls12381 import (
    G1,
    G1_BYTES,
    G2,
    SCALAR_BYTES,
    encode_scalar,
    expand_message,
    hash_to_g1,
    hash_to_scalar,
    parse_g1,
    parse_g2,
    parse_nonzero_scalar,
)
from diptych.errors import FormatError

CIPHERSUITE_ID = b"BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_"
EXPAND_BYTES = 48
MAX_MESSAGES = 1_000
"""Ours, not the draft's: a proof's length names a number of generators to hash (50 microseconds each)."""

SIGNATURE_BYTES = G1_BYTES + SCALAR_BYTES
PROOF_FLOOR_BYTES = 3 * G1_BYTES + 4 * SCALAR_BYTES


@dataclass(frozen=True)
class Signature:
    """(A, e), 4.2.4.2."""

    a: G1
    e: int


@dataclass(frozen=True)
class Proof:
    """(Abar, Bbar, D, e^, r1^, r3^, (m^_1, ..., m^_U), c), 4.2.4.4."""

    a_bar: G1
    b_bar: G1
    d: G1
    e_hat: int
    r1_hat: int
    r3_hat: int
    message_hats: tuple[int, ...]
    challenge: int


@cache
def p1() -> G1:
    """P1 of the ciphersuite (7.2): create_generators with other tags, one point."""
    return _chain(
        CIPHERSUITE_ID + b"H2G_HM2S_SIG_GENERATOR_SEED_",
        CIPHERSUITE_ID + b"H2G_HM2S_SIG_GENERATOR_DST_",
        CIPHERSUITE_ID + b"H2G_HM2S_BP_MESSAGE_GENERATOR_SEED",
    ).take(1)[0]


def create_generators(count: int, api_id: bytes) -> tuple[G1, ...]:
    """4.1.1. Points are kept: they are constant, and asked for at every operation."""
    return _chain(
        api_id + b"SIG_GENERATOR_SEED_", api_id + b"SIG_GENERATOR_DST_", api_id + b"MESSAGE_GENERATOR_SEED"
    ).take(count)


def messages_to_scalars(messages: Sequence[bytes], api_id: bytes) -> list[int]:
    """4.1.2."""
    return [hash_to_scalar(message, api_id + b"MAP_MSG_TO_SCALAR_AS_HASH_") for message in messages]


def calculate_domain(pk: bytes, generators: Sequence[G1], header: bytes, api_id: bytes) -> int:
    """4.2.3: binds the public key, the generators (Q_1 first) and the header."""
    points = b"".join(point.encode() for point in generators)
    count = (len(generators) - 1).to_bytes(8, "big")
    return hash_to_scalar(pk + count + points + api_id + len(header).to_bytes(8, "big") + header, api_id + b"H2S_")


def serialize_integer(value: int) -> bytes:
    """4.2.4.1, an integer: 8 bytes."""
    return value.to_bytes(8, "big")


def signature_to_octets(signature: Signature) -> bytes:
    return signature.a.encode() + encode_scalar(signature.e)


def octets_to_signature(octets: bytes) -> Signature:
    """4.2.4.3."""
    if len(octets) != SIGNATURE_BYTES:
        raise FormatError("bbs.signature", f"a signature has {SIGNATURE_BYTES} bytes")
    return Signature(parse_g1(octets[:G1_BYTES]), parse_nonzero_scalar(octets[G1_BYTES:]))


def proof_to_octets(proof: Proof) -> bytes:
    """4.2.4.4."""
    scalars = (proof.e_hat, proof.r1_hat, proof.r3_hat, *proof.message_hats, proof.challenge)
    points = (proof.a_bar, proof.b_bar, proof.d)
    return b"".join(point.encode() for point in points) + b"".join(encode_scalar(scalar) for scalar in scalars)


def hidden_count(proof_octets: bytes) -> int:
    """U: how many hidden messages a proof of this length is about (3.5.4, Deserialization)."""
    hidden, rest = divmod(len(proof_octets) - PROOF_FLOOR_BYTES, SCALAR_BYTES)
    if hidden < 0 or rest:
        raise FormatError("bbs.proof", "a proof has 272 bytes and 32 for each hidden message")
    if hidden > MAX_MESSAGES:
        raise FormatError("bbs.proof", f"at most {MAX_MESSAGES} messages are accepted")
    return hidden


def octets_to_proof(octets: bytes) -> Proof:
    """4.2.4.5."""
    hidden_count(octets)
    points = [parse_g1(octets[start : start + G1_BYTES]) for start in range(0, 3 * G1_BYTES, G1_BYTES)]
    scalars = [
        parse_nonzero_scalar(octets[start : start + SCALAR_BYTES])
        for start in range(3 * G1_BYTES, len(octets), SCALAR_BYTES)
    ]
    return Proof(points[0], points[1], points[2], scalars[0], scalars[1], scalars[2], tuple(scalars[3:-1]), scalars[-1])


def octets_to_pubkey(pk: bytes) -> G2:
    """4.2.4.6: on the curve, in the subgroup, not the identity."""
    return parse_g2(pk)


def parse_secret_key(sk: bytes) -> int:
    """SK as 32 bytes, 0 < SK < r."""
    return parse_nonzero_scalar(sk)


class _Chain:
    """The points of one `create_generators`, as far as anyone asked. Threads may repeat work, never mix it up."""

    def __init__(self, seed_dst: bytes, generator_dst: bytes, generator_seed: bytes) -> None:
        self._seed_dst = seed_dst
        self._generator_dst = generator_dst
        self._known: tuple[bytes, tuple[G1, ...]] = (expand_message(generator_seed, seed_dst, EXPAND_BYTES), ())

    def take(self, count: int) -> tuple[G1, ...]:
        if count > MAX_MESSAGES + 2:
            raise FormatError("bbs.messages", f"at most {MAX_MESSAGES} messages are accepted")
        v, points = self._known
        if len(points) < count:
            extended = list(points)
            for number in range(len(points) + 1, count + 1):
                v = expand_message(v + number.to_bytes(8, "big"), self._seed_dst, EXPAND_BYTES)
                extended.append(hash_to_g1(v, self._generator_dst))
            points = tuple(extended)
            self._known = (v, points)
        return points[:count]


@cache
def _chain(seed_dst: bytes, generator_dst: bytes, generator_seed: bytes) -> _Chain:
    return _Chain(seed_dst, generator_dst, generator_seed)
