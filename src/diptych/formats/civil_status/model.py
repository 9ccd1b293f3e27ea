"""A person's civil status as it stands in a record, and its encoding. How it is compared is left to `inputs`."""

import re
from dataclasses import dataclass
from datetime import date

from diptych.errors import FormatError
from diptych.formats.cbor import CborValue, as_array, as_text
from diptych.formats.civil_status.names import MAX_CHARACTERS
from diptych.formats.civil_status.places import check_code
from diptych.formats.cose.statement import as_members
from diptych.private import Personal

MAX_GIVEN_NAMES = 20

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_YEARS = range(1850, 2200)
_CHECK = "civil_status"
_MEMBERS = ("family_name", "given_names", "usage_name", "birth_date", "birth_place")


@dataclass(frozen=True)
class BirthDate:
    """A date of birth whose day, or month and day, may be unknown (None)."""

    year: int
    month: int | None = None
    day: int | None = None

    @property
    def is_complete(self) -> bool:
        return self.day is not None

    @property
    def earliest(self) -> date:
        """The first day that it can be."""
        return date(self.year, self.month or 1, self.day or 1)

    def encode(self) -> str:
        """`YYYY-MM-DD`, with 00 for what is unknown; the exact inverse of `parse_birth_date`."""
        return f"{self.year:04}-{self.month or 0:02}-{self.day or 0:02}"


@dataclass(frozen=True)
class CivilStatus:
    """As on the act of birth, but for `usage_name`: the name of a spouse or the other parent, where it is used."""

    family_name: Personal[str]
    given_names: Personal[tuple[str, ...]]
    usage_name: Personal[str] | None
    birth_date: Personal[BirthDate]
    birth_place: Personal[str]

    def to_cbor(self) -> dict[str, CborValue]:
        """The exact inverse of `civil_status_from_cbor`."""
        return {
            "family_name": self.family_name.reveal(),
            "given_names": list(self.given_names.reveal()),
            "usage_name": None if self.usage_name is None else self.usage_name.reveal(),
            "birth_date": self.birth_date.reveal().encode(),
            "birth_place": self.birth_place.reveal(),
        }


def parse_birth_date(text: str) -> BirthDate:
    """The date in `YYYY-MM-DD`, with 00 for an unknown day, or month and day; else `FormatError`."""
    found = _DATE.fullmatch(text)
    if not found:
        raise FormatError("civil_status.birth_date", "a birth date reads YYYY-MM-DD, with 00 for what is unknown")
    year, month, day = map(int, found.groups())
    birth_date = BirthDate(year, month or None, day or None)
    try:
        is_date = year in _YEARS and (month != 0 or day == 0) and birth_date.earliest is not None
    except ValueError as error:
        raise FormatError("civil_status.birth_date", "there is no such day") from error
    if not is_date:
        raise FormatError("civil_status.birth_date", "the year is out of bounds, or a day without its month")
    return birth_date


def civil_status_from_cbor(value: CborValue) -> CivilStatus:
    """The civil status that `value` is, or `FormatError`."""
    family_name, given_names, usage_name, birth_date, birth_place = as_members(value, _CHECK, _MEMBERS)
    given = tuple(_as_name(name) for name in as_array(given_names, _CHECK))
    if len(given) > MAX_GIVEN_NAMES:
        raise FormatError("civil_status.given_names", f"at most {MAX_GIVEN_NAMES} given names")
    place = as_text(birth_place, _CHECK)
    check_code(place)
    return CivilStatus(
        Personal(_as_name(family_name)),
        Personal(given),
        None if usage_name is None else Personal(_as_name(usage_name)),
        Personal(parse_birth_date(as_text(birth_date, _CHECK))),
        Personal(place),
    )


def _as_name(value: CborValue) -> str:
    name = as_text(value, _CHECK)
    if not 0 < len(name) <= MAX_CHARACTERS:
        raise FormatError("civil_status.length", f"a name has 1 to {MAX_CHARACTERS} characters")
    return name
