"""Certificates: arbitrary bytes are one or a `FormatError`; no damaged one is a document signer."""

import contextlib

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import assume, given
from hypothesis import strategies as st

from diptych.errors import DiptychError, FormatError
from diptych.formats.x509 import certificate, validation
from tests.formats.mdoc_specimen import AUTHORITY, NOW
from tests.fuzz.cbor_damage import damaged_bytes


def check(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert certificate.parse(data).public_bytes(serialization.Encoding.DER) == data


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_certificate_or_a_format_error(data: bytes) -> None:
    check(data)


@given(damaged_bytes(AUTHORITY.signer))
def test_a_damaged_signer_is_refused(data: bytes) -> None:
    assume(data != AUTHORITY.signer)
    check(data)
    with pytest.raises(DiptychError):
        validation.verify_document_signer([data], roots=[AUTHORITY.root], now=NOW)


@given(damaged_bytes(AUTHORITY.root))
def test_a_damaged_root_is_refused_or_vouches_for_nobody(data: bytes) -> None:
    assume(data != AUTHORITY.root)
    check(data)
    # A root is trusted because it is in the list, whatever its own signature says: damage to that changes nothing.
    with contextlib.suppress(DiptychError):
        leaf = validation.verify_document_signer([AUTHORITY.signer], roots=[data], now=NOW)
        assert certificate.public_key(leaf) == AUTHORITY.signer_key.public_key
        assert certificate.public_key(certificate.parse(data)) == AUTHORITY.root_key.public_key
