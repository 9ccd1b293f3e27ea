"""The six inputs of a lookup: always compounds of all fields, always six, whoever the person is.

What becomes of them is left to `crypto/lookup_prf`; they never leave the workstation.
"""

from diptych.crypto.entropy import Entropy
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
_RANDOM_BYTES = 32


def lookup_inputs(status: CivilStatus, *, places: Places, entropy: Entropy) -> tuple[Personal[bytes], ...]:
    """The inputs at positions 0 to 5; random ones where none applies. `FormatError` for what cannot be normalised."""
    family = family_name(status.family_name.reveal())
    usage = None if status.usage_name is None else family_name(status.usage_name.reveal())
    given = given_name(next(iter(status.given_names.reveal()), ""))
    date = status.birth_date.reveal()
    place = birth_place(status.birth_place.reveal(), date.earliest, places)
    found: list[Personal[bytes]] = []
    for text in _dates(date):
        for name in (family, None if usage == family else usage):
            if name is None or text is None:
                found.append(Personal(cbor.encode([_TAG, entropy(_RANDOM_BYTES)])))
            else:
                found.append(Personal(cbor.encode([_TAG, name, given, text, place])))
    return tuple(found)


def _dates(birth_date: BirthDate) -> tuple[str | None, str | None, str | None]:
    """As it is known; as it would be known otherwise; and that, seen from the other side."""
    year = f"{birth_date.year:04}"
    if birth_date.is_complete:
        return birth_date.encode(), year, f"{year}-*"
    return year, f"{year}-*", None
