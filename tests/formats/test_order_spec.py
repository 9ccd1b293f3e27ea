"""docs/spec/order.md is enough: its vector opens here with plain HMAC, AES-GCM, ECDSA and cbor2, not with our code."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import cast

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key

VECTOR = Path(__file__).parents[1] / "vectors" / "order" / "order.json"


@pytest.fixture(name="vector")
def read_vector() -> dict[str, str]:
    return cast("dict[str, str]", json.loads(VECTOR.read_text(encoding="utf-8")))


def hkdf(salt: bytes, ikm: bytes, info: bytes, length: int) -> bytes:
    prk, block, found = hmac.digest(salt, ikm, "sha256"), b"", b""
    for counter in range(1, length // 32 + 1):
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        found += block
    return found


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    assert sealed[0] == 1
    nonce, commitment, ciphertext = sealed[1:13], sealed[13:45], sealed[45:]
    keys = hkdf(nonce, key, b"diptych sealing 1" + context, 64)
    assert keys[32:] == commitment
    return AESGCM(keys[:32]).decrypt(nonce, ciphertext, None)


@pytest.mark.parametrize("part", ["full", "renewal"])
def test_a_stranger_opens_the_vector_with_both_codes(vector: dict[str, str], part: str) -> None:
    protected, unprotected, payload, signature = cbor2.loads(bytes.fromhex(vector["signed_order"]))
    assert cbor2.loads(protected) == {1: -7}
    assert unprotected == {}
    key = load_der_public_key(bytes.fromhex(vector["officer_public_key"]))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    structure = cbor2.dumps(["Signature1", protected, b"diptych order 1", payload])
    key.verify(encode_dss_signature(r, s), structure, ec.ECDSA(hashes.SHA256()))

    order = cbor2.loads(payload)
    assert order["officer"] == hashlib.sha256(bytes.fromhex(vector["officer_public_key"])).digest()
    assert order["code_hash"] == hashlib.sha256(vector["code"].encode()).digest()
    assert len(base64.urlsafe_b64decode(vector["code"] + "=")) == 32
    assert order["tx_code_length"] == len(vector["tx_code"])
    assert order["issuer"] == vector["issuer"]
    assert order["expires"] == datetime.fromisoformat(vector["expires"])

    wrap_context = cbor2.dumps(["diptych order 1", "wrap", order["id"], part, "code"])
    wrapping_key = hkdf(order["id"], (vector["code"] + vector["tx_code"]).encode(), wrap_context, 32)
    part_key = unseal(wrapping_key, order[part]["wrapped_key"], wrap_context)
    part_context = cbor2.dumps(["diptych order 1", "part", order["id"], part])
    plaintext = unseal(part_key, order[part]["sealed"], part_context)
    assert len(plaintext) == 4096
    length = int.from_bytes(plaintext[:4], "big")
    assert plaintext[4 : 4 + length].hex() == vector[part]
    assert not any(plaintext[4 + length :])
    documents = cbor2.loads(plaintext[4 : 4 + length])["documents"]
    assert {document["type"] for document in documents} >= {"proof-of-age"}


def test_the_vector_is_made_again_byte_for_byte(vector: dict[str, str]) -> None:
    # Officer's key: d = SHA-256(seed). Entropy: the nth draw is the start of SHA-256(seed || n).
    assert vector == _made(bytes.fromhex(vector["seed"]))


def _made(seed: bytes) -> dict[str, str]:
    from datetime import UTC

    from cryptography.hazmat.primitives import serialization

    from diptych.crypto.signing import SoftwareSigner
    from diptych.formats import cbor
    from diptych.formats.order import codes, documents, sealed, signed
    from diptych.private import Personal

    signer = SoftwareSigner(ec.derive_private_key(int.from_bytes(hashlib.sha256(seed).digest(), "big"), ec.SECP256R1()))
    entropy = _stream(seed)
    code, tx_code = codes.new_code(entropy), codes.new_tx_code(6, entropy)
    born: Personal[cbor.CborValue] = Personal(cbor.FullDate("1974-08-12"))
    proof = documents.OrderedDocument(
        "proof-of-age", {"age_over_18": Personal(True)}, datetime(2035, 4, 16, tzinfo=UTC)
    )
    permit = documents.OrderedDocument(
        "residence-permit",
        {"family_name": Personal("Eriksson"), "given_name": Personal("Anna Maria"), "birth_date": born},
        None,
    )
    expires_at = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    order = sealed.seal_order(
        full=[permit, proof],
        renewal=[proof],
        code=code,
        tx_code=tx_code,
        issuer="https://issuer.utopia.example",
        officer=signed.officer_fingerprint(signer.public_key),
        expires_at=expires_at,
        entropy=entropy,
    )
    spki = signer.public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "seed": seed.hex(),
        "officer_public_key": spki.hex(),
        "code": code.reveal().decode(),
        "tx_code": tx_code.reveal().decode(),
        "issuer": order.issuer,
        "expires": expires_at.isoformat(),
        "full": _content(documents.encode_documents([permit, proof])),
        "renewal": _content(documents.encode_documents([proof])),
        "signed_order": signed.sign_order(order, signer=signer).encode().hex(),
    }


def _stream(seed: bytes) -> Callable[[int], bytes]:
    drawn = 0

    def entropy(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.sha256(seed + bytes([drawn])).digest()[:count]

    return entropy


def _content(padded: bytes) -> str:
    return padded[4 : 4 + int.from_bytes(padded[:4], "big")].hex()
