"""The agency's file of communes that changed: read as it is written, and refused by its line. All codes are made up."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError
from diptych.formats.civil_status.places import Places, Span, birth_place
from diptych.formats.civil_status.places_file import HEAD, MAX_BYTES, encode_places, parse_places

FILE = (
    b"diptych places 1\n"
    b"20904 - 1976-01-01 2A904\n"
    b"2A904 1976-01-01 - -\n"
    b"98901 - 2016-01-01 98903\n"
    b"98902 - 2016-01-01 98903\n"
    b"98903 2016-01-01 - -\n"
)
PLACES = Places(
    {
        "20904": (Span(date.min, date(1976, 1, 1), ("2A904",)),),
        "2A904": (Span(date(1976, 1, 1), date.max, ()),),
        "98901": (Span(date.min, date(2016, 1, 1), ("98903",)),),
        "98902": (Span(date.min, date(2016, 1, 1), ("98903",)),),
        "98903": (Span(date(2016, 1, 1), date.max, ()),),
    }
)


DAY = timedelta(days=1)


def file(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in (HEAD, *lines)).encode()


def test_a_file_is_the_table_that_it_says_and_written_again_it_is_the_same() -> None:
    assert parse_places(FILE) == PLACES
    assert encode_places(PLACES) == FILE
    assert parse_places(file()) == Places()


def test_a_code_of_today_is_that_of_the_day_of_birth() -> None:
    places = parse_places(FILE)
    assert birth_place("2A904", date(1970, 4, 4), places) == "20904"
    assert birth_place("98901", date(2020, 4, 4), places) == "98903"
    with pytest.raises(FormatError, match=r"civil_status\.merged"):
        birth_place("98903", date(1970, 4, 4), places)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("9890 - - -", "code"),
        ("2C904 - - -", "code"),
        ("98901 - -", "missing"),
        ("98901  - - -", "spaces"),
        ("98901 - - - ", "trailing"),
        ("98901 1976-13-01 - -", "no such month"),
        ("98901 19760101 - -", "no such form"),
        ("98901 0000-01-01 - -", "no such year"),
        ("98901 0001-01-01 - -", "always has another form"),
        ("98901 - 9999-12-31 -", "still has another form"),
        ("98901 2016-01-01 2016-01-01 -", "empty"),
        ("98901 2016-01-01 2015-01-01 -", "backwards"),
        ("98901 - - 98903", "it exists and became another"),
        ("98901 - 2016-01-01 98904,98903", "descending"),
        ("98901 - 2016-01-01 98903,98903", "twice"),
        ("98901 - 2016-01-01 ,98903", "nothing"),
        ("98901 - 2016-01-01 98901", "itself"),
        ("98901 - 2016-01-01 9890", "half a code"),
        ("# 98901", "remark"),
        ("", "blank"),
    ],
)
def test_a_line_of_another_form_is_refused_by_its_number(line: str, why: str) -> None:
    with pytest.raises(FormatError, match="line 3") as refused:
        parse_places(file("98900 - - -", line, "98903 - - -", "98904 - - -"))
    assert refused.value.check == "places.line"


def test_lines_ascend_and_the_spans_of_one_code_follow_one_another() -> None:
    parse_places(file("98901 - 1950-01-01 -", "98901 1960-01-01 - -"))
    for wrong in (
        ("98902 - - -", "98901 - - -"),
        ("98901 - - -", "98901 - - -"),
        ("98901 1960-01-01 - -", "98901 - 1950-01-01 -"),
        ("98901 - 1960-01-01 -", "98901 1950-01-01 - -"),
    ):
        with pytest.raises(FormatError, match="line 3"):
            parse_places(file(*wrong))


def test_what_a_code_became_has_a_line_of_its_own() -> None:
    with pytest.raises(FormatError, match="98903") as refused:
        parse_places(file("98901 - 2016-01-01 98903"))
    assert refused.value.check == "places.became"
    kept = parse_places(file("98901 - 2016-01-01 98903", "98903 - - -"))
    assert birth_place("98901", date(2020, 4, 4), kept) == "98903"


@pytest.mark.parametrize(
    ("data", "check"),
    [
        (b"", "places.head"),
        (b"98901 - - -\n", "places.head"),
        (FILE[:-1], "places.head"),
        (FILE.replace(b"\n", b"\r\n"), "places.head"),
        (FILE + "é\n".encode(), "places.text"),
        (FILE + b" " * MAX_BYTES, "places.size"),
    ],
)
def test_another_file_is_refused(data: bytes, check: str) -> None:
    with pytest.raises(FormatError) as refused:
        parse_places(data)
    assert refused.value.check == check


@st.composite
def tables(draw: st.DrawFn) -> Places:
    codes = draw(st.lists(st.from_regex(r"98[0-9]{3}|2[AB]9[0-9]{2}", fullmatch=True), unique=True, max_size=6))
    spans: dict[str, tuple[Span, ...]] = {}
    for code in sorted(codes):
        days = draw(st.lists(st.dates(date.min + DAY, date.max - DAY), unique=True, min_size=2, max_size=4))
        others = draw(st.lists(st.sampled_from(codes), unique=True, max_size=2))
        became = tuple(sorted(set(others) - {code}))
        days.sort()
        spans[code] = tuple(Span(one, until, became) for one, until in zip(days[::2], days[1::2], strict=False))
    return Places(spans)


@given(tables())
def test_whatever_is_written_is_read_again(places: Places) -> None:
    assert parse_places(encode_places(places)) == places
