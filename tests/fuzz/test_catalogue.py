"""Catalogue files, TOML and values: whatever comes in, a value or a `FormatError` comes out."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.adapters.catalogue_files import PACKAGED, load_catalogue
from diptych.errors import FormatError
from diptych.formats import strict_toml
from diptych.formats.catalogue.parse import parse_type
from diptych.formats.catalogue.values import check_values
from diptych.formats.cbor import FullDate

FILES = [path.read_bytes() for path in sorted(PACKAGED.glob("*.toml"))]
TYPES = list(load_catalogue().types.values())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.text(max_size=12).map(FullDate),
    st.sampled_from(["B", "FR", "data:image/jpeg;base64,/9j/", "", "1999-12-31"]),
)
KEYS = st.one_of(st.sampled_from(["vehicle_category_code", "codes", "code", "country", "expiry_date"]), st.text())
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(KEYS, inner)), max_leaves=8)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_type_or_a_format_error(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        parse_type(data)


@given(st.text(max_size=300))
def test_arbitrary_text_is_a_table_or_a_format_error(text: str) -> None:
    with contextlib.suppress(FormatError):
        strict_toml.parse_table(text.encode("utf-8", "surrogatepass"))


@given(st.sampled_from(FILES), st.integers(0, 100_000), st.binary(max_size=4), st.integers(0, 60))
def test_a_damaged_file_is_a_type_or_a_format_error(data: bytes, position: int, insert: bytes, cut: int) -> None:
    position %= len(data)
    with contextlib.suppress(FormatError):
        parse_type(data[:position] + insert + data[position + cut :])


def test_deep_nesting_and_long_numbers_are_format_errors() -> None:
    for text in ("a = " + "[" * 5000, "a = " + "9" * 5000, "a" + ".a" * 5000 + " = 1", "a = 9999-99-99"):
        with contextlib.suppress(FormatError):
            strict_toml.parse_table(text.encode())


@given(st.data())
def test_arbitrary_values_pass_or_are_a_format_error_and_pass_again(data: st.DataObject) -> None:
    document_type = data.draw(st.sampled_from(TYPES))
    raw: dict[str, object] = {
        attribute.identifier: True if attribute.derived else attribute.specimen
        for attribute in document_type.attributes
    }
    for identifier in data.draw(st.lists(st.sampled_from(sorted(raw)), max_size=3)):
        raw[identifier] = data.draw(VALUES)
    try:
        values = check_values(document_type, raw)
    except FormatError:
        return
    assert check_values(document_type, {name: value.reveal() for name, value in values.items()}) == values


@given(st.dictionaries(st.text(), VALUES, max_size=3))
def test_arbitrary_names_are_a_format_error(raw: dict[str, object]) -> None:
    with contextlib.suppress(FormatError):
        check_values(TYPES[0], raw)
