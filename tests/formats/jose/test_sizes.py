"""JOSE messages of the sizes that the protocols need pass; larger ones are refused before any work."""

from datetime import UTC, datetime

import pytest

from diptych.crypto import signing
from diptych.errors import FormatError
from diptych.formats.jose import jwe, jws

NOW = datetime(2026, 6, 15, tzinfo=UTC)


def test_a_message_as_long_as_a_proof_opens_again() -> None:
    signer = signing.generate_signer()
    plaintext = bytes(1_000_000)
    assert jwe.decrypt(jwe.encrypt(plaintext, signer.public_key), signer.private_key(), now=NOW) == plaintext


def test_an_oversize_jwe_is_refused_before_it_is_opened() -> None:
    with pytest.raises(FormatError, match=r"jwe\.size"):
        jwe.header("a" * (jwe.MAX_BYTES + 1))


def test_a_jws_with_a_certificate_chain_in_its_header_verifies() -> None:
    signer = signing.generate_signer()
    compact = jws.sign({"a": 1}, signer=signer, typ="t", header={"x5c": ["A" * 4000]})
    assert jws.verify(jws.parse(compact, expected_typ="t"), signer.public_key, now=NOW).claims == {"a": 1}
