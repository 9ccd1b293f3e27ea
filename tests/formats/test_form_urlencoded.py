"""Form bodies and link queries: one reading for one text, and nothing half-read."""

import pytest

from diptych.errors import FormatError
from diptych.formats import form_urlencoded


def test_fields_come_back_as_they_were_given() -> None:
    fields = {"client_id": "x509_hash:a_b-c", "request_uri": "https://v.example/r?x=1&y=2", "empty": "", "é ": "+ %"}
    assert form_urlencoded.parse(form_urlencoded.encode(fields)) == fields


def test_a_plus_is_a_space_and_slashes_may_stand_unescaped() -> None:
    assert form_urlencoded.parse(b"a=x+y/z&b=%7B%22") == {"a": "x y/z", "b": '{"'}


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("a=1&a=2", "form.repeated"),
        ("a", "form.field"),
        ("a=1&", "form.field"),
        ("a=%", "form.escape"),
        ("a=%4", "form.escape"),
        ("a=%ag", "form.escape"),
        ("a=%FF", "form.utf8"),
        ("a=\u00e9", "form.character"),
        ("a= b", "form.character"),
        ("a=1=2", "form.character"),
        (b"a=\xff", "form"),
        ("&".join(f"a{n}=1" for n in range(70)), "form.character"),
    ],
)
def test_a_damaged_form_is_refused_by_name(text: str | bytes, check: str) -> None:
    with pytest.raises(FormatError) as refused:
        form_urlencoded.parse(text)
    assert refused.value.check == check
