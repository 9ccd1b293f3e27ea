"""The trust file says for whom a signer speaks: it reads back, and what would blur that is refused."""

import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.errors import FormatError, VerificationError
from diptych.formats.mdoc.trust import IssuerTrust, LostSigner, encode_trust, parse_trust, verify_signer
from diptych.formats.x509 import certificate
from tests.formats.mdoc_specimen import AUTHORITY, DOC_TYPE, NOW, TRUST, authority

OTHER = authority("other")
FINGERPRINT, UNTIL = certificate.fingerprint(AUTHORITY.signer).hex(), "2026-06-15T00:00:00Z"
SIGNER, ROOT = base64.b64encode(AUTHORITY.signer).decode(), base64.b64encode(AUTHORITY.root).decode()
PINNED = {"roots": [ROOT], "signers": {DOC_TYPE: [SIGNER]}}


def test_a_trust_file_reads_back() -> None:
    trust = IssuerTrust(
        signers={DOC_TYPE: (AUTHORITY.signer,), "eu.europa.ec.av.1": (OTHER.signer,), "none.yet": ()},
        roots=(AUTHORITY.root, OTHER.root),
    )
    assert parse_trust(encode_trust(trust)) == trust


def test_a_trust_file_with_retired_and_lost_signers_reads_back() -> None:
    trust = replace(
        TRUST,
        retired={certificate.fingerprint(AUTHORITY.signer): NOW},
        lost={certificate.fingerprint(OTHER.signer): LostSigner(DOC_TYPE, NOW)},
    )
    assert parse_trust(encode_trust(trust)) == trust
    assert set(json.loads(encode_trust(TRUST))) == {"roots", "signers"}  # as ever, where there is nothing to add


def test_a_retired_signer_is_believed_until_its_date_and_a_lost_one_never() -> None:
    fingerprint = certificate.fingerprint(AUTHORITY.signer)
    retired = replace(TRUST, retired={fingerprint: NOW})
    verify_signer([AUTHORITY.signer], expected_doc_type=DOC_TYPE, trust=retired, now=NOW)
    with pytest.raises(VerificationError, match=r"mdoc\.signer_retired"):
        verify_signer([AUTHORITY.signer], expected_doc_type=DOC_TYPE, trust=retired, now=NOW + timedelta(seconds=1))
    lost = replace(TRUST, lost={fingerprint: LostSigner(DOC_TYPE, NOW)})
    with pytest.raises(VerificationError, match=r"mdoc\.signer_lost"):
        verify_signer([AUTHORITY.signer], expected_doc_type=DOC_TYPE, trust=lost, now=NOW - timedelta(days=1))


@pytest.mark.parametrize(
    ("value", "check"),
    [
        ([], "json.object"),
        ({}, "trust"),
        ({"roots": [ROOT]}, "trust"),
        ({"roots": [ROOT], "signers": {}, "more": 1}, "trust"),
        ({"roots": ROOT, "signers": {}}, "trust"),
        ({"roots": [ROOT], "signers": [SIGNER]}, "trust"),
        ({"roots": [ROOT], "signers": {DOC_TYPE: SIGNER}}, "trust"),
        ({"roots": [1], "signers": {}}, "trust"),
        ({"roots": ["not base64"], "signers": {}}, "trust"),
        ({"roots": [""], "signers": {}}, "x509.certificate"),
        ({"roots": [ROOT], "signers": {DOC_TYPE: [SIGNER], "eu.europa.ec.av.1": [SIGNER]}}, "trust.signer_shared"),
        ({"roots": [ROOT], "signers": {DOC_TYPE: [SIGNER, SIGNER]}}, "trust.signer_shared"),
        ({**PINNED, "retired": []}, "trust"),
        ({**PINNED, "retired": {FINGERPRINT: "2026-06-15"}}, "trust.moment"),
        ({**PINNED, "retired": {FINGERPRINT: "2026-06-15T00:00:00+00:00"}}, "trust.moment"),
        ({**PINNED, "retired": {FINGERPRINT.upper(): UNTIL}}, "trust.fingerprint"),
        ({**PINNED, "retired": {"00" * 32: UNTIL}}, "trust.standing"),
        ({**PINNED, "lost": {FINGERPRINT: {"doc_type": DOC_TYPE, "since": UNTIL}}}, "trust.standing"),
        ({**PINNED, "lost": {"00" * 32: {"doc_type": DOC_TYPE}}}, "trust.lost"),
        ({**PINNED, "lost": {"00" * 32: UNTIL}}, "trust.lost"),
    ],
)
def test_a_trust_file_that_is_none_is_refused_by_name(value: object, check: str) -> None:
    with pytest.raises(FormatError) as refusal:
        parse_trust(json.dumps(value).encode())
    assert refusal.value.check == check


def test_a_signer_is_trusted_for_its_own_document_type_alone() -> None:
    signer = verify_signer([AUTHORITY.signer], expected_doc_type=DOC_TYPE, trust=TRUST, now=NOW)
    assert signer.public_key == AUTHORITY.signer_key.public_key
    assert signer.fingerprint == certificate.fingerprint(AUTHORITY.signer)
    for chain, doc_type in (
        ([AUTHORITY.signer], "eu.europa.ec.av.1"),
        ([AUTHORITY.signer], ""),
        ([OTHER.signer], DOC_TYPE),
        ([AUTHORITY.root], DOC_TYPE),
        ([OTHER.signer, AUTHORITY.signer], DOC_TYPE),
        ([], DOC_TYPE),
    ):
        with pytest.raises(VerificationError) as refusal:
            verify_signer(chain, expected_doc_type=doc_type, trust=TRUST, now=NOW)
        assert refusal.value.check == "mdoc.signer_pinned"
