"""One person, written down by two offices, comes to the same bytes; two people do not; what is unclear is refused."""

import contextlib
import itertools
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.civil_status.inputs import COUNT, INDEXED, SEARCHED, lookup_inputs
from diptych.formats.civil_status.model import BirthDate, CivilStatus, civil_status_from_cbor, parse_birth_date
from diptych.formats.civil_status.names import family_name, given_name
from diptych.formats.civil_status.places import Places, Span
from diptych.private import Personal

CASES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "civil_status" / "cases.json").read_text(encoding="utf-8")
)
ALWAYS = date(1800, 1, 1), date(9999, 12, 31)


def person(family: str, given: list[str], usage: str | None, born: str, place: str) -> CivilStatus:
    return civil_status_from_cbor(
        {
            "family_name": family,
            "given_names": list(given),
            "usage_name": usage,
            "birth_date": born,
            "birth_place": place,
        }
    )


def inputs_of(status: CivilStatus, places: Places | None = None) -> list[bytes]:
    return [one.reveal() for one in lookup_inputs(status, places=places or Places())]


def finds(searched: CivilStatus, indexed: CivilStatus, places: Places | None = None) -> bool:
    found = inputs_of(searched, places)
    there = inputs_of(indexed, places)
    return not {found[at] for at in SEARCHED}.isdisjoint(there[at] for at in INDEXED)


@pytest.mark.parametrize("case", CASES["same"], ids=lambda case: case["why"])
def test_one_person_is_found_however_an_office_wrote_them_down(case: dict[str, Any]) -> None:
    people = [person(*fields) for fields in case["people"]]
    for searched, indexed in itertools.permutations(people, 2):
        assert finds(searched, indexed)


@pytest.mark.parametrize("case", CASES["different"], ids=lambda case: case["why"])
def test_two_people_are_not_found_for_one_another(case: dict[str, Any]) -> None:
    first, second = (person(*fields) for fields in case["people"])
    assert finds(first, first)
    assert not finds(first, second)
    assert not finds(second, first)


@pytest.mark.parametrize(
    ("check", "fields"), [(case["check"], fields) for case in CASES["refused"] for fields in case["people"]], ids=ascii
)
def test_what_cannot_be_normalised_is_refused_by_name_and_without_saying_it(check: str, fields: list[Any]) -> None:
    with pytest.raises(FormatError) as caught:
        inputs_of(person(*fields))
    assert caught.value.check == check
    for field in (fields[0], *fields[1], fields[3], fields[4]):
        assert field.strip().casefold() not in caught.value.message.casefold() or len(field) < 3


def test_there_are_always_six_inputs_and_each_is_a_compound_of_all_fields() -> None:
    status = person("Durand", ["Claire"], None, "1970-04-04", "63113")
    first, second = inputs_of(status), inputs_of(status)
    assert len(set(first)) == COUNT
    assert first == second
    compound = ["diptych civil status 1", "DURAND", "CLAIRE", "1970-04-04", "63113"]
    assert [cbor.decode(one) for one in first[:2]] == [[*compound, ""], [*compound, "only name"]]


def test_a_hit_looks_the_same_whether_a_person_has_a_second_name_or_not() -> None:
    for usage in (None, "Petit"):
        status = inputs_of(person("Durand", ["Claire"], usage, "1970-04-04", "63113"))
        assert sum(status[at] in {status[there] for there in INDEXED} for at in SEARCHED) == 2


def test_a_usage_name_like_the_name_at_birth_is_none() -> None:
    married = person("Müller", ["Anna"], "MUELLER", "1970-04-04", "63113")
    assert inputs_of(married) == inputs_of(person("Müller", ["Anna"], None, "1970-04-04", "63113"))


def test_the_inputs_say_nothing_when_printed() -> None:
    status = person("Durand", ["Claire"], "Petit", "1970-04-04", "63113")
    printed = repr((status, lookup_inputs(status, places=Places())))
    assert not any(canary in printed.upper() for canary in ("DURAND", "CLAIRE", "PETIT", "1970", "63113"))


def test_a_placeholder_is_no_given_name() -> None:
    assert given_name("X") == given_name("Inconnu") == given_name("SNP") == ""
    assert given_name("Xavier") == "XAVIER"


def test_digraphs_go_until_none_is_left() -> None:
    assert family_name("Aaaen") == family_name("Aen") == "AN"


# Places


