"""ISO/IEC 18013-5:2021 Annex D: the published examples parse, re-encode to the byte, and verify within their validity.

There is no IACA root among them, so the signer's certificate is taken as given here; paths are tested elsewhere.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from diptych.crypto.signing import SoftwareSigner, coordinates
from diptych.errors import VerificationError
from diptych.formats import cbor
from diptych.formats.mdoc import device_auth
from diptych.formats.mdoc.device_request import parse_device_request, verify_reader_auth
from diptych.formats.mdoc.device_response import parse_device_response
from diptych.formats.mdoc.issuer_auth import verify_issuer_auth
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.verify import verify_device
from diptych.formats.x509 import certificate
from tests.vectors_folder import published

_VECTORS = json.loads(published("iso18013-5/annex-d.json").read_text())["vectors"]
DOC_TYPE, NAMESPACE = "org.iso.18013.5.1.mDL", "org.iso.18013.5.1"
WITHIN = datetime(2021, 1, 1, tzinfo=UTC)


def vector(name: str) -> bytes:
    """The published example of that name."""
    return bytes.fromhex(_VECTORS[f"iso_18013_5_annex_d_{name}"])


def private_key(name: str) -> SoftwareSigner:
    """The published private key of that name."""
    return SoftwareSigner(ec.derive_private_key(int.from_bytes(vector(f"{name}_d"), "big"), ec.SECP256R1()))


TRANSCRIPT = cbor.as_encoded(cbor.decode(vector("session_transcript_bytes")), "vector").raw
RESPONSE = parse_device_response(vector("device_response"))
DOCUMENT = RESPONSE.documents[0]
SIGNER = certificate.parse(vector("ds_cert"))


@pytest.mark.parametrize(
    "name", ["device_engagement", "e_device_key_bytes", "session_transcript_bytes", "items_request"]
)
@pytest.mark.parametrize("more", [[], ["session_establishment", "session_data", "session_termination"]])
def test_every_cbor_example_re_encodes_to_the_byte(name: str, more: list[str]) -> None:
    for each in (name, *more):
        assert cbor.encode(cbor.decode(vector(each))) == vector(each)


def test_the_device_response_parses_and_re_encodes_to_the_byte() -> None:
    assert RESPONSE.encode() == vector("device_response")
    issuer_signed = DOCUMENT.issuer_signed.encode()
    assert issuer_signed in vector("device_response")
    assert parse_issuer_signed(issuer_signed).encode() == issuer_signed


def test_the_issuer_signed_the_document_within_its_validity_only() -> None:
    assert DOCUMENT.issuer_signed.issuer_auth.x5chain() == (vector("ds_cert"),)
    verified = verify_issuer_auth(DOCUMENT.issuer_signed, signer=SIGNER, expected_doc_type=DOC_TYPE, now=WITHIN)
    assert {identifier for _, identifier in verified.claims} == {
        "family_name",
        "document_number",
        "driving_privileges",
        "issue_date",
        "expiry_date",
        "portrait",
    }
    assert verified.claims[NAMESPACE, "family_name"].reveal() == "Doe"
    assert verified.claims[NAMESPACE, "portrait"].reveal() == vector("device_response_portrait_data")
    for when, check in (
        (verified.mso.valid_from - timedelta(seconds=1), "mdoc.validity.not_yet"),
        (verified.mso.valid_until + timedelta(seconds=1), "mdoc.validity.expired"),
    ):
        with pytest.raises(VerificationError) as refusal:
            verify_issuer_auth(DOCUMENT.issuer_signed, signer=SIGNER, expected_doc_type=DOC_TYPE, now=when)
        assert refusal.value.check == check


def test_the_device_authenticated_by_mac_for_this_reader_in_this_session() -> None:
    device_key = DOCUMENT.issuer_signed.unverified_mso().device_key
    assert coordinates(device_key) == (vector("static_device_key_x"), vector("static_device_key_y"))
    reader_key = private_key("ephemeral_reader_key")
    verify_device(DOCUMENT, transcript=TRANSCRIPT, device_key=device_key, reader_key=reader_key)
    other_session = cbor.encode([None, None, None])
    for transcript, key in (
        (other_session, reader_key),
        (TRANSCRIPT, private_key("ephemeral_device_key")),
        (TRANSCRIPT, None),
    ):
        with pytest.raises(VerificationError) as refusal:
            verify_device(DOCUMENT, transcript=transcript, device_key=device_key, reader_key=key)
        assert refusal.value.check == "mdoc.device_mac"


def test_our_device_makes_the_published_mac() -> None:
    made = device_auth.authenticate(
        transcript=TRANSCRIPT,
        doc_type=DOC_TYPE,
        name_spaces=DOCUMENT.device_signed.name_spaces,
        device_key=private_key("static_device_key"),
        reader_key=private_key("ephemeral_reader_key").public_key,
    )
    assert made == DOCUMENT.device_signed.device_auth


def test_the_device_request_parses_re_encodes_and_its_reader_signed_it() -> None:
    request = parse_device_request(vector("device_request"))
    assert request.encode() == vector("device_request")
    (asked,) = request.doc_requests
    assert asked.encoded.raw == vector("items_request")
    assert asked.reader_auth is not None
    assert asked.reader_auth.encode() == vector("reader_auth")
    assert asked.reader_auth.x5chain() == (vector("reader_cert"),)
    reader_key = certificate.public_key(certificate.parse(vector("reader_cert")))
    items = verify_reader_auth(asked, transcript=TRANSCRIPT, reader_key=reader_key)
    assert items.doc_type == DOC_TYPE
    assert items.namespaces[NAMESPACE] == {
        "family_name": True,
        "document_number": True,
        "driving_privileges": True,
        "issue_date": True,
        "expiry_date": True,
        "portrait": False,
    }
    with pytest.raises(VerificationError, match=r"mdoc\.reader_auth"):
        verify_reader_auth(asked, transcript=cbor.encode([None, None, None]), reader_key=reader_key)
