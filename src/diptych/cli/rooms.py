"""What the commands ask of the roof: ready-built use-cases. `app.py` answers; the commands never build anything."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from diptych.formats.catalogue.model import Catalogue
    from diptych.roles.officer.service import Officer


class Rooms(Protocol):
    """Each method builds one role from its folder, with its real adapters."""

    def catalogue(self, officer_folder: Path | None = None) -> "Catalogue":
        """The packaged document types, and those that an officer's folder adds."""
        ...

    def new_officer(self, folder: Path, issuer: str | None) -> Path:
        """Make an officer's folder with a new key; the path of the public half. `Conflict` if there is one already."""
        ...

    def officer(self, folder: Path, issuer: str | None) -> "Officer":
        """The officer of a folder, ordering from `issuer` or from the one in its settings."""
        ...
