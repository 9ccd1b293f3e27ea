"""A reader's question is built, signed for one session, and malformed ones are refused by name."""

import pytest

from diptych.errors import FormatError, VerificationError
from diptych.formats.cbor import CborValue, EncodedCbor, encode
from diptych.formats.cose import sign1
from diptych.formats.mdoc.device_request import (
    DeviceRequest,
    ItemsRequest,
    build_doc_request,
    parse_device_request,
    verify_reader_auth,
)
from tests.formats.mdoc_specimen import AUTHORITY, DOC_TYPE, NAMESPACE, TRANSCRIPT, key

READER = key("reader")
ITEMS = ItemsRequest(DOC_TYPE, {NAMESPACE: {"age_over_18": False}})


def test_a_signed_question_reads_back_and_verifies_in_its_session_only() -> None:
    asked = build_doc_request(ITEMS, transcript=TRANSCRIPT, signer=READER, signer_chain=[AUTHORITY.signer])
    request = DeviceRequest((asked, build_doc_request(ITEMS, transcript=TRANSCRIPT)))
    received = parse_device_request(request.encode())
    assert received == request
    signed, unsigned = received.doc_requests
    assert verify_reader_auth(signed, transcript=TRANSCRIPT, reader_key=READER.public_key) == ITEMS
    for one, transcript, reader_key in (
        (signed, encode([None, None, None]), READER.public_key),
        (signed, TRANSCRIPT, key("another").public_key),
        (unsigned, TRANSCRIPT, READER.public_key),
    ):
        with pytest.raises(VerificationError) as refusal:
            verify_reader_auth(one, transcript=transcript, reader_key=reader_key)
        assert refusal.value.check == "mdoc.reader_auth"


def test_what_a_question_adds_is_kept() -> None:
    items = ItemsRequest(DOC_TYPE, {NAMESPACE: {"age_over_18": False}}, {"zkRequest": {"zkRequired": True}})
    request = DeviceRequest((build_doc_request(items, transcript=TRANSCRIPT),))
    assert parse_device_request(request.encode()).doc_requests[0].items == items


GOOD: CborValue = {"docType": DOC_TYPE, "nameSpaces": {NAMESPACE: {"age_over_18": False}}}
ATTACHED = sign1.sign(b"", signer=READER, x5chain=[AUTHORITY.signer]).to_cbor()
DEFECTS: dict[str, tuple[CborValue, str]] = {
    "not_a_map": ([], "mdoc.device_request"),
    "version": ({"version": "2.0", "docRequests": []}, "mdoc.device_request.version"),
    "asks_nothing": ({"version": "1.0", "docRequests": []}, "mdoc.device_request"),
    "more_members": ({"version": "1.0", "docRequests": [], "more": 1}, "mdoc.device_request"),
    "items_untagged": ({"version": "1.0", "docRequests": [{"itemsRequest": GOOD}]}, "mdoc.items_request"),
    "intent_is_a_number": (
        {
            "version": "1.0",
            "docRequests": [
                {"itemsRequest": EncodedCbor(encode({"docType": DOC_TYPE, "nameSpaces": {NAMESPACE: {"sex": 1}}}))}
            ],
        },
        "mdoc.items_request",
    ),
    "payload_attached": (
        {
            "version": "1.0",
            "docRequests": [{"itemsRequest": EncodedCbor(encode(GOOD)), "readerAuth": ATTACHED}],
        },
        "mdoc.reader_auth",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_malformed_question_is_refused_by_name(defect: str) -> None:
    value, check = DEFECTS[defect]
    with pytest.raises(FormatError) as refusal:
        parse_device_request(encode(value))
    assert refusal.value.check == check
