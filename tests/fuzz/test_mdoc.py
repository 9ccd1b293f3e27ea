"""mdoc: arbitrary bytes are a message or a `FormatError`; what parses re-encodes; damage is never believed."""

import contextlib
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import DiptychError, FormatError
from diptych.formats.mdoc import mso
from diptych.formats.mdoc.device_request import DeviceRequest, ItemsRequest, build_doc_request, parse_device_request
from diptych.formats.mdoc.device_response import DeviceResponse, parse_device_response
from diptych.formats.mdoc.issuer_signed import IssuerSigned, parse_issuer_signed
from diptych.formats.mdoc.present import present, present_with_mac
from diptych.formats.mdoc.trust import encode_trust, parse_trust
from diptych.formats.mdoc.verify import verify_document, verify_issuer_signed
from diptych.formats.mdoc.zk_document import ZkDocument, parse_zk_document
from diptych.private import Personal
from tests.formats.mdoc_specimen import AUTHORITY, DEVICE, DOC_TYPE, NAMESPACE, NOW, TRANSCRIPT, TRUST, key, licence
from tests.fuzz.cbor_damage import damaged_bytes, damaged_items

READER = key("reader")
ELEMENTS = {"family_name": "Mustermann", "age_over_18": True}
LICENCE = licence(elements=ELEMENTS)
SIGNED = present(
    LICENCE, doc_type=DOC_TYPE, disclose={NAMESPACE: list(ELEMENTS)}, transcript=TRANSCRIPT, device_signer=DEVICE
)
TAGGED = present_with_mac(
    LICENCE,
    doc_type=DOC_TYPE,
    disclose={NAMESPACE: list(ELEMENTS)},
    transcript=TRANSCRIPT,
    device_key=DEVICE,
    reader_key=READER.public_key,
)
PROOF = ZkDocument(
    DOC_TYPE, "system", NOW, {NAMESPACE: {"age_over_18": Personal(b"\xf5")}}, b"proof", (AUTHORITY.signer,)
)
ITEMS = ItemsRequest(DOC_TYPE, {NAMESPACE: {"age_over_18": False}}, {"more": 1})
QUESTION = build_doc_request(ITEMS, transcript=TRANSCRIPT, signer=READER, signer_chain=[AUTHORITY.signer])
PAYLOAD = LICENCE.issuer_auth.unverified_payload
assert PAYLOAD is not None

MESSAGES = (
    LICENCE.encode(),
    DeviceResponse((SIGNED,)).encode(),
    DeviceResponse((TAGGED,)).encode(),
    DeviceResponse((SIGNED,), (PROOF,)).encode(),
    DeviceResponse(document_errors=({DOC_TYPE: 0},), status=10).encode(),
    DeviceRequest((QUESTION,)).encode(),
    PROOF.encode(),
    PAYLOAD,
)
PARSERS: tuple[Callable[[bytes], IssuerSigned | DeviceResponse | DeviceRequest | ZkDocument], ...] = (
    parse_issuer_signed,
    parse_device_response,
    parse_device_request,
    parse_zk_document,
)


def check(data: bytes) -> None:
    for parse in PARSERS:
        with contextlib.suppress(FormatError):
            assert parse(data).encode() == data
    with contextlib.suppress(FormatError):
        mso.parse(data)


def check_believed(data: bytes) -> None:
    """Whatever is done to a message, what is believed of it is what the issuer said."""
    believed = []
    with contextlib.suppress(DiptychError):
        believed.append(
            verify_issuer_signed(parse_issuer_signed(data), expected_doc_type=DOC_TYPE, trust=TRUST, now=NOW)
        )
    with contextlib.suppress(DiptychError):
        for document in parse_device_response(data).documents:
            believed.append(
                verify_document(
                    document,
                    transcript=TRANSCRIPT,
                    trust=TRUST,
                    expected_doc_type=DOC_TYPE,
                    now=NOW,
                    reader_key=READER,
                )
            )
    for one in believed:
        for (namespace, identifier), value in one.claims.items():
            assert namespace == NAMESPACE
            assert value.reveal() == ELEMENTS[identifier]
            assert type(value.reveal()) is type(ELEMENTS[identifier])


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_message_or_a_format_error(data: bytes) -> None:
    check(data)


@given(st.data(), st.sampled_from(MESSAGES))
def test_a_damaged_message_is_a_message_or_a_format_error_and_never_believed(
    data: st.DataObject, message: bytes
) -> None:
    damaged = data.draw(damaged_bytes(message))
    check(damaged)
    check_believed(damaged)


@given(st.data(), st.sampled_from(MESSAGES))
def test_a_message_with_damaged_items_is_a_message_or_a_format_error_and_never_believed(
    data: st.DataObject, message: bytes
) -> None:
    damaged = data.draw(damaged_items(message))
    check(damaged)
    check_believed(damaged)


@given(st.data())
def test_a_damaged_trust_file_is_one_or_a_format_error(data: st.DataObject) -> None:
    with contextlib.suppress(FormatError):
        trust = parse_trust(data.draw(damaged_bytes(encode_trust(TRUST))))
        assert parse_trust(encode_trust(trust)) == trust
