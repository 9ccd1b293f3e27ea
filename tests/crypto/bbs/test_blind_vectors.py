"""The published vectors of blind issuance (draft-irtf-cfrg-bbs-blind-signatures, suite BLS12-381-SHA-256)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from diptych.crypto.bbs import blind
from diptych.crypto.bbs.suite import CIPHERSUITE_ID, create_generators
from diptych.crypto.bls12381 import expand_message
from tests.vectors_folder import published

FOLDER = published("bbs-blind")


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text())


def octets(value: str | None) -> bytes:
    # proof005.json holds one hexadecimal digit too many in commitmentWithProof, which no operation tested here reads.
    return bytes.fromhex(value or "")


def messages(values: list[str] | None) -> list[bytes]:
    return [bytes.fromhex(value) for value in values or []]


def mocked(vector: Any, step: str) -> Callable[[int], bytes]:
    parameters = vector["mockRngParameters"]
    dst = parameters[step]["DST"].encode()
    assert dst == CIPHERSUITE_ID + b"H2G_HM2S_" + step.upper().encode() + b"_MOCK_RANDOM_SCALARS_DST_"
    return lambda count: expand_message(parameters["SEED"].encode(), dst, count)


def names(folder: str) -> list[str]:
    return sorted(path.name for path in (FOLDER / folder).iterdir())


def test_generators() -> None:
    vector = load("generators.json")
    for group, api_id in (("generators", blind.API_ID), ("blindGenerators", b"BLIND_" + blind.API_ID)):
        assert vector[group]["api_id"].encode() == api_id
        expected = [vector[group]["Q1"], *vector[group]["MsgGenerators"]]
        assert [point.encode().hex() for point in create_generators(len(expected), api_id)] == expected


@pytest.mark.parametrize("name", names("commit"))
def test_commit(name: str) -> None:
    vector = load(f"commit/{name}")
    committed, secret = blind.commit(messages(vector["committedMessages"]), entropy=mocked(vector, "commit"))
    assert committed.hex() == vector["commitmentWithProof"]
    assert secret.hex() == vector["proverBlind"]


@pytest.mark.parametrize("name", names("signature"))
def test_blind_signature(name: str) -> None:
    vector = load(f"signature/{name}")
    sk, pk = octets(vector["signerKeyPair"]["secretKey"]), octets(vector["signerKeyPair"]["publicKey"])
    header, commitment = octets(vector["header"]), octets(vector["commitmentWithProof"])
    signature = blind.blind_sign(sk, pk, commitment, header, messages(vector["messages"]))
    assert signature.hex() == vector["signature"]
    secret = octets(vector["proverBlind"]) or bytes(32)
    blind.verify(pk, signature, header, messages(vector["messages"]), messages(vector["committedMessages"]), secret)


@pytest.mark.parametrize("name", names("proof"))
def test_blind_proof(name: str) -> None:
    vector = load(f"proof/{name}")
    shown, shown_committed = vector["revealedMessages"], vector["revealedCommittedMessages"] or {}
    indexes, committed_indexes = [int(index) for index in shown], [int(index) for index in shown_committed]
    everything = load("signature/signature004.json")
    known = messages(everything["messages"])
    committed = messages(everything["committedMessages"]) if vector["commitmentWithProof"] else []
    pk, header, ph = octets(vector["signerPublicKey"]), octets(vector["header"]), octets(vector["presentationHeader"])
    proof = blind.proof_gen(
        pk,
        octets(vector["signature"]),
        header,
        ph,
        known,
        committed,
        indexes,
        committed_indexes,
        octets(vector["proverBlind"]) or bytes(32),
        entropy=mocked(vector, "proof"),
    )
    assert proof.hex() == vector["proof"]
    blind.proof_verify(
        pk,
        proof,
        header,
        ph,
        vector["L"],
        messages(list(shown.values())),
        messages(list(shown_committed.values())),
        indexes,
        committed_indexes,
    )
