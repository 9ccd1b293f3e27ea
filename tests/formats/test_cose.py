"""COSE: the working group's ES256 example verifies, and whatever is changed about a message is refused by name."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from diptych.crypto.signing import coordinates, public_key_from_coordinates
from diptych.errors import DiptychError, FormatError, VerificationError
from diptych.formats.cbor import CborKey, CborValue, encode
from diptych.formats.cose import key as cose_key
from diptych.formats.cose import mac0, sign1
from diptych.private import Secret
from tests.formats.mdoc_specimen import AUTHORITY, key

SIGNER = key("cose")

# RFC 8152 C.2.1 (kept by RFC 9052 C.2.1): one ECDSA signature, with the key "11" of C.7.1. The tag 18 is left off.
EXAMPLE = bytes.fromhex(
    "8443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4"
    "d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"
)
EXAMPLE_KEY = public_key_from_coordinates(
    bytes.fromhex("bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff"),
    bytes.fromhex("20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e"),
)


def test_the_working_groups_es256_example_verifies_and_re_encodes() -> None:
    message = sign1.parse(EXAMPLE)
    assert sign1.verify(message, EXAMPLE_KEY) == b"This is the content."
    assert message.encode() == EXAMPLE


def test_a_signed_message_verifies_under_its_key_payload_and_context_only() -> None:
    message = sign1.parse(sign1.sign(b"payload", signer=SIGNER, external_aad=b"context").encode())
    assert sign1.verify(message, SIGNER.public_key, external_aad=b"context") == b"payload"
    for unfit in (
        lambda: sign1.verify(message, key("other").public_key, external_aad=b"context"),
        lambda: sign1.verify(message, SIGNER.public_key),
        lambda: sign1.verify(
            replace(message, unverified_payload=b"Payload"), SIGNER.public_key, external_aad=b"context"
        ),
        lambda: sign1.verify(
            replace(message, protected=encode({1: -7, 4: b"k"})), SIGNER.public_key, external_aad=b"context"
        ),
    ):
        with pytest.raises(VerificationError, match="signature"):
            unfit()


def test_a_detached_payload_is_given_once_by_the_verifier() -> None:
    message = sign1.sign(b"payload", signer=SIGNER, detached=True)
    assert message.unverified_payload is None
    assert sign1.verify(message, SIGNER.public_key, detached_payload=b"payload") == b"payload"
    attached = sign1.sign(b"payload", signer=SIGNER)
    for unfit in (
        lambda: sign1.verify(message, SIGNER.public_key),
        lambda: sign1.verify(attached, SIGNER.public_key, detached_payload=b"payload"),
    ):
        with pytest.raises(VerificationError) as refusal:
            unfit()
        assert refusal.value.check == "cose.payload"


def test_a_chain_of_one_is_a_byte_string_and_more_are_an_array() -> None:
    one = sign1.sign(b"", signer=SIGNER, x5chain=[AUTHORITY.signer])
    two = sign1.sign(b"", signer=SIGNER, x5chain=[AUTHORITY.signer, AUTHORITY.root])
    assert one.unprotected == {33: AUTHORITY.signer}
    assert two.unprotected == {33: [AUTHORITY.signer, AUTHORITY.root]}
    assert sign1.parse(one.encode()).x5chain() == (AUTHORITY.signer,)
    assert sign1.parse(two.encode()).x5chain() == (AUTHORITY.signer, AUTHORITY.root)
    with pytest.raises(FormatError, match=r"cose\.x5chain"):
        sign1.sign(b"", signer=SIGNER).x5chain()


MALFORMED: dict[str, tuple[CborValue, str]] = {
    "not_an_array": ({}, "cose.sign1"),
    "three_items": ([b"\xa1\x01\x26", {}, b""], "cose.sign1"),
    "protected_is_a_map": ([{1: -7}, {}, b"", bytes(64)], "cose.protected"),
    "protected_is_empty": ([b"", {}, b"", bytes(64)], "cbor.truncated"),
    "no_algorithm": ([b"\xa0", {}, b"", bytes(64)], "cose.alg"),
    "algorithm_unprotected": ([b"\xa0", {1: -7}, b"", bytes(64)], "cose.alg"),
    "algorithm_es384": ([encode({1: -35}), {}, b"", bytes(64)], "cose.alg"),
    "algorithm_eddsa": ([encode({1: -8}), {}, b"", bytes(64)], "cose.alg"),
    "algorithm_is_a_float": ([encode({1: -7.0}), {}, b"", bytes(64)], "cose.alg"),
    "algorithm_is_hmac": ([encode({1: 5}), {}, b"", bytes(64)], "cose.alg"),
    "critical_header": ([encode({1: -7, 2: [99], 99: 0}), {}, b"", bytes(64)], "cose.header"),
    "unknown_header": ([encode({1: -7}), {99: 0}, b"", bytes(64)], "cose.header"),
    "label_in_both": ([encode({1: -7}), {1: -7}, b"", bytes(64)], "cose.label_repeated"),
    "payload_is_text": ([encode({1: -7}), {}, "", bytes(64)], "cose.payload"),
    "signature_is_null": ([encode({1: -7}), {}, b"", None], "cose.signature"),
}


@pytest.mark.parametrize("defect", MALFORMED)
def test_a_malformed_signature_is_refused_by_name(defect: str) -> None:
    value, check = MALFORMED[defect]
    with pytest.raises(FormatError) as refusal:
        sign1.parse(encode(value))
    assert refusal.value.check == check


def test_a_tag_verifies_under_its_key_payload_and_context_only() -> None:
    secret = Secret(bytes(32))
    message = mac0.authenticate(b"payload", key=secret)
    assert mac0.verify(mac0.parse(message.encode()), secret) == b"payload"
    detached = mac0.authenticate(b"payload", key=secret, detached=True, external_aad=b"context")
    assert mac0.verify(detached, secret, detached_payload=b"payload", external_aad=b"context") == b"payload"
    for unfit, check in (
        (lambda: mac0.verify(message, Secret(b"\x01" * 32)), "cose.mac"),
        (lambda: mac0.verify(message, secret, external_aad=b"context"), "cose.mac"),
        (lambda: mac0.verify(replace(message, unverified_payload=b"Payload"), secret), "cose.mac"),
        (lambda: mac0.verify(replace(message, tag=message.tag[:8]), secret), "cose.mac"),
        (lambda: mac0.verify(message, secret, detached_payload=b"payload"), "cose.payload"),
        (lambda: mac0.verify(detached, secret), "cose.payload"),
        (lambda: mac0.parse(sign1.sign(b"", signer=SIGNER).encode()), "cose.alg"),
        (lambda: mac0.parse(encode([encode({1: 4}), {}, b"", bytes(8)])), "cose.alg"),
    ):
        with pytest.raises(DiptychError) as refusal:
            unfit()
        assert refusal.value.check == check


def test_a_key_is_written_in_the_one_order_that_circuits_expect() -> None:
    x, y = coordinates(SIGNER.public_key)
    assert encode(cose_key.to_cbor(SIGNER.public_key)) == b"\xa4\x01\x02\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y
    assert cose_key.from_cbor(cose_key.to_cbor(SIGNER.public_key)) == SIGNER.public_key


def test_keys_that_are_not_public_es256_keys_are_refused() -> None:
    good = cose_key.to_cbor(SIGNER.public_key)
    point_384 = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    unfit: dict[str, dict[CborKey, CborValue]] = {
        "okp": {**good, 1: 1},
        "curve": {**good, -1: 2, -2: point_384.x.to_bytes(48, "big"), -3: point_384.y.to_bytes(48, "big")},
        "curve_is_true": {**good, -1: True},
        "private": {**good, -4: bytes(32)},
        "sign_bit": {**good, -3: True},
        "algorithm": {**good, 3: -8},
        "no_x": {label: value for label, value in good.items() if label != -2},
    }
    for defect, value in unfit.items():
        with pytest.raises(FormatError) as refusal:
            cose_key.from_cbor(value)
        assert refusal.value.check == "cose.key", defect
    with pytest.raises(FormatError, match=r"key\.point"):
        cose_key.from_cbor({**good, -3: bytes(32)})


def test_a_key_may_carry_its_identifier_and_algorithm() -> None:
    assert cose_key.from_cbor({**cose_key.to_cbor(SIGNER.public_key), 2: b"kid", 3: -7}) == SIGNER.public_key
