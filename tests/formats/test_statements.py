"""Every statement of the registry: one encoding, one purpose, one signer, and every field of it under the signature."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import diptych.formats
import diptych.protocols
from diptych.crypto import agreement
from diptych.crypto.algorithms import ES256
from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborKey, CborValue, FullDate, TDate
from diptych.formats.cose import sign1
from diptych.formats.cose.headers import X5CHAIN
from diptych.formats.cose.statement import Kind, as_code, as_line
from tests.formats.tlog_specimen import NOW
from tests.statements import NAMES, specimens

CASES = pytest.mark.parametrize("name", NAMES)


def payload_of(name: str) -> dict[CborKey, CborValue]:
    payload = specimens()[name].statement.signature.unverified_payload
    assert payload is not None
    return cbor.as_map(cbor.decode(payload), "payload")


def with_payload(name: str, payload: bytes) -> bytes:
    """The statement with another payload under the signature that it had."""
    return replace(specimens()[name].statement.signature, unverified_payload=payload).encode()


def signed_anew(name: str, payload: bytes) -> bytes:
    """Another payload, truly signed: only what it says is wrong."""
    found = specimens()[name]
    return sign1.sign(payload, signer=found.signer, external_aad=found.kind.purpose.encode()).encode()


def refused(name: str, data: bytes) -> str:
    """The check by which the statement is refused, in parsing or in verifying it."""
    found = specimens()[name]
    with pytest.raises((FormatError, VerificationError)) as caught:
        found.kind.verify(found.kind.parse(data), found.signer.public_key, now=NOW)
    return caught.value.check


def flipped(value: CborValue) -> CborValue:
    """Another value of the same kind, as near as can be."""
    if isinstance(value, bool):
        return not value
    if value is None:
        return bytes(32)
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, str):
        return value[:-1] + ("a" if value[-1] != "a" else "b")
    if isinstance(value, TDate):
        return TDate(value.text.replace("2026", "2025").replace("2028", "2027").replace("2027-", "2029-"))
    if isinstance(value, FullDate):
        return FullDate(value.text.replace("2027", "2030").replace("2026", "2025"))
    if isinstance(value, list):
        return [*value[:-1], flipped(value[-1])] if value else [bytes(32)]
    assert isinstance(value, dict)
    last = list(value)[-1]
    return {**value, last: flipped(value[last])}


def test_there_is_a_specimen_of_every_kind_in_the_house() -> None:
    purposes = set()
    for room in (diptych.formats, diptych.protocols):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            members = vars(importlib.import_module(module.name)).values()
            purposes |= {member.purpose for member in members if isinstance(member, Kind)}
    assert purposes == {f"diptych {name} 1" for name in NAMES}
    assert tuple(specimens()) == NAMES


@CASES
def test_a_statement_parses_to_what_was_signed_and_encodes_to_the_same_bytes(name: str) -> None:
    found = specimens()[name]
    data = found.statement.encode()
    parsed = found.kind.parse(data)
    verified = found.kind.verify(parsed, found.signer.public_key, now=NOW)
    assert parsed.encode() == data == verified.encoded
    assert verified.content == found.statement.unverified
    assert verified.digest == found.statement.digest


@CASES
def test_every_field_flipped_is_refused(name: str) -> None:
    payload = payload_of(name)
    for member, value in payload.items():
        other = flipped(value)
        assert other != value
        assert refused(name, with_payload(name, cbor.encode({**payload, member: other}))), member


@CASES
def test_a_flipped_bit_of_the_signature_is_refused(name: str) -> None:
    signature = specimens()[name].statement.signature
    damaged = replace(signature, signature=signature.signature[:-1] + bytes([signature.signature[-1] ^ 1]))
    assert refused(name, damaged.encode()) == "signature"


@CASES
def test_members_missing_added_or_in_another_order_are_refused(name: str) -> None:
    payload = payload_of(name)
    for member in payload:
        less = {key: value for key, value in payload.items() if key != member}
        refused(name, signed_anew(name, cbor.encode(less)))
    refused(name, signed_anew(name, cbor.encode({**payload, "more": 1})))
    refused(name, signed_anew(name, cbor.encode(dict(reversed(list(payload.items()))))))


@CASES
def test_another_version_is_refused_by_name(name: str) -> None:
    payload = cbor.encode({**payload_of(name), "version": 2})
    assert refused(name, signed_anew(name, payload)).endswith(".version")


@CASES
def test_what_was_signed_for_another_purpose_is_refused(name: str) -> None:
    found = specimens()[name]
    payload = found.statement.signature.unverified_payload
    assert payload is not None
    for purpose in ("diptych order 1", "", f"{found.kind.purpose} "):
        data = sign1.sign(payload, signer=found.signer, external_aad=purpose.encode()).encode()
        assert refused(name, data) == "signature"


@CASES
def test_a_signer_other_than_the_one_named_neither_signs_nor_verifies(name: str) -> None:
    found, stranger = specimens()[name], generate_signer()
    with pytest.raises(VerificationError, match=r"statement\.signer"):
        found.kind.sign(found.statement.unverified, signer=stranger)
    with pytest.raises(VerificationError, match=r"statement\.signer"):
        found.kind.verify(found.statement, stranger.public_key, now=NOW)


@CASES
def test_an_unprotected_header_a_detached_payload_and_too_many_bytes_are_refused(name: str) -> None:
    found = specimens()[name]
    signature = found.statement.signature
    assert refused(name, replace(signature, unprotected={X5CHAIN: b"certificate"}).encode()) == "statement.header"
    assert refused(name, replace(signature, unverified_payload=None).encode()) == "statement.payload"
    assert refused(name, bytes(found.kind.max_bytes + 1)) == "statement.size"


def test_a_statement_proves_nothing_once_its_algorithm_is_refused() -> None:
    found = specimens()["record"]
    late = ES256.accepted_until.replace(year=ES256.accepted_until.year + 1)
    with pytest.raises(VerificationError, match=r"algorithm\.expired"):
        found.kind.verify(found.statement, found.signer.public_key, now=late)


def test_the_digest_is_the_same_whatever_the_signature() -> None:
    found = specimens()["record"]
    other = replace(found.statement.signature, signature=bytes(64))
    assert found.kind.parse(other.encode()).digest == found.statement.digest


@pytest.mark.parametrize("text", ["", "A", "a b", "é", "a" * 65, "a/b"])
def test_a_code_is_lower_case_letters_digits_dots_and_dashes(text: str) -> None:
    with pytest.raises(FormatError):
        as_code(text, "code")
    assert as_code("fr.cpp_60-1", "code") == "fr.cpp_60-1"


@pytest.mark.parametrize("text", ["", "a\nb", "a\x00", "\x85", "a" * 201])
def test_a_line_has_no_control_characters_and_a_bound(text: str) -> None:
    with pytest.raises(FormatError):
        as_line(text, "line")
    assert as_line("réédition, en présence", "line")


# What no statement can say, truly signed as it may be


def token_bound(key: CborValue) -> CborValue:
    """The same key inside of a token's."""
    point = generate_signer().public_key
    return b"\x02" + agreement.encode_point(point) + cbor.as_bytes(key, "key")


