"""The published vectors of draft-irtf-cfrg-bbs-signatures, suite BLS12-381-SHA-256."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from diptych.crypto import bbs
from diptych.crypto.bbs.suite import create_generators, messages_to_scalars, p1
from diptych.crypto.bls12381 import encode_scalar, expand_message, hash_to_scalar, random_scalars
from diptych.errors import FormatError, VerificationError
from tests.vectors_folder import published

FOLDER = published("bbs")
SEED = b"3.141592653589793238462643383279"
MOCK_DST = bbs.API_ID + b"MOCK_RANDOM_SCALARS_DST_"


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text())


def octets(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


def mocked(seed: bytes, dst: bytes) -> Callable[[int], bytes]:
    """The draft's seeded_random_scalars as entropy: one request of 48 bytes a scalar, expanded from the seed."""
    return lambda count: expand_message(seed, dst, count)


def test_key_pair() -> None:
    vector = load("keypair.json")
    sk = bbs.keygen(*octets([vector["keyMaterial"], vector["keyInfo"], vector["keyDst"]]))
    assert sk.hex() == vector["keyPair"]["secretKey"]
    assert bbs.sk_to_pk(sk).hex() == vector["keyPair"]["publicKey"]


def test_key_pair_with_the_default_domain_separation_tag() -> None:
    vector = load("keypair.json")
    assert bytes.fromhex(vector["keyDst"]) == bbs.API_ID + b"KEYGEN_DST_"
    material, info = octets([vector["keyMaterial"], vector["keyInfo"]])
    default = b"BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_KEYGEN_DST_"  # 3.4.1: ciphersuite_id, not api_id
    assert bbs.keygen(material, info) == bbs.keygen(material, info, default)


def test_hash_to_scalar() -> None:
    vector = load("h2s.json")
    scalar = hash_to_scalar(bytes.fromhex(vector["message"]), bytes.fromhex(vector["dst"]))
    assert encode_scalar(scalar).hex() == vector["scalar"]


def test_map_message_to_scalar() -> None:
    vector = load("MapMessageToScalarAsHash.json")
    assert bytes.fromhex(vector["dst"]) == bbs.API_ID + b"MAP_MSG_TO_SCALAR_AS_HASH_"
    scalars = messages_to_scalars([bytes.fromhex(case["message"]) for case in vector["cases"]], bbs.API_ID)
    assert [encode_scalar(scalar).hex() for scalar in scalars] == [case["scalar"] for case in vector["cases"]]


def test_generators() -> None:
    vector = load("generators.json")
    assert p1().encode().hex() == vector["P1"]
    q1, *generators = create_generators(11, bbs.API_ID)
    assert q1.encode().hex() == vector["Q1"]
    assert [generator.encode().hex() for generator in generators] == vector["MsgGenerators"]


def test_mocked_random_scalars() -> None:
    vector = load("mockedRng.json")
    seed, dst = octets([vector["seed"], vector["dst"]])
    assert (seed, dst) == (SEED, MOCK_DST)
    scalars = random_scalars(vector["count"], mocked(seed, dst))
    assert [encode_scalar(scalar).hex() for scalar in scalars] == vector["mockedScalars"]


@pytest.mark.parametrize("name", sorted(path.name for path in (FOLDER / "signature").iterdir()))
def test_signature(name: str) -> None:
    vector = load(f"signature/{name}")
    header, signature = octets([vector["header"], vector["signature"]])
    sk, pk = octets([vector["signerKeyPair"]["secretKey"], vector["signerKeyPair"]["publicKey"]])
    messages = octets(vector["messages"])
    if vector["result"]["valid"]:
        assert bbs.sign(sk, pk, header, messages) == signature
        bbs.verify(pk, signature, header, messages)
    else:
        with pytest.raises(VerificationError):
            bbs.verify(pk, signature, header, messages)


@pytest.mark.parametrize("name", sorted(path.name for path in (FOLDER / "proof").iterdir()))
def test_proof(name: str) -> None:
    vector = load(f"proof/{name}")
    pk, signature = octets([vector["signerPublicKey"], vector["signature"]])
    header, ph, proof = octets([vector["header"], vector["presentationHeader"], vector["proof"]])
    messages, indexes = octets(vector["messages"]), vector["disclosedIndexes"]
    disclosed = [messages[index] for index in indexes]
    if vector["result"]["valid"]:
        entropy = mocked(SEED, MOCK_DST)
        assert bbs.proof_gen(pk, signature, header, ph, messages, indexes, entropy=entropy) == proof
        bbs.proof_verify(pk, proof, header, ph, disclosed, indexes)
    else:
        with pytest.raises((VerificationError, FormatError)):
            bbs.proof_verify(pk, proof, header, ph, disclosed, indexes)
