"""CBOR: arbitrary bytes are a value or a `FormatError`; what parses re-encodes to the same bytes."""

import contextlib
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError
from diptych.formats.cbor import CborValue, FullDate, TDate, decode, encode
from tests.fuzz.cbor_damage import VALUES, damaged_bytes
from tests.fuzz.cbor_judge import Refused, judged


def check(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert encode(decode(data)) == data


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_value_or_a_format_error(data: bytes) -> None:
    check(data)


@given(VALUES)
def test_every_value_reads_back_as_itself(value: CborValue) -> None:
    found = decode(encode(value))
    assert found == value
    assert repr(found) == repr(value)  # and of the same types: 1, 1.0 and True are equal in Python


@given(st.data())
def test_a_damaged_message_is_a_value_or_a_format_error(data: st.DataObject) -> None:
    check(data.draw(damaged_bytes(encode(data.draw(VALUES)))))


@given(st.text(max_size=30))
def test_dates_are_a_moment_or_a_format_error(text: str) -> None:
    with contextlib.suppress(FormatError):
        assert TDate.of(TDate(text).moment()).text == text
    with contextlib.suppress(FormatError):
        assert FullDate.of(FullDate(text).day()).text == text


@given(st.one_of(st.binary(max_size=60), VALUES.map(encode).flatmap(damaged_bytes)))
def test_cbor2_made_as_strict_reads_the_same_and_refuses_the_same(data: bytes) -> None:
    ours, theirs = outcome(decode, data), outcome(judged, data)
    assert ours == theirs
    assert repr(ours) == repr(theirs)  # and of the same types, in the same order


@given(VALUES)
def test_cbor2_made_as_strict_reads_what_we_write(value: CborValue) -> None:
    assert outcome(judged, encode(value)) == value


def outcome(read: Callable[[bytes], CborValue], data: bytes) -> object:
    """What was read, or that it was refused."""
    try:
        return read(data)
    except (FormatError, Refused):
        return Refused
