"""Order files: whatever a person wrote, an order or a `FormatError` comes out, and nothing personal in the latter."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.adapters.catalogue_files import load_catalogue
from diptych.errors import FormatError
from diptych.roles.officer.order_file import files_named, parse_order_file, template, with_files

CATALOGUE = load_catalogue()
FILES = [
    template(found, CATALOGUE, specimen=specimen).encode()
    for found in CATALOGUE.types.values()
    for specimen in (True, False)
]


def check(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        order_file = parse_order_file(data)
        for document_type in CATALOGUE.types.values():
            with contextlib.suppress(FormatError):
                files_named(order_file, document_type)
                with_files(order_file, document_type, {})


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_an_order_or_a_format_error(data: bytes) -> None:
    check(data)


@given(st.sampled_from(FILES), st.integers(0, 100_000), st.binary(max_size=4), st.integers(0, 80))
def test_a_damaged_file_is_an_order_or_a_format_error(data: bytes, position: int, insert: bytes, cut: int) -> None:
    position %= len(data)
    check(data[:position] + insert + data[position + cut :])
