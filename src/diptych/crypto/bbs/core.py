"""The core operations of draft-irtf-cfrg-bbs-signatures-09 (3.6 and 3.7), on scalars and generators.

How messages become scalars and which generators go with them is left to the interfaces: `bbs` (the draft's own) and
`bbs.blind`. Everything that multiplies by a key, a message or a blinding is constant-time; a verifier of proofs, who
knows nothing secret, sums in variable time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from diptych.crypto.bbs.suite import (
    Proof,
    Signature,
    calculate_domain,
    octets_to_proof,
    octets_to_pubkey,
    octets_to_signature,
    p1,
    parse_secret_key,
    proof_to_octets,
    serialize_integer,
    signature_to_octets,
)
from diptych.crypto.bls12381 import (
    G1,
    ORDER,
    encode_scalar,
    equal_scalars,
    g2_base,
    hash_to_scalar,
    inverse,
    pairing_product_is_one,
    random_scalars,
    sum_public,
    sum_secret,
)
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, VerificationError


def core_sign(
    sk: bytes, pk: bytes, generators: Sequence[G1], header: bytes, messages: Sequence[int], api_id: bytes
) -> bytes:
    """3.6.1. `generators` is (Q_1, H_1, ..., H_L)."""
    domain = calculate_domain(pk, generators, header, api_id)
    hashed = sk + b"".join(encode_scalar(message) for message in messages) + encode_scalar(domain)
    return finalize_sign(sk, pk, calculate_b(generators, domain, messages), hash_to_scalar(hashed, api_id + b"H2S_"))


def finalize_sign(sk: bytes, pk: bytes, b: G1, e: int) -> bytes:
    """3.6.1, steps 4 and 5: A = B * (1 / (SK + e))."""
    secret = parse_secret_key(sk)
    octets_to_pubkey(pk)  # 6.1: recommended before signing too
    if e == 0 or (secret + e) % ORDER == 0:
        # 3.6.1, note: the inverse does not exist; probability 2^-254, and no valid signature comes of it.
        raise VerificationError("bbs.sign", "this key cannot sign these messages")
    return signature_to_octets(Signature(b * inverse((secret + e) % ORDER), e))


def core_verify(
    pk: bytes, signature: bytes, generators: Sequence[G1], header: bytes, messages: Sequence[int], api_id: bytes
) -> None:
    """3.6.2. Constant-time in the messages: a holder checks a signature on its own secret with this."""
    parsed = octets_to_signature(signature)
    w = octets_to_pubkey(pk)
    b = calculate_b(generators, calculate_domain(pk, generators, header, api_id), messages)
    if not pairing_product_is_one([(parsed.a, w), (parsed.a * parsed.e + -b, g2_base())]):
        raise VerificationError("bbs.signature", "the signature does not match the key, header and messages")


def core_proof_gen(
    pk: bytes,
    signature: bytes,
    generators: Sequence[G1],
    header: bytes,
    ph: bytes,
    messages: Sequence[int],
    disclosed_indexes: Sequence[int],
    api_id: bytes,
    *,
    entropy: Entropy,
) -> bytes:
    """3.6.3. Draws all randomness with one `entropy(48 * (5 + U))`, in the order of the draft's list of scalars."""
    parsed = octets_to_signature(signature)
    octets_to_pubkey(pk)  # 6.1: recommended here too
    hidden_indexes = _hidden(disclosed_indexes, len(messages))

    # 3.6.3 step 1. 4.2.1 asks for independent calls of get_random: pieces of one call are as independent.
    r1, r2, e_tilde, r1_tilde, r3_tilde, *message_tildes = random_scalars(5 + len(hidden_indexes), entropy)

    # 3.7.1, ProofInit
    domain = calculate_domain(pk, generators, header, api_id)
    d = calculate_b(generators, domain, messages) * r2
    a_bar = parsed.a * (r1 * r2)
    b_bar = sum_secret([(d, r1), (a_bar, -parsed.e)])
    t1 = sum_secret([(a_bar, e_tilde), (d, r1_tilde)])
    hidden_generators = [generators[index + 1] for index in hidden_indexes]
    t2 = sum_secret([(d, r3_tilde), *zip(hidden_generators, message_tildes, strict=True)])

    # 3.7.4, ProofChallengeCalculate
    disclosed = [(index, messages[index]) for index in disclosed_indexes]
    challenge = _challenge(_Initialised(a_bar, b_bar, d, t1, t2, domain), disclosed, ph, api_id)

    # 3.7.2, ProofFinalize
    proof = Proof(
        a_bar,
        b_bar,
        d,
        (e_tilde + parsed.e * challenge) % ORDER,
        (r1_tilde - r1 * challenge) % ORDER,
        (r3_tilde - inverse(r2) * challenge) % ORDER,
        tuple(
            (tilde + messages[index] * challenge) % ORDER
            for tilde, index in zip(message_tildes, hidden_indexes, strict=True)
        ),
        challenge,
    )
    return proof_to_octets(proof)


