"""An order opens with both its codes and not otherwise; every field flipped is refused by name."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from diptych.crypto import sealing
from diptych.crypto.signing import Signer, generate_signer
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats.cbor import FullDate
from diptych.formats.cose import sign1
from diptych.formats.order import codes, documents, sealed, signed, wraps
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.order.sealed import SealedOrder
from diptych.formats.padding import SIZE_CLASSES
from diptych.private import Personal, Secret

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ISSUER = "https://issuer.utopia.example"
OFFICER = generate_signer()
CODE = codes.new_code(os.urandom)
TX_CODE = Secret(b"493536")

LICENCE = OrderedDocument(
    "driving-licence",
    {
        "family_name": Personal("Mustermann"),
        "birth_date": Personal(FullDate("1964-08-12")),
        "portrait": Personal(b"\xff\xd8" + bytes(9000)),
        "driving_privileges": Personal([{"vehicle_category_code": "B"}]),
    },
    NOW + timedelta(days=3650),
)
PROOF = OrderedDocument("proof-of-age", {"age_over_18": Personal(True)}, None)


def order(entropy: Callable[[int], bytes] = os.urandom, officer: Signer = OFFICER) -> SealedOrder:
    return sealed.seal_order(
        full=[LICENCE, PROOF],
        renewal=[PROOF],
        code=CODE,
        tx_code=TX_CODE,
        issuer=ISSUER,
        officer=signed.officer_fingerprint(officer.public_key),
        expires_at=NOW + timedelta(days=7),
        entropy=entropy,
    )


def unwrap(order: SealedOrder, part: wraps.Part, token: Secret) -> Secret:
    wrapped = order.full if part == "full" else order.renewal
    return wraps.unwrap_key(wrapped.wrapped_key, token, order_id=order.order_id, part=part, purpose="code")


def test_both_codes_together_open_each_part() -> None:
    sealed_order = order()
    both = codes.both_codes(CODE, TX_CODE)
    full_key, renewal_key = unwrap(sealed_order, "full", both), unwrap(sealed_order, "renewal", both)
    assert full_key != renewal_key
    opened = sealed.open_part(sealed_order.full.sealed, full_key, order_id=sealed_order.order_id, part="full")
    assert opened == (LICENCE, PROOF)
    opened = sealed.open_part(sealed_order.renewal.sealed, renewal_key, order_id=sealed_order.order_id, part="renewal")
    assert opened == (PROOF,)


@pytest.mark.parametrize(
    ("code", "tx_code"), [(CODE, Secret(b"493537")), (codes.new_code(os.urandom), TX_CODE), (CODE, Secret(b""))]
)
def test_one_code_alone_opens_nothing(code: Secret, tx_code: Secret) -> None:
    with pytest.raises(VerificationError, match=r"order\.token"):
        unwrap(order(), "full", codes.both_codes(code, tx_code))


def test_the_key_of_one_part_does_not_open_the_other() -> None:
    sealed_order = order()
    key = unwrap(sealed_order, "renewal", codes.both_codes(CODE, TX_CODE))
    with pytest.raises(VerificationError, match=r"sealing\.key"):
        sealed.open_part(sealed_order.full.sealed, key, order_id=sealed_order.order_id, part="full")


def test_a_wrap_moved_to_another_order_part_or_purpose_does_not_open() -> None:
    token, key = Secret(b"t" * 43), Secret(bytes(range(32)))
    wrapped = wraps.wrap_key(key, token, order_id=bytes(16), part="full", purpose="access", entropy=os.urandom)
    assert len(wrapped) == wraps.WRAP_BYTES
    assert wraps.unwrap_key(wrapped, token, order_id=bytes(16), part="full", purpose="access") == key
    moves: list[tuple[bytes, wraps.Part, wraps.Purpose]] = [
        (bytes(15) + b"\1", "full", "access"),
        (bytes(16), "renewal", "access"),
        (bytes(16), "full", "refresh"),
        (bytes(16), "full", "code"),
    ]
    for order_id, part, purpose in moves:
        with pytest.raises(VerificationError, match=r"order\.token"):
            wraps.unwrap_key(wrapped, token, order_id=order_id, part=part, purpose=purpose)
    with pytest.raises(VerificationError, match=r"order\.token"):
        wraps.unwrap_key(wrapped, Secret(b"u" * 43), order_id=bytes(16), part="full", purpose="access")


def test_a_token_too_short_to_be_a_key_wraps_nothing() -> None:
    with pytest.raises(ValueError, match="too short"):
        wraps.wrap_key(
            Secret(bytes(32)), Secret(b"t" * 42), order_id=bytes(16), part="full", purpose="access", entropy=os.urandom
        )


def test_nothing_of_a_person_or_code_stands_in_the_signed_order() -> None:
    data = signed.sign_order(order(), signer=OFFICER).encode()
    for planted in (b"Mustermann", b"1964", b"family_name", b"driving", CODE.reveal(), TX_CODE.reveal()):
        assert planted not in data


def test_orders_of_one_size_class_have_one_length() -> None:
    def length(name: str) -> int:
        document = replace(LICENCE, attributes={"family_name": Personal(name)})
        return len(documents.encode_documents([document]))

    assert length("A") == length("A" * 3000) == SIZE_CLASSES[0]
    assert length("A" * 5000) == SIZE_CLASSES[1]
    assert len(documents.encode_documents([])) == SIZE_CLASSES[0]


def test_a_part_beyond_the_largest_size_class_is_refused() -> None:
    with pytest.raises(FormatError, match="smaller portrait"):
        documents.encode_documents([replace(LICENCE, attributes={"portrait": Personal(bytes(1024 * 1024))})])


def test_documents_re_encode_to_the_same_bytes() -> None:
    encoded = documents.encode_documents([LICENCE, PROOF])
    assert documents.encode_documents(documents.parse_documents(encoded)) == encoded


@pytest.mark.parametrize(
    "damage",
    [
        lambda padded: padded[:-1],
        lambda padded: padded[:-1] + b"\1",
        lambda padded: padded + bytes(len(padded) * 3),
        lambda padded: b"\xff" + padded[1:],
        lambda padded: bytes(len(padded)),
        lambda padded: documents.encode_documents([PROOF]) + bytes(12288),
    ],
    ids=["truncated", "padding not zero", "class too large", "length too large", "empty", "wrong class"],
)
def test_damaged_padding_is_a_format_error(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(FormatError):
        documents.parse_documents(damage(documents.encode_documents([LICENCE])))


def test_two_documents_of_one_type_are_refused() -> None:
    with pytest.raises(FormatError, match="one of each type"):
        documents.parse_documents(documents.encode_documents([PROOF, PROOF]))


def verify(data: bytes, issuer: str = ISSUER, now: datetime = NOW) -> signed.VerifiedOrder:
    officers = [generate_signer().public_key, OFFICER.public_key]
    parsed = signed.parse_signed_order(data)
    return signed.verify_signed_order(parsed, officers=officers, expected_issuer=issuer, now=now)


def test_a_signed_order_verifies_and_re_encodes_to_the_same_bytes() -> None:
    sealed_order = order()
    data = signed.sign_order(sealed_order, signer=OFFICER).encode()
    assert signed.parse_signed_order(data).encode() == data
    verified = verify(data)
    assert verified.order == sealed_order
    assert verified.encoded == data


def test_an_officer_who_is_not_honoured_is_refused() -> None:
    stranger = generate_signer()
    data = signed.sign_order(order(officer=stranger), signer=stranger).encode()
    with pytest.raises(Refused, match=r"order\.officer"):
        verify(data)


def test_an_officer_cannot_sign_in_the_name_of_another() -> None:
    with pytest.raises(VerificationError, match=r"order\.officer"):
        signed.sign_order(order(), signer=generate_signer())
    forged = sign1.sign(order().encode(), signer=generate_signer(), external_aad=b"diptych order 1").encode()
    with pytest.raises(VerificationError, match="signature"):
        verify(forged)


def test_a_signature_made_for_something_else_is_not_an_order() -> None:
    with pytest.raises(VerificationError, match="signature"):
        verify(sign1.sign(order().encode(), signer=OFFICER).encode())


def test_an_order_for_another_issuer_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"order\.issuer"):
        verify(signed.sign_order(order(), signer=OFFICER).encode(), issuer="https://other.example")


def test_an_expired_or_overlong_order_is_refused() -> None:
    data = signed.sign_order(order(), signer=OFFICER).encode()
    assert verify(data, now=NOW + timedelta(days=7) - timedelta(seconds=1))
    with pytest.raises(VerificationError, match=r"order\.expired"):
        verify(data, now=NOW + timedelta(days=7))
    with pytest.raises(VerificationError, match=r"order\.lifetime"):
        verify(data, now=NOW - timedelta(days=25))


@pytest.mark.parametrize(
    "change",
    [
        lambda o: replace(o, order_id=bytes(16)),
        lambda o: replace(o, issuer="https://other.example"),
        lambda o: replace(o, expires_at=o.expires_at + timedelta(seconds=1)),
        lambda o: replace(o, code_hash=bytes(32)),
        lambda o: replace(o, tx_code_length=4),
        lambda o: replace(o, full=o.renewal),
        lambda o: replace(o, full=replace(o.full, wrapped_key=o.renewal.wrapped_key)),
        lambda o: replace(o, renewal=replace(o.renewal, sealed=o.renewal.sealed[:-1] + b"\0")),
    ],
    ids=["id", "issuer", "expires", "code_hash", "tx_code_length", "full", "wrapped key", "renewal"],
)
def test_every_changed_field_breaks_the_signature(change: Callable[[SealedOrder], SealedOrder]) -> None:
    genuine = signed.sign_order(order(), signer=OFFICER)
    forged = replace(genuine.signature, unverified_payload=change(genuine.unverified_order).encode())
    with pytest.raises(VerificationError, match="signature"):
        verify(forged.encode())


def test_every_flipped_byte_outside_the_ciphertext_is_refused() -> None:
    data = signed.sign_order(order(), signer=OFFICER).encode()
    positions = [*range(400), *range(400, len(data) - 400, 997), *range(len(data) - 400, len(data))]
    for position in positions:
        damaged = bytearray(data)
        damaged[position] ^= 1
        with pytest.raises((FormatError, VerificationError, Refused)):
            verify(bytes(damaged))


def test_unknown_versions_and_suites_are_refused_by_name() -> None:
    encoded = order().encode()
    newer = encoded.replace(b"gversion\x01", b"gversion\x02", 1)
    with pytest.raises(FormatError, match=r"order\.version"):
        sealed.parse_sealed_order(newer)
    other_suite = replace(order().full, sealed=b"\2" + order().full.sealed[1:])
    with pytest.raises(FormatError, match=r"sealing\.suite"):
        sealed.parse_sealed_order(replace(order(), full=other_suite).encode())


def test_transaction_codes_are_digits_without_bias_and_of_the_length_asked() -> None:
    drawn = iter(b"\xff\xfa\xf9\x00\x09\x0a" * 20)
    assert codes.new_tx_code(6, lambda n: bytes(next(drawn) for _ in range(n))).reveal() == b"909090"
    for length in codes.TX_CODE_LENGTHS:
        assert len(codes.new_tx_code(length, os.urandom)) == length
    for length in (3, 17, 0, -1):
        with pytest.raises(FormatError, match=r"order\.tx_code"):
            codes.new_tx_code(length, os.urandom)


def test_a_code_has_256_bits_and_its_hash_is_of_its_characters() -> None:
    code = codes.new_code(bytes)
    assert code.reveal() == b"A" * 43
    assert codes.code_hash(code) == hashlib.sha256(b"A" * 43).digest()
    with pytest.raises(FormatError, match=r"order\.code"):
        codes.both_codes(Secret(b"short"), TX_CODE)


def test_the_same_entropy_seals_the_same_order() -> None:
    def replayed() -> Callable[[int], bytes]:
        counter = iter(range(100))
        return lambda n: sealing.derive(Secret(b"seed"), salt=b"", info=bytes([next(counter)])).reveal()[:n]

    assert order(replayed()).encode() == order(replayed()).encode()
