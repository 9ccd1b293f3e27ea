"""Tables of communes: any bytes are a table that is written back to the same bytes, or a `FormatError`."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError
from diptych.formats.civil_status.places_file import encode_places, parse_places
from tests.formats.test_places_file import FILE

WORDS = st.sampled_from(
    [b"98901", b"98902", b"2A904", b" ", b"-", b",", b"\n", b"1976-01-01", b"2016-01-01", b"0000-00-00", b"9999-12-31"]
)


def check(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert encode_places(parse_places(data)) == data


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_table_or_a_format_error(data: bytes) -> None:
    check(data)


@given(st.lists(WORDS, max_size=40))
def test_lines_of_any_words_are_a_table_or_a_format_error(words: list[bytes]) -> None:
    check(b"diptych places 1\n" + b"".join(words) + b"\n")


@given(st.integers(0, 10_000), st.binary(max_size=4), st.integers(0, 40))
def test_a_damaged_file_is_a_table_or_a_format_error(position: int, insert: bytes, cut: int) -> None:
    position %= len(FILE)
    check(FILE[:position] + insert + FILE[position + cut :])
