"""Forms and percent-encoding."""

import pytest

from diptych.errors import FormatError
from diptych.protocols.oauth.form import encode_form, parse_form, percent_decode, percent_encode


def test_a_form_comes_back_as_it_was() -> None:
    values = {"grant_type": "urn:x:y", "café": "1 + 1 = 2 & more %", "empty": ""}
    assert parse_form(encode_form(values)) == values


def test_nothing_is_an_empty_form() -> None:
    assert parse_form(b"") == {}


def test_plus_is_a_space() -> None:
    assert percent_decode("a+b%2Bc") == "a b+c"


def test_only_unreserved_characters_stand_for_themselves() -> None:
    assert percent_encode("aZ0-._~") == "aZ0-._~"
    assert percent_encode(" +/é") == "%20%2B%2F%C3%A9"


@pytest.mark.parametrize(
    ("body", "check"),
    [
        (b"a=1&a=2", "form.repeated"),
        (b"a=1&%61=2", "form.repeated"),
        (b"a", "form.pair"),
        (b"a=1&", "form.pair"),
        (b"a=%", "form.escape"),
        (b"a=%4", "form.escape"),
        (b"a=%zz", "form.escape"),
        (b"a=%+1", "form.escape"),
        (b"a=%ff", "form.utf8"),
        (b"a=\xc3\xa9", "form.ascii"),
    ],
)
def test_broken_forms_are_refused_by_name(body: bytes, check: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_form(body)
    assert caught.value.check == check
