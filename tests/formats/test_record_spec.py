"""docs/spec is enough: the vector opens here with plain HPKE, AES-GCM, HMAC, ECDSA and cbor2, not with our code."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key

from diptych.formats.padding import pad
from diptych.formats.record.content import parse_content
from tests.registry_world import MARIE

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "record" / "record.json").read_text(encoding="utf-8")
)
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def of(value: str) -> bytes:
    return bytes.fromhex(value)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def statement(encoded: bytes, purpose: str, signer: bytes) -> dict[str, Any]:
    """A statement's payload, once its signature holds."""
    protected, unprotected, payload, signature = cbor2.loads(encoded)
    assert cbor2.loads(protected) == {1: -7}
    assert unprotected == {}
    key = load_der_public_key(signer)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    structure = cbor2.dumps(["Signature1", protected, purpose.encode(), payload])
    key.verify(encode_dss_signature(r, s), structure, ec.ECDSA(hashes.SHA256()))
    found: dict[str, Any] = cbor2.loads(payload)
    assert cbor2.dumps(found) == payload
    assert sha256(signer) in found.values()
    return found


def hpke_open(key: dict[str, str], sealed: bytes, info: list[Any]) -> bytes:
    seeds = of(key["seeds"])
    assert seeds[0] == sealed[0] == 1
    private = hpke.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(seeds[1:65]), X25519PrivateKey.from_private_bytes(seeds[65:])
    )
    return SUITE.decrypt(sealed[1:], private, cbor2.dumps(info))


def hkdf(salt: bytes, ikm: bytes, info: bytes, length: int) -> bytes:
    prk, block, found = hmac.digest(salt, ikm, "sha256"), b"", b""
    for counter in range(1, length // 32 + 1):
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        found += block
    return found


def multiply(left: int, right: int) -> int:
    product = 0
    while right:
        product ^= left if right & 1 else 0
        left = left << 1 ^ (0x11B if left & 0x80 else 0)
        right >>= 1
    return product


def combine(shares: dict[int, bytes]) -> bytes:
    """The value at zero, each byte by Lagrange."""
    secret = bytes(32)
    for index, share in shares.items():
        factor = 1
        for other in shares:
            if other != index:
                inverse = next(one for one in range(1, 256) if multiply(one, index ^ other) == 1)
                factor = multiply(factor, multiply(other, inverse))
        secret = bytes(a ^ multiply(b, factor) for a, b in zip(secret, share, strict=True))
    return secret


def share_hash(share: bytes, context: list[Any]) -> bytes:
    encoded = cbor2.dumps(context)
    return sha256(b"diptych share 1\n" + len(encoded).to_bytes(4, "big") + encoded + share)


def record() -> dict[str, Any]:
    return statement(of(VECTOR["record"]), "diptych record 1", of(VECTOR["officer"]))


def opened(found: dict[str, Any], shares: dict[int, bytes], agency_half: bytes) -> bytes:
    context = cbor2.dumps(["diptych record 1", found["id"], found["number"]])
    dek = hkdf(found["id"], combine(shares) + agency_half, context, 32)
    sealed = found["sealed"]
    assert sealed[0] == 1
    nonce, commitment, ciphertext = sealed[1:13], sealed[13:45], sealed[45:]
    keys = hkdf(nonce, dek, b"diptych sealing 1" + context, 64)
    assert keys[32:] == commitment
    padded = AESGCM(keys[:32]).decrypt(nonce, ciphertext, None)
    length = int.from_bytes(padded[:4], "big")
    assert not any(padded[4 + length :])
    return padded[4 : 4 + length]


def test_a_stranger_opens_the_record_as_its_holders_would() -> None:
    found = record()
    assert sha256(cbor2.loads(of(VECTOR["record"]))[2]) == of(VECTOR["record_hash"])
    assert (found["version"], found["suite"], found["number"], found["predecessor"]) == (1, 1, 1, None)
    identity = [found["id"], found["number"], found["quorum"]["epoch"]]
    shares = {}
    for slot in found["quorum"]["shares"]:
        trustee = VECTOR["trustees"][str(slot["index"])]
        assert slot["trustee"] == sha256(of(trustee["recipient"]["public"]))
        info = ["diptych record 1", "envelope", *identity, slot["index"], slot["hash"]]
        masked = hpke_open(trustee["recipient"], slot["envelope"], info)
        share = bytes(a ^ b for a, b in zip(masked, of(trustee["mask"]), strict=True))
        assert share_hash(share, ["diptych record 1", "share", *identity, slot["index"]]) == slot["hash"]
        shares[slot["index"]] = share
    half = hpke_open(
        VECTOR["agency"]["recipient"], found["agency"]["envelope"], ["diptych record 1", "agency", *identity]
    )
    for some in ((1, 2, 3), (2, 4, 5)):
        assert opened(found, {index: shares[index] for index in some}, half) == of(VECTOR["content"])


def test_a_stranger_opens_the_deposit() -> None:
    found = statement(of(VECTOR["deposit"]["signed"]), "diptych deposit 1", of(VECTOR["officer"]))
    info = [
        "diptych deposit 1", found["trustee"], found["prekey"], found["record"], found["number"], found["record_hash"],
    ]  # fmt: skip
    secrets = cbor2.loads(hpke_open(VECTOR["deposit"]["prekey"], found["sealed"], info))
    assert secrets["mask"] == of(VECTOR["trustees"]["1"]["mask"])
    assert secrets["chain"] == cbor2.loads(of(VECTOR["content"]))["chain"]


def test_a_stranger_opens_the_record_from_the_answers_to_an_opening_request() -> None:
    opening = VECTOR["opening"]
    asked = statement(of(opening["request"]), "diptych opening request 1", of(VECTOR["officer"]))
    digest = sha256(cbor2.loads(of(opening["request"]))[2])
    secrets = {}
    for index, encoded in opening["answers"].items():
        holder = VECTOR["agency"] if index == "0" else VECTOR["trustees"][index]
        answer = statement(of(encoded), "diptych share answer 1", of(holder["signer"]))
        assert answer["request"] == digest
        info = ["diptych share answer 1", answer["holder"], digest, asked["record"], asked["number"], int(index)]
        secrets[int(index)] = hpke_open(opening["reply"], answer["sealed"], info)
    half = secrets.pop(0)
    assert opened(record(), secrets, half) == of(VECTOR["content"])


def test_the_content_is_what_our_code_reads_and_writes() -> None:
    content = parse_content(pad(of(VECTOR["content"])))
    assert content.civil_status == MARIE
    assert content.encode_padded() == pad(of(VECTOR["content"]))


def test_a_stranger_makes_the_inputs_of_a_lookup() -> None:
    tag = "diptych civil status 1"
    made = [
        [tag, name, "MARIE", day, "29019", ""]
        for day in ("1984-05-17", "1984", "1984-*")
        for name in ("LEGOFFDUPONT", "DASTARAC")
    ]
    assert [cbor2.dumps(one).hex() for one in made] == VECTOR["civil_status_inputs"]
