"""The check of what can be proven, given any bytes at all, accepts one CBOR scalar within the limits or refuses."""

from hypothesis import given
from hypothesis import strategies as st

from diptych.crypto.longfellow import check_provable, room_for_value
from diptych.errors import FormatError, Refused
from diptych.formats import cbor


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda text: b"\xd9\x03\xec" + text)))
def test_arbitrary_bytes_are_one_provable_scalar_or_refused(encoded: bytes) -> None:
    try:
        check_provable("age_over_18", encoded)
    except Refused:
        return
    assert len(encoded) <= room_for_value("age_over_18")
    try:
        value = cbor.decode(encoded)
    except FormatError as error:
        found = error.check
    else:
        found = type(value).__name__
    # The limits look at shape alone: text that is not UTF-8, and longer forms of a number, are the codec's to find.
    assert found in {"cbor.text", "cbor.preferred", "bool", "int", "str", "bytes", "FullDate", "TDate"}


@given(st.text(max_size=40))
def test_any_identifier_has_room_for_a_boolean_or_is_refused(identifier: str) -> None:
    try:
        assert room_for_value(identifier) >= 1
    except Refused:
        return
    check_provable(identifier, b"\xf5")
