"""The agency's file of communes that changed, as a workstation has it. What it means is left to `formats`."""

from pathlib import Path

from diptych.errors import FormatError, Unavailable
from diptych.formats.civil_status.places import Places
from diptych.formats.civil_status.places_file import MAX_BYTES, parse_places


def read_places(path: Path) -> Places:
    """The table. `FormatError` where it is missing or wrong: people would be looked up under other places."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise FormatError(
            "places.missing", f"there is no {path.name}: the agency gives it to every workstation"
        ) from error
    except OSError as error:
        raise Unavailable("places.read", f"{path.name} cannot be read: {error.strerror}") from error
    return parse_places(data)
