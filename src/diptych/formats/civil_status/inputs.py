"""The six inputs of a lookup: always compounds of all fields, always six, whoever the person is.

What becomes of them is left to `crypto/lookup_prf`; they never leave the workstation.
"""

from diptych.formats import cbor
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.civil_status.names import family_name, given_name
from diptych.formats.civil_status.places import Places, birth_place
from diptych.private import Personal

COUNT = 6
SEARCHED = (0, 1, 2, 3)
"""Positions whose tags are searched for."""
INDEXED = (0, 1, 4, 5)
"""Positions whose tags are put into the index."""

_TAG = "diptych civil status 1"


def lookup_inputs(status: CivilStatus, *, places: Places) -> tuple[Personal[bytes], ...]:
    """The inputs at positions 0 to 5; `FormatError` for what cannot be normalised."""
    family = family_name(status.family_name.reveal())
    usage = family if status.usage_name is None else family_name(status.usage_name.reveal())
    given = given_name(next(iter(status.given_names.reveal()), ""))
    date = status.birth_date.reveal()
    place = birth_place(status.birth_place.reveal(), date.earliest, places)
    # Where there is no other name, the second of a pair says so of the same person, and not something random: whoever
    # sees two requests for one person, or a hit, sees the same pattern whether there is one or not.
    names = ((family, ""), (usage, "only name" if usage == family else ""))
    return tuple(
        Personal(cbor.encode([_TAG, name, given, text, place, mark])) for text in _dates(date) for name, mark in names
    )


def _dates(birth_date: BirthDate) -> tuple[str, str, str]:
    """As it is known; as it would be known otherwise; and that, seen from the other side."""
    year = f"{birth_date.year:04}"
    if birth_date.is_complete:
        return birth_date.encode(), year, f"{year}-*"
    return year, f"{year}-*", f"{year}-0"
