"""docs/spec/lookup-prf.md is enough: its vectors are made, and a recorded ceremony is followed, without our code."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from diptych.crypto.lookup_prf import blind, evaluate, finish, parse_key_share, parse_purpose_key, tag
from diptych.private import Personal, Secret

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "lookup_prf"
LOOKUP: dict[str, Any] = json.loads((FOLDER / "lookup.json").read_text())
CEREMONY: dict[str, Any] = json.loads((FOLDER / "ceremony.json").read_text())
R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


def of(value: str) -> bytes:
    return bytes.fromhex(value)


# The look-up: our code does what the specification alone makes.


def test_the_vectors_are_what_the_specification_alone_makes() -> None:
    made = subprocess.run([sys.executable, FOLDER / "make.py"], check=True, capture_output=True, text=True).stdout
    assert made == (FOLDER / "lookup.json").read_text()


def test_a_lookup_is_that_of_the_vectors() -> None:
    key = parse_purpose_key(of(LOOKUP["purpose_key"]))
    assert (key.purpose, key.generation, key.threshold) == (LOOKUP["purpose"], 7, 3)
    # 48 bytes reduced modulo r are the blind itself when 16 zeros stand before it.
    blinds = b"".join(bytes(16) + of(one) for one in LOOKUP["blinds"])
    inputs = [Personal(of(text)) for text in LOOKUP["inputs"]]
    request = blind(inputs, purpose=key.purpose, entropy=lambda count: blinds[:count])
    assert request.encode() == of(LOOKUP["request"])
    answers = {}
    for index, encoded in LOOKUP["shares"].items():
        share = parse_key_share(Secret(of(encoded)))
        answers[int(index)] = evaluate(share, request.encode())
        assert answers[int(index)] == of(LOOKUP["answers"][index])
    derived = finish(request, answers, key=key).derived
    assert [one.reveal() for one in derived] == [of(one) for one in LOOKUP["derived"]]
    pepper = Secret(of(LOOKUP["pepper"]))
    assert [tag(pepper, one) for one in derived] == [of(one) for one in LOOKUP["tags"]]


# The ceremony: what was recorded follows from the specification alone.

IDENTIFIER = of(CEREMONY["ceremony"])
PURPOSE = CEREMONY["purpose"].encode()
K = CEREMONY["threshold"]
TRUSTEES = [int(index) for index in CEREMONY["receiver_keys"]]
MESSAGES = [of(message) for message in CEREMONY["messages"]]
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def said(kind: int) -> dict[int, bytes]:
    """Bodies of one kind, by sender."""
    found = {}
    for message in MESSAGES:
        assert message[0] == 1
        assert message[2:34] == IDENTIFIER
        if message[1] == kind:
            found[message[34]] = message[35:]
    return found


def whole(kind: int, sender: int) -> bytes:
    return next(message for message in MESSAGES if (message[1], message[34]) == (kind, sender))


def coefficients(dealer: int) -> list[G2Point]:
    body = said(2)[dealer]
    assert body[0] == K
    return [G2Point.from_compressed_bytes(body[1 + 96 * m : 97 + 96 * m]) for m in range(K)]


def at(points: list[G2Point], index: int) -> G2Point:
    total = G2Point.identity()
    for point in reversed(points):
        total = total * Scalar(index) + point
    return total


def is_multiple(point: G1Point, product: bytes, public: G2Point) -> bool:
    return bool(GT.pairing_check([G1Point.from_compressed_bytes(product), -point], [G2Point(), public]))


def dealt(dealer: int, receiver: int) -> int:
    """What is in the envelope."""
    deals = said(2)[dealer][1 + 96 * K + 48 + 1 :]
    sealed = deals[1169 * TRUSTEES.index(receiver) :][:1169]
    private = of(CEREMONY["receiver_private_keys"][str(receiver)])
    key = MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(private[1:65]), X25519PrivateKey.from_private_bytes(private[65:])
    )
    info = b"diptych key ceremony deal 1\n" + IDENTIFIER + bytes([dealer, receiver])
    return int.from_bytes(SUITE.decrypt(sealed[1:], key, info), "big")


def test_the_ceremonys_name_is_of_its_terms() -> None:
    indices = bytes([len(TRUSTEES), *TRUSTEES])
    receivers = b"".join(bytes([int(index)]) + of(key) for index, key in CEREMONY["receiver_keys"].items())
    fixed = bytes([len(PURPOSE)]) + PURPOSE + bytes(4) + bytes([K])
    terms = fixed + indices + indices[:1] + receivers + of(CEREMONY["nonce"]) + bytes(32)
    assert hashlib.sha256(b"diptych key ceremony 1\n" + terms).digest() == IDENTIFIER


@pytest.mark.parametrize("dealer", [1, 2, 3, 4])
def test_each_dealer_revealed_what_it_committed_to_and_has_it(dealer: int) -> None:
    body = said(2)[dealer]
    polynomial = body[: 1 + 96 * K + 48]
    head = b"diptych key ceremony commitment 1\n" + IDENTIFIER + bytes([dealer])
    assert said(1)[dealer] == hashlib.sha256(head + polynomial).digest()
    point = G1Point.hash_to_curve(
        IDENTIFIER + bytes([dealer]) + polynomial[1:-48],
        b"DIPTYCH-LOOKUP-V01_POSSESSION_BLS12381G1_XMD:SHA-256_SSWU_RO_",
    )
    assert is_multiple(point, polynomial[-48:], coefficients(dealer)[0])


def test_every_deal_but_one_fits_and_that_one_is_complained_about_and_answered() -> None:
    complaints = {}
    for receiver, body in said(3).items():
        assert body[0] == 5
        for place, dealer in enumerate(TRUSTEES):
            seen = whole(1, dealer) + (whole(2, dealer) if dealer in said(2) else b"")
            assert body[1 + 32 * place : 33 + 32 * place] == hashlib.sha256(seen).digest()
        complaints[receiver] = list(body[162:])
        assert body[161] == len(complaints[receiver])
    assert complaints == {1: [], 2: [1], 3: [], 4: []}
    for dealer in (1, 2, 3, 4):
        for receiver in TRUSTEES:
            fits = G2Point() * Scalar(dealt(dealer, receiver)) == at(coefficients(dealer), receiver)
            assert fits == ((dealer, receiver) != (1, 2))
    answer = said(4)[1]
    assert answer[:2] == bytes([1, 2])
    assert G2Point() * Scalar(int.from_bytes(answer[2:], "big")) == at(coefficients(1), 2)


def test_the_key_and_each_share_are_the_sums_of_what_was_dealt() -> None:
    summed = [G2Point.identity()] * K
    for dealer in (1, 2, 3, 4):
        summed = [total + point for total, point in zip(summed, coefficients(dealer), strict=True)]
    head = b"\1" + bytes([len(PURPOSE)]) + PURPOSE + bytes(4)
    keys = b"".join(bytes([index]) + at(summed, index).to_compressed_bytes() for index in TRUSTEES)
    key = head + bytes([K, len(TRUSTEES)]) + summed[0].to_compressed_bytes() + keys
    assert key == of(CEREMONY["purpose_key"])
    for index in TRUSTEES:
        parts = {dealer: dealt(dealer, index) for dealer in (1, 2, 3, 4)}
        if index == 2:
            parts[1] = int.from_bytes(said(4)[1][2:], "big")
        share = sum(parts.values()) % R
        assert head + bytes([index]) + share.to_bytes(32, "big") == of(CEREMONY["shares"][str(index)])


def test_the_transcript_is_what_was_said_and_the_confirmations_are_over_it() -> None:
    counted = b"".join(len(m).to_bytes(4, "big") + m for m in MESSAGES if m[1] <= 4)
    start = b"diptych key ceremony transcript 1\n" + IDENTIFIER
    transcript = hashlib.sha256(start + counted + of(CEREMONY["purpose_key"])).digest()
    assert transcript == of(CEREMONY["transcript"])
    keys = of(CEREMONY["purpose_key"])[-97 * len(TRUSTEES) :]
    assert sorted(said(5)) == [1, 2, 3, 4]
    for index, body in said(5).items():
        assert body[:32] == transcript
        point = G1Point.hash_to_curve(
            transcript + bytes([index]), b"DIPTYCH-LOOKUP-V01_CONFIRM_BLS12381G1_XMD:SHA-256_SSWU_RO_"
        )
        held = G2Point.from_compressed_bytes(keys[97 * TRUSTEES.index(index) + 1 :][:96])
        assert is_multiple(point, body[32:], held)
    assert CEREMONY["faults"] == {"5": "dkg.silent"}
    assert CEREMONY["unconfirmed"] == {"5": "dkg.silent"}


def test_our_code_follows_the_recorded_ceremony_to_the_same_end() -> None:
    from diptych.crypto.lookup_prf import advance, generation, observe, parse_message, receive

    keys = {int(index): of(key) for index, key in CEREMONY["receiver_keys"].items()}
    state = observe(
        generation(purpose=CEREMONY["purpose"], threshold=K, trustee_keys=keys, nonce=of(CEREMONY["nonce"]))
    )
    for message in MESSAGES:
        state = receive(state, parse_message(message))
    for _ in range(5):
        state, _sent = advance(state, is_closing=True)
    assert state.outcome is not None
    assert state.outcome.key.encode() == of(CEREMONY["purpose_key"])
    assert state.outcome.transcript == of(CEREMONY["transcript"])
    assert state.outcome.faults == {5: "dkg.silent"}