PLACES = Places(
    {
        # Two communes merged in 2016 under the code of one of them; a third was renumbered in 1976 with its department.
        "01033": (Span(*ALWAYS, ()),),
        "49001": (Span(date(1800, 1, 1), date(2016, 1, 1), ("49018",)),),
        "49018": (Span(*ALWAYS, ()),),
        "49101": (Span(date(1800, 1, 1), date(2016, 1, 1), ("49200",)),),
        "49102": (Span(date(1800, 1, 1), date(2016, 1, 1), ("49200",)),),
        "49200": (Span(date(2016, 1, 1), date(9999, 12, 31), ()),),
        "20004": (Span(date(1800, 1, 1), date(1976, 1, 1), ("2A004",)),),
        "2A004": (Span(date(1976, 1, 1), date(9999, 12, 31), ()),),
    }
)


def born(code: str, day: str) -> CivilStatus:
    return person("Durand", ["Claire"], None, day, code)


def test_a_commune_that_has_its_code_since_is_the_one_it_was() -> None:
    assert finds(born("2A004", "1970-04-04"), born("20004", "1970-04-04"), PLACES)
    assert finds(born("20004", "1980-04-04"), born("2A004", "1980-04-04"), PLACES)


def test_a_commune_that_gave_its_code_to_a_merger_is_itself() -> None:
    assert finds(born("49018", "1970-04-04"), born("49018", "1970-04-04"), PLACES)
    assert not finds(born("49001", "1970-04-04"), born("49018", "1970-04-04"), PLACES)
    assert finds(born("49001", "2020-04-04"), born("49018", "2020-04-04"), PLACES)


def test_where_several_communes_became_one_the_former_one_is_asked_for() -> None:
    with pytest.raises(FormatError, match=r"civil_status\.merged"):
        inputs_of(born("49200", "1970-04-04"), PLACES)
    inputs_of(born("49101", "1970-04-04"), PLACES)
    inputs_of(born("49200", "2020-04-04"), PLACES)


def test_a_code_that_never_existed_on_that_day_nor_anything_it_became_is_refused() -> None:
    places = Places({"98001": (Span(date(2000, 1, 1), date(2001, 1, 1), ()),)})
    with pytest.raises(FormatError, match=r"civil_status\.merged"):
        inputs_of(born("98001", "1970-04-04"), places)


def test_changes_in_a_circle_end() -> None:
    places = Places(
        {
            "01001": (Span(date(1900, 1, 1), date(1950, 1, 1), ("01002",)),),
            "01002": (Span(date(1950, 1, 1), date(1960, 1, 1), ("01001",)),),
        }
    )
    with pytest.raises(FormatError, match=r"civil_status\.merged"):
        inputs_of(born("01001", "1990-01-01"), places)


# Properties


@given(st.text(max_size=60))
def test_any_text_is_letters_a_to_z_or_a_format_error(text: str) -> None:
    for normalise in (family_name, given_name):
        try:
            found = normalise(text)
        except FormatError:
            continue
        assert all("A" <= letter <= "Z" for letter in found)
        assert found == "" or normalise(found) == found or found in {"X", "XX", "XXX", "INCONNU", "INCONNUE", "SNP"}


@given(st.dates(date(1850, 1, 1), date(2199, 12, 31)), st.sampled_from(["day", "month", "none"]))
def test_dates_parse_to_what_they_encode(day: date, unknown: str) -> None:
    birth_date = {
        "none": BirthDate(day.year, day.month, day.day),
        "day": BirthDate(day.year, day.month),
        "month": BirthDate(day.year),
    }[unknown]
    assert parse_birth_date(birth_date.encode()) == birth_date


@given(st.text(max_size=12))
def test_any_text_is_a_birth_date_or_a_format_error(text: str) -> None:
    with contextlib.suppress(FormatError):
        assert parse_birth_date(text).encode() == text


def test_a_civil_status_comes_back_from_its_encoding() -> None:
    status = person("Durand", ["Claire", "Anne"], "Petit", "1970-00-00", "2A004")
    assert civil_status_from_cbor(cbor.decode(cbor.encode(status.to_cbor()))) == status
    assert isinstance(status.family_name, Personal)


@pytest.mark.parametrize(
    ("member", "value", "check"),
    [
        ("given_names", ["Anne"] * 21, "civil_status.given_names"),
        ("given_names", ["A" * 201], "civil_status.length"),
        ("family_name", "", "civil_status.length"),
        ("usage_name", "A" * 201, "civil_status.length"),
    ],
)
def test_too_many_and_too_long_names_are_refused(member: str, value: cbor.CborValue, check: str) -> None:
    members = person("Durand", ["Claire"], None, "1970-04-04", "63113").to_cbor()
    with pytest.raises(FormatError) as caught:
        civil_status_from_cbor({**members, member: value})
    assert caught.value.check == check
    with pytest.raises(FormatError, match=r"civil_status\.length"):
        family_name("A" * 201)
