"""COSE: arbitrary bytes are a message or a `FormatError`; what parses re-encodes; no damaged signature verifies."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import DiptychError, FormatError
from diptych.formats.cbor import decode, encode
from diptych.formats.cose import key as cose_key
from diptych.formats.cose import mac0, sign1
from diptych.private import Secret
from tests.formats.mdoc_specimen import AUTHORITY, key
from tests.fuzz.cbor_damage import damaged_bytes, damaged_items

SIGNER = key("cose")
SECRET = Secret(bytes(32))
SIGNED = sign1.sign(b"payload", signer=SIGNER, x5chain=[AUTHORITY.signer, AUTHORITY.root]).encode()
TAGGED = mac0.authenticate(b"payload", key=SECRET).encode()
KEY = encode(cose_key.to_cbor(SIGNER.public_key))


def check(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert sign1.parse(data).encode() == data
    with contextlib.suppress(FormatError):
        sign1.parse(data).x5chain()
    with contextlib.suppress(FormatError):
        assert mac0.parse(data).encode() == data
    with contextlib.suppress(FormatError):
        cose_key.from_cbor(decode(data))
    with contextlib.suppress(DiptychError):
        assert sign1.verify(sign1.parse(data), SIGNER.public_key) == b"payload"
    with contextlib.suppress(DiptychError):
        assert mac0.verify(mac0.parse(data), SECRET) == b"payload"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_message_or_a_format_error(data: bytes) -> None:
    check(data)


@given(st.data(), st.sampled_from((SIGNED, TAGGED, KEY)))
def test_a_damaged_message_is_a_message_or_a_format_error(data: st.DataObject, message: bytes) -> None:
    check(data.draw(damaged_bytes(message)))


@given(st.data(), st.sampled_from((SIGNED, TAGGED, KEY)))
def test_a_message_with_damaged_items_is_a_message_or_a_format_error(data: st.DataObject, message: bytes) -> None:
    check(data.draw(damaged_items(message)))
