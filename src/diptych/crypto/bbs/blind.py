"""Blind issuance: a signature over messages that the signer never sees (draft-irtf-cfrg-bbs-blind-signatures-02).

The published vectors are those of revision 02, whose text later corrections brought nearer to them (the length of M
in BlindSign; Q_2 in the domain; P1 and the domain in B); where text and vectors still differ, the line says so and the
vectors are followed. Revision 03 keeps signatures but adds commitments to proofs and a new proof format, without
vectors yet; it is not implemented. Issuance that proves more about what is committed is left to `fast_suite`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.crypto.bbs.core import calculate_b, core_proof_gen, core_proof_verify, core_verify, finalize_sign
from diptych.crypto.bbs.suite import (
    CIPHERSUITE_ID,
    MAX_MESSAGES,
    calculate_domain,
    create_generators,
    hidden_count,
    messages_to_scalars,
    serialize_integer,
)
from diptych.crypto.bls12381 import (
    G1,
    G1_BYTES,
    ORDER,
    SCALAR_BYTES,
    encode_scalar,
    equal_scalars,
    g1_identity,
    hash_to_scalar,
    parse_g1,
    parse_nonzero_scalar,
    parse_scalar,
    random_scalars,
    sum_public,
    sum_secret,
)
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, VerificationError

API_ID = CIPHERSUITE_ID + b"BLIND_H2G_HM2S_"

_FLOOR_BYTES = G1_BYTES + 2 * SCALAR_BYTES
_NO_BLIND = bytes(SCALAR_BYTES)


def commit(committed_messages: Sequence[bytes], *, entropy: Entropy) -> tuple[bytes, bytes]:
    """Commit, 4.1.1: (commitment_with_proof, secret_prover_blind). Asks once for `entropy(48 * (M + 2))`."""
    return core_commit(messages_to_scalars(committed_messages, API_ID), API_ID, entropy=entropy)


def blind_sign(sk: bytes, pk: bytes, commitment_with_proof: bytes, header: bytes, messages: Sequence[bytes]) -> bytes:
    """BlindSign, 4.2.1. Without a commitment, `commitment_with_proof` is empty."""
    scalars = messages_to_scalars(messages, API_ID)
    return core_blind_sign(sk, pk, commitment_with_proof, header, scalars, API_ID)


def verify(
    pk: bytes,
    signature: bytes,
    header: bytes,
    messages: Sequence[bytes],
    committed_messages: Sequence[bytes],
    secret_prover_blind: bytes = _NO_BLIND,
) -> None:
    """VerifyBlindSign, 4.2.2."""
    blind = parse_scalar(secret_prover_blind)
    scalars = [
        *messages_to_scalars(messages, API_ID),
        blind,
        *messages_to_scalars(committed_messages, API_ID),
    ]
    core_verify(
        pk, signature, blind_generators(len(messages), len(committed_messages), API_ID), header, scalars, API_ID
    )


def proof_gen(
    pk: bytes,
    signature: bytes,
    header: bytes,
    ph: bytes,
    messages: Sequence[bytes],
    committed_messages: Sequence[bytes],
    disclosed_indexes: Sequence[int],
    disclosed_committed_indexes: Sequence[int],
    secret_prover_blind: bytes = _NO_BLIND,
    *,
    entropy: Entropy,
) -> bytes:
    """BlindProofGen, 4.2.3. Asks once for `entropy(48 * (5 + hidden))`, the blind among the hidden."""
    blind = parse_scalar(secret_prover_blind)
    scalars = [*messages_to_scalars(messages, API_ID), blind, *messages_to_scalars(committed_messages, API_ID)]
    generators = blind_generators(len(messages), len(committed_messages), API_ID)
    indexes = _joined_indexes(disclosed_indexes, len(messages), disclosed_committed_indexes)
    return core_proof_gen(pk, signature, generators, header, ph, scalars, indexes, API_ID, entropy=entropy)


def proof_verify(
    pk: bytes,
    proof: bytes,
    header: bytes,
    ph: bytes,
    message_count: int,
    disclosed_messages: Sequence[bytes],
    disclosed_committed_messages: Sequence[bytes],
    disclosed_indexes: Sequence[int],
    disclosed_committed_indexes: Sequence[int],
) -> None:
    """BlindProofVerify, 4.2.4. `message_count` is the draft's L: how many messages the signer knew."""
    total = hidden_count(proof) + len(disclosed_indexes) + len(disclosed_committed_indexes)
    committed_count = total - message_count - 1  # the draft's M counts the blind too
    if not 0 <= message_count <= MAX_MESSAGES or committed_count < 0:
        raise FormatError("bbs.proof", "fewer messages in the proof than the signer knew")
    scalars = [
        *messages_to_scalars(disclosed_messages, API_ID),
        *messages_to_scalars(disclosed_committed_messages, API_ID),
    ]
    if len(disclosed_messages) != len(disclosed_indexes):
        raise FormatError("bbs.disclosed", "every disclosed message has one index")
    generators = blind_generators(message_count, committed_count, API_ID)
    indexes = _joined_indexes(disclosed_indexes, message_count, disclosed_committed_indexes)
    core_proof_verify(pk, proof, generators, header, ph, scalars, indexes, API_ID)


