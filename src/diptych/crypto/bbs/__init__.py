"""BBS as published (draft-irtf-cfrg-bbs-signatures-09), suite BLS12-381-SHA-256: the interface, octets in and out.

Blind issuance is left to `bbs.blind`, and inequalities, revocation and pseudonyms to `fast_suite`. Secret keys are the
draft's 32 octets here; who keeps one keeps it in a `Secret`. `verify` and `proof_verify` raise: `FormatError` for
octets that are no signature, proof or key, `VerificationError` for those that do not hold.
"""

from collections.abc import Sequence

from diptych.crypto.bbs.core import core_proof_gen, core_proof_verify, core_sign, core_verify
from diptych.crypto.bbs.suite import (
    CIPHERSUITE_ID,
    create_generators,
    hidden_count,
    messages_to_scalars,
    parse_secret_key,
)
from diptych.crypto.bls12381 import encode_scalar, g2_base, hash_to_scalar
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError

__all__ = ["API_ID", "keygen", "proof_gen", "proof_verify", "sign", "sk_to_pk", "verify"]

API_ID = CIPHERSUITE_ID + b"H2G_HM2S_"

_KEYGEN_DST = CIPHERSUITE_ID + b"KEYGEN_DST_"


def keygen(key_material: bytes, key_info: bytes = b"", key_dst: bytes | None = None) -> bytes:
    """KeyGen, 3.4.1: SK, 32 octets. `key_material` is at least 32 octets that nobody can guess."""
    if len(key_material) < 32:
        raise FormatError("bbs.keygen", "key material has at least 32 octets")
    if len(key_info) > 65535:
        raise FormatError("bbs.keygen", "key info has at most 65535 octets")
    derive_input = key_material + len(key_info).to_bytes(2, "big") + key_info
    sk = encode_scalar(hash_to_scalar(derive_input, _KEYGEN_DST if key_dst is None else key_dst))
    parse_secret_key(sk)
    return sk


def sk_to_pk(sk: bytes) -> bytes:
    """SkToPk, 3.4.2: 96 octets."""
    return (g2_base() * parse_secret_key(sk)).encode()


def sign(sk: bytes, pk: bytes, header: bytes, messages: Sequence[bytes]) -> bytes:
    """Sign, 3.5.1: 80 octets, deterministic. That `pk` belongs to `sk` is the caller's claim, as in the draft."""
    generators = create_generators(len(messages) + 1, API_ID)
    return core_sign(sk, pk, generators, header, messages_to_scalars(messages, API_ID), API_ID)


def verify(pk: bytes, signature: bytes, header: bytes, messages: Sequence[bytes]) -> None:
    """Verify, 3.5.2."""
    generators = create_generators(len(messages) + 1, API_ID)
    core_verify(pk, signature, generators, header, messages_to_scalars(messages, API_ID), API_ID)


def proof_gen(
    pk: bytes,
    signature: bytes,
    header: bytes,
    ph: bytes,
    messages: Sequence[bytes],
    disclosed_indexes: Sequence[int],
    *,
    entropy: Entropy,
) -> bytes:
    """ProofGen, 3.5.3: 272 octets and 32 for each hidden message. Indexes ascend from 0.

    Asks once for `entropy(48 * (5 + hidden))`. The signature is not verified first: a proof from a wrong one fails.
    """
    scalars = messages_to_scalars(messages, API_ID)
    generators = create_generators(len(messages) + 1, API_ID)
    return core_proof_gen(pk, signature, generators, header, ph, scalars, disclosed_indexes, API_ID, entropy=entropy)


def proof_verify(
    pk: bytes,
    proof: bytes,
    header: bytes,
    ph: bytes,
    disclosed_messages: Sequence[bytes],
    disclosed_indexes: Sequence[int],
) -> None:
    """ProofVerify, 3.5.4. Not checked: that `ph` is fresh and names the verifier, which the caller decides."""
    generators = create_generators(hidden_count(proof) + len(disclosed_indexes) + 1, API_ID)
    scalars = messages_to_scalars(disclosed_messages, API_ID)
    core_proof_verify(pk, proof, generators, header, ph, scalars, disclosed_indexes, API_ID)
