"""Whatever bytes arrive as a form: fields, or `FormatError`."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError
from diptych.formats import form_urlencoded


@given(st.binary(max_size=300) | st.text(alphabet="ab=&%+1\u00e9 4", max_size=60))
def test_arbitrary_input_parses_or_is_refused(data: bytes | str) -> None:
    with contextlib.suppress(FormatError):
        fields = form_urlencoded.parse(data)
        assert form_urlencoded.parse(form_urlencoded.encode(fields)) == fields


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=10))
def test_any_fields_survive(fields: dict[str, str]) -> None:
    with contextlib.suppress(UnicodeEncodeError):  # lone surrogates are not text
        assert form_urlencoded.parse(form_urlencoded.encode(fields)) == fields