def blind_generators(message_count: int, committed_count: int, api_id: bytes) -> tuple[G1, ...]:
    """(Q_1, H_1, ..., H_L, Q_2, J_1, ..., J_M), prepare_parameters 5.1."""
    return create_generators(message_count + 1, api_id) + create_generators(committed_count + 1, b"BLIND_" + api_id)


def core_commit(committed: Sequence[int], api_id: bytes, *, entropy: Entropy) -> tuple[bytes, bytes]:
    """CoreCommit, 4.3.1, on scalars."""
    generators = create_generators(len(committed) + 1, b"BLIND_" + api_id)
    blind, *tildes = random_scalars(len(committed) + 2, entropy)
    commitment = sum_secret(zip(generators, (blind, *committed), strict=True))
    challenge = _challenge(generators, commitment, sum_secret(zip(generators, tildes, strict=True)), api_id)
    hats = [(tilde + secret * challenge) % ORDER for tilde, secret in zip(tildes, (blind, *committed), strict=True)]
    octets = commitment.encode() + b"".join(encode_scalar(scalar) for scalar in (*hats, challenge))
    return octets, encode_scalar(blind)


def core_blind_sign(
    sk: bytes, pk: bytes, commitment_with_proof: bytes, header: bytes, messages: Sequence[int], api_id: bytes
) -> bytes:
    """BlindSign from its scalars on: 4.2.1, with B_calculate (5.2) and FinalizeBlindSign (4.3.3)."""
    committed = None if not commitment_with_proof else _parse_commitment(commitment_with_proof)
    generators = blind_generators(len(messages), 0 if committed is None else len(committed.hats) - 1, api_id)
    known, blind = generators[: len(messages) + 1], generators[len(messages) + 1 :]
    commitment = g1_identity()
    if committed is not None:
        _verify_commitment(committed, blind, api_id)
        commitment = committed.point

    # 4.3.3 step 1 and 5.2 step 1 as corrected after revision 02: Q_2 is in the domain, and P1 and the domain in B.
    domain = calculate_domain(pk, generators, header, api_id)
    b = calculate_b(known, domain, messages) + commitment
    if b.is_identity():  # 5.2 step 2
        raise VerificationError("bbs.blind_sign", "the commitment cancels the signed messages")
    # 4.3.3 step 2 hashes (SK, B, domain); the vectors hash (SK, B), and are followed. Both are right: B holds the
    # domain, the verifier never recomputes e, and e only has to be unpredictable and one for each signed content.
    return finalize_sign(sk, pk, b, hash_to_scalar(sk + b.encode(), api_id + b"H2S_"))


@dataclass(frozen=True)
class _Commitment:
    """(C, (s^, m^_1, ..., m^_M), challenge)."""

    point: G1
    hats: tuple[int, ...]
    challenge: int


def _parse_commitment(octets: bytes) -> _Commitment:
    """octets_to_commitment_with_proof, 5.4.2."""
    if len(octets) < _FLOOR_BYTES or (len(octets) - G1_BYTES) % SCALAR_BYTES:
        raise FormatError("bbs.commitment", "a commitment has 112 bytes and 32 for each committed message")
    if len(octets) > _FLOOR_BYTES + MAX_MESSAGES * SCALAR_BYTES:
        raise FormatError("bbs.commitment", f"at most {MAX_MESSAGES} messages are accepted")
    scalars = [
        parse_nonzero_scalar(octets[start : start + SCALAR_BYTES])
        for start in range(G1_BYTES, len(octets), SCALAR_BYTES)
    ]
    return _Commitment(parse_g1(octets[:G1_BYTES]), tuple(scalars[:-1]), scalars[-1])


def _verify_commitment(commitment: _Commitment, generators: Sequence[G1], api_id: bytes) -> None:
    """CoreCommitVerify, 4.3.2: the holder knows what it committed to."""
    terms = [*zip(generators, commitment.hats, strict=True), (commitment.point, -commitment.challenge)]
    challenge = _challenge(generators, commitment.point, sum_public(terms), api_id)
    if not equal_scalars(challenge, commitment.challenge):
        raise VerificationError("bbs.commitment", "the proof of the commitment does not hold")


def _challenge(generators: Sequence[G1], commitment: G1, commitment_bar: G1, api_id: bytes) -> int:
    """calculate_blind_challenge, 5.3."""
    points = (*generators, commitment, commitment_bar)
    octets = serialize_integer(len(generators) - 1) + b"".join(point.encode() for point in points)
    return hash_to_scalar(octets, api_id + b"H2S_")


def _joined_indexes(indexes: Sequence[int], message_count: int, committed_indexes: Sequence[int]) -> list[int]:
    """4.2.3 step 2: the signer's messages, the blind (never disclosed), the committed ones."""
    if any(not 0 <= index < message_count for index in indexes) or any(index < 0 for index in committed_indexes):
        raise FormatError("bbs.indexes", "a disclosed index is outside the signed messages")
    return [*indexes, *(index + message_count + 1 for index in committed_indexes)]
