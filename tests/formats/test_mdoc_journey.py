"""A document is issued, held, presented and believed; whoever asks for more than is there is refused by name."""

import hashlib
from datetime import timedelta

import pytest

from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats.cbor import EncodedCbor, FullDate, as_map, decode, encode
from diptych.formats.mdoc.device_response import DeviceResponse, parse_device_response
from diptych.formats.mdoc.issue import issue
from diptych.formats.mdoc.issuer_signed import IssuerSigned, parse_issuer_signed
from diptych.formats.mdoc.present import present, present_with_mac
from diptych.formats.mdoc.verify import verify_document, verify_issuer_signed
from diptych.private import Personal
from tests.formats.mdoc_specimen import (
    AUTHORITY,
    DEVICE,
    DOC_TYPE,
    ELEMENTS,
    NAMESPACE,
    NOW,
    TRANSCRIPT,
    TRUST,
    authority,
    entropy_from,
    key,
    licence,
)

LICENCE = licence()


def test_the_holder_believes_what_the_issuer_delivers() -> None:
    received = parse_issuer_signed(LICENCE.encode())
    assert received == LICENCE
    believed = verify_issuer_signed(
        received, expected_doc_type=DOC_TYPE, trust=TRUST, now=NOW, expected_device_key=DEVICE.public_key
    )
    assert {identifier: value.reveal() for (_, identifier), value in believed.claims.items()} == ELEMENTS
    with pytest.raises(VerificationError) as refusal:
        verify_issuer_signed(
            received, expected_doc_type=DOC_TYPE, trust=TRUST, now=NOW, expected_device_key=key("another").public_key
        )
    assert refusal.value.check == "mdoc.device_key"


def test_the_verifier_learns_the_disclosed_items_and_no_others() -> None:
    document = present(
        LICENCE,
        doc_type=DOC_TYPE,
        disclose={NAMESPACE: ["age_over_18", "birth_date"]},
        transcript=TRANSCRIPT,
        device_signer=DEVICE,
    )
    wire = DeviceResponse((document,)).encode()
    assert b"Mustermann" not in wire
    (received,) = parse_device_response(wire).documents
    assert received == document
    believed = verify_document(received, transcript=TRANSCRIPT, trust=TRUST, expected_doc_type=DOC_TYPE, now=NOW)
    assert believed.claims == {
        (NAMESPACE, "age_over_18"): Personal(True),
        (NAMESPACE, "birth_date"): Personal(FullDate("1971-09-01")),
    }
    assert believed.device_claims == {}
    assert believed.signer_fingerprint == hashlib.sha256(AUTHORITY.signer).digest()


def test_a_mac_convinces_the_reader_it_was_made_for_and_nobody_else() -> None:
    reader_key = key("reader")
    document = present_with_mac(
        LICENCE,
        doc_type=DOC_TYPE,
        disclose={NAMESPACE: ["age_over_18"]},
        transcript=TRANSCRIPT,
        device_key=DEVICE,
        reader_key=reader_key.public_key,
    )
    (received,) = parse_device_response(DeviceResponse((document,)).encode()).documents
    expected = {"transcript": TRANSCRIPT, "trust": TRUST, "expected_doc_type": DOC_TYPE, "now": NOW}
    assert verify_document(received, **expected, reader_key=reader_key).claims == {
        (NAMESPACE, "age_over_18"): Personal(True)
    }
    for other in (key("another"), None):
        with pytest.raises(VerificationError) as refusal:
            verify_document(received, **expected, reader_key=other)
        assert refusal.value.check == "mdoc.device_mac"


def test_a_document_can_be_shown_without_any_item() -> None:
    document = present(LICENCE, doc_type=DOC_TYPE, disclose={}, transcript=TRANSCRIPT, device_signer=DEVICE)
    (received,) = parse_device_response(DeviceResponse((document,)).encode()).documents
    assert not verify_document(received, transcript=TRANSCRIPT, trust=TRUST, expected_doc_type=DOC_TYPE, now=NOW).claims


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"doc_type": "org.iso.23220.photoid.1"}, "mdoc.doc_type"),
        ({"device_signer": key("another")}, "mdoc.device_key"),
        ({"disclose": {NAMESPACE: ["age_over_19"]}}, "mdoc.element_absent"),
        ({"disclose": {"another.namespace": ["age_over_18"]}}, "mdoc.element_absent"),
    ],
)
def test_what_is_not_held_cannot_be_presented(changes: dict[str, object], check: str) -> None:
    arguments: dict[str, object] = {
        "doc_type": DOC_TYPE,
        "disclose": {NAMESPACE: ["age_over_18"]},
        "transcript": TRANSCRIPT,
        "device_signer": DEVICE,
    }
    with pytest.raises(Refused) as refusal:
        present(LICENCE, **{**arguments, **changes})  # type: ignore[arg-type]  # each case names what it changes
    assert refusal.value.check == check


