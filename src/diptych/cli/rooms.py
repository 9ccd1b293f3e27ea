"""What the commands ask of the roof: ready-built use-cases. `app.py` answers; the commands never build anything."""

from collections.abc import Callable, Sequence
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

    def new_issuer(self, folder: Path, url: str, officer_keys: Sequence[Path], country: str) -> Path:
        """Make an issuer's folder, whole or not at all; the path of its trust file. `Conflict` if one is there."""
        ...

    def add_officer(self, folder: Path, key_file: Path) -> str:
        """Let an issuer honour an officer's orders; the key's fingerprint."""
        ...

    def issuer_trust(self, folder: Path) -> bytes:
        """The trust file of an issuer's folder."""
        ...

    def serve_issuer(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        """Run an issuer until SIGTERM or SIGINT; `announce` gets one line once it listens."""
        ...