def core_proof_verify(
    pk: bytes,
    proof: bytes,
    generators: Sequence[G1],
    header: bytes,
    ph: bytes,
    disclosed_messages: Sequence[int],
    disclosed_indexes: Sequence[int],
    api_id: bytes,
) -> None:
    """3.6.4."""
    parsed = octets_to_proof(proof)
    w = octets_to_pubkey(pk)
    if len(disclosed_messages) != len(disclosed_indexes):
        raise FormatError("bbs.disclosed", "every disclosed message has one index")
    hidden_indexes = _hidden(disclosed_indexes, len(disclosed_indexes) + len(parsed.message_hats))
    if len(generators) != len(disclosed_indexes) + len(hidden_indexes) + 1:
        raise FormatError("bbs.generators", "one generator for each message, after Q_1")

    # 3.7.3, ProofVerifyInit
    c = parsed.challenge
    domain = calculate_domain(pk, generators, header, api_id)
    disclosed = list(zip(disclosed_indexes, disclosed_messages, strict=True))
    t1 = sum_public([(parsed.b_bar, c), (parsed.a_bar, parsed.e_hat), (parsed.d, parsed.r1_hat)])
    t2 = sum_public(
        [
            (p1(), c),
            (generators[0], domain * c),
            *((generators[index + 1], message * c) for index, message in disclosed),
            (parsed.d, parsed.r3_hat),
            *((generators[i + 1], hat) for i, hat in zip(hidden_indexes, parsed.message_hats, strict=True)),
        ]
    )

    # 3.6.4 steps 3 to 6
    initialised = _Initialised(parsed.a_bar, parsed.b_bar, parsed.d, t1, t2, domain)
    if not equal_scalars(c, _challenge(initialised, disclosed, ph, api_id)):
        raise VerificationError("bbs.proof", "the proof does not match the key, headers and disclosed messages")
    if not pairing_product_is_one([(parsed.a_bar, w), (-parsed.b_bar, g2_base())]):
        raise VerificationError("bbs.proof", "the proof is not about a signature of this key")


def calculate_b(generators: Sequence[G1], domain: int, messages: Sequence[int]) -> G1:
    """B = P1 + Q_1 * domain + H_1 * msg_1 + ... + H_L * msg_L"""
    if len(generators) != len(messages) + 1:
        raise FormatError("bbs.generators", "one generator for each message, after Q_1")
    return p1() + sum_secret(zip(generators, (domain, *messages), strict=True))


@dataclass(frozen=True)
class _Initialised:
    a_bar: G1
    b_bar: G1
    d: G1
    t1: G1
    t2: G1
    domain: int


def _challenge(initialised: _Initialised, disclosed: Sequence[tuple[int, int]], ph: bytes, api_id: bytes) -> int:
    """3.7.4."""
    parts = [serialize_integer(len(disclosed))]
    for index, message in disclosed:
        parts += [serialize_integer(index), encode_scalar(message)]
    points = (initialised.a_bar, initialised.b_bar, initialised.d, initialised.t1, initialised.t2)
    parts += [point.encode() for point in points]
    parts += [encode_scalar(initialised.domain), serialize_integer(len(ph)), ph]
    return hash_to_scalar(b"".join(parts), api_id + b"H2S_")


def _hidden(disclosed_indexes: Sequence[int], count: int) -> list[int]:
    """The other indexes. Stricter than the draft: ascending without repetition is checked, not assumed."""
    if any(not 0 <= index < count for index in disclosed_indexes):
        raise FormatError("bbs.indexes", "a disclosed index is outside the signed messages")
    if any(left >= right for left, right in pairwise(disclosed_indexes)):
        raise FormatError("bbs.indexes", "disclosed indexes ascend and do not repeat")
    disclosed = set(disclosed_indexes)
    return [index for index in range(count) if index not in disclosed]