def _issue(**changes: object) -> IssuerSigned:
    arguments: dict[str, object] = {
        "doc_type": DOC_TYPE,
        "namespaces": {NAMESPACE: {"age_over_18": Personal(True)}},
        "device_key": DEVICE.public_key,
        "signer": AUTHORITY.signer_key,
        "signer_chain": [AUTHORITY.signer],
        "signed": NOW,
        "valid_from": NOW,
        "valid_until": NOW + timedelta(days=14),
        "entropy": entropy_from("issue"),
    }
    return issue(**{**arguments, **changes})  # type: ignore[arg-type]  # each case names what it changes


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"signer": key("another")}, "mdoc.signer_key"),
        ({"signer_chain": []}, "mdoc.signer_key"),
        ({"signed": NOW - timedelta(days=31), "valid_from": NOW}, "mdoc.validity.signed"),
        ({"valid_from": NOW - timedelta(seconds=1)}, "mdoc.validity.order"),
        ({"valid_until": NOW}, "mdoc.validity.order"),
        ({"namespaces": {}}, "mdoc.elements"),
        ({"namespaces": {NAMESPACE: {}}}, "mdoc.elements"),
        ({"namespaces": {NAMESPACE: {"sex": 1}, "utopia": {"sex": 2}}}, "mdoc.element_repeated"),
    ],
)
def test_what_no_verifier_would_accept_is_not_issued(changes: dict[str, object], check: str) -> None:
    assert _issue()
    with pytest.raises(Refused) as refusal:
        _issue(**changes)
    assert refusal.value.check == check


def test_dates_with_a_fraction_of_a_second_are_not_issued() -> None:
    with pytest.raises(FormatError, match=r"cbor\.tdate"):
        _issue(signed=NOW.replace(microsecond=1), valid_from=NOW + timedelta(seconds=1))


def test_the_bytes_are_those_that_the_proving_circuits_expect() -> None:
    elements = {f"element_{number}": number for number in range(40)}
    document = licence(elements=elements)
    payload = document.issuer_auth.unverified_payload
    assert payload is not None
    mso = as_map(decode(as_encoded_raw(payload)), "mso")
    assert [item.digest_id for item in document.namespaces[NAMESPACE]] != list(range(40))
    assert sorted(item.digest_id for item in document.namespaces[NAMESPACE]) == list(range(40))
    assert list(as_map(as_map(mso["valueDigests"], "digests")[NAMESPACE], "digests")) == list(range(40))
    for item in document.namespaces[NAMESPACE]:
        members = as_map(decode(item.encoded.raw), "item")
        assert list(members) == ["digestID", "random", "elementIdentifier", "elementValue"]
        assert len(item.random) == 16
        assert item.digest() == hashlib.sha256(encode(item.encoded)).digest()
        assert encode(item.encoded)[:2] == b"\xd8\x18"
    assert len({item.random for item in document.namespaces[NAMESPACE]}) == 40
    key_info = as_map(mso["deviceKeyInfo"], "key info")
    assert list(key_info) == ["deviceKey"]
    assert list(as_map(key_info["deviceKey"], "key")) == [1, -1, -2, -3]
    assert b"\xc0\x742026-04-30T12:00:00Z" in payload
    shown = present(document, doc_type=DOC_TYPE, disclose={}, transcript=TRANSCRIPT, device_signer=DEVICE)
    assert encode(shown.device_signed.name_spaces).hex() == "d81841a0"


def as_encoded_raw(payload: bytes) -> bytes:
    """The MSO inside its tag 24."""
    wrapped = decode(payload)
    assert isinstance(wrapped, EncodedCbor)
    return wrapped.raw


def test_two_documents_made_alike_share_neither_salts_nor_digests() -> None:
    first, second = _issue(), _issue(entropy=entropy_from("again"))
    assert first.namespaces[NAMESPACE][0].random != second.namespaces[NAMESPACE][0].random
    assert first.namespaces[NAMESPACE][0].digest() != second.namespaces[NAMESPACE][0].digest()


def test_nothing_about_the_person_shows_in_a_repr() -> None:
    document = present(
        LICENCE, doc_type=DOC_TYPE, disclose={NAMESPACE: list(ELEMENTS)}, transcript=TRANSCRIPT, device_signer=DEVICE
    )
    believed = verify_document(document, transcript=TRANSCRIPT, trust=TRUST, expected_doc_type=DOC_TYPE, now=NOW)
    for thing in (LICENCE, document, believed, parse_device_response(DeviceResponse((document,)).encode())):
        assert "Mustermann" not in repr(thing)
        assert "1971" not in repr(thing)


def test_a_signer_of_another_document_type_is_refused_even_under_the_same_root() -> None:
    other = authority("other")
    document = licence(by=other)
    with pytest.raises(VerificationError) as refusal:
        verify_issuer_signed(document, expected_doc_type=DOC_TYPE, trust=TRUST, now=NOW)
    assert refusal.value.check == "mdoc.signer_pinned"