def second(values: CborValue, member: str) -> CborValue:
    """An array whose second member has this from the first."""
    first, other, *rest = cbor.as_array(values, "values")
    assert isinstance(first, dict)
    assert isinstance(other, dict)
    return [first, {**other, member: first[member]}, *rest]


@pytest.mark.parametrize(
    ("name", "member", "change", "check"),
    [
        ("officer certificate", "valid_until", lambda _: TDate("2036-01-01T00:00:00Z"), "officer_certificate.validity"),
        ("officer certificate", "valid_until", lambda _: TDate("2020-01-01T00:00:00Z"), "officer_certificate.validity"),
        ("officer certificate", "roles", lambda _: [], "officer_certificate.roles"),
        ("officer certificate", "roles", lambda roles: list(reversed(roles)), "officer_certificate.roles"),
        ("officer certificate", "roles", lambda roles: [*roles, roles[-1]], "officer_certificate.roles"),
        ("officer certificate", "roles", lambda _: ["king"], "officer_certificate.roles"),
        ("officer certificate", "officer", lambda key: key[:-1], "key.spki"),
        ("audit attestation", "expires", lambda _: FullDate("2028-11-24"), "audit_attestation.validity"),
        ("audit attestation", "expires", lambda _: FullDate("2026-01-01"), "audit_attestation.validity"),
        ("court order", "expires", lambda _: FullDate("2026-01-01"), "court_order.days"),
        ("court order", "disclose_on", lambda _: FullDate("2026-01-01"), "court_order.days"),
        ("trustee set", "threshold", lambda _: 4, "trustee_set.threshold"),
        ("trustee set", "threshold", lambda _: 1, "trustee_set.threshold"),
        ("trustee set", "epoch", lambda _: 0, "trustee_set.threshold"),
        ("trustee set", "trustees", lambda values: second(values, "recipient"), "trustee_set.trustees"),
        ("trustee set", "trustees", lambda values: second(values, "index"), "share.index"),
        ("trustee set", "spares", lambda _: [5, 6], "share.index"),
        ("trustee set", "agency_key", lambda key: key[:-1], "hpke.public_key"),
        ("prekey", "key", token_bound, "prekey.suite"),
        ("deposit", "index", lambda _: 0, "deposit.index"),
        ("deposit", "index", lambda _: 256, "deposit.index"),
        ("deposit", "sealed", lambda sealed: sealed + bytes(200), "deposit.sealed"),
        ("deposit", "predecessor", lambda _: bytes(32), "deposit.number"),
        ("opening request", "reply_key", token_bound, "opening_request.suite"),
        ("opening request", "number", lambda _: 0, "opening_request.number"),
        ("opening request", "disclose_on", lambda _: FullDate("2027-01-01"), "opening_request.deferral"),
        ("share answer", "index", lambda _: 256, "share_answer"),
        ("share answer", "sealed", lambda sealed: sealed + b"\0", "share_answer"),
        ("enrolment", "officer", lambda _: bytes(32), "enrolment.sealer"),
        ("ceremony call", "participants", lambda values: [*values, values[-1]], "statement.canonical"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    name: str, member: str, change: Callable[[Any], CborValue], check: str
) -> None:
    payload = payload_of(name)
    assert refused(name, signed_anew(name, cbor.encode({**payload, member: change(payload[member])}))) == check
