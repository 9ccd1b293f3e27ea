"""The roof: the only room that knows everyone. Builds the objects and hands them over, a module for each role."""

import resource
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from diptych.app.auditor import AuditorRoom
from diptych.app.drill import DrillRoom
from diptych.app.issuer import IssuerRoom
from diptych.app.log import LogRoom
from diptych.app.officer import OfficerRoom
from diptych.app.registry import RegistryRoom
from diptych.app.trustee import TrusteeRoom
from diptych.app.verifier import VerifierRoom
from diptych.app.wallet import WalletRoom
from diptych.app.witness import WitnessRoom
from diptych.cli import terminal
from diptych.cli.main import application
from diptych.config import read_officer

if TYPE_CHECKING:
    from diptych.formats.catalogue.model import Catalogue


class House(
    OfficerRoom,
    IssuerRoom,
    VerifierRoom,
    LogRoom,
    WitnessRoom,
    TrusteeRoom,
    RegistryRoom,
    AuditorRoom,
    WalletRoom,
    DrillRoom,
):
    """Builds each role from its folder with its real adapters (`cli/rooms.py` says what is asked of it)."""

    def catalogue(self, officer_folder: Path | None = None) -> "Catalogue":
        from diptych.adapters.catalogue_files import load_catalogue

        return load_catalogue(None if officer_folder is None else read_officer(officer_folder).catalogue)


def main() -> NoReturn:
    """The `diptych` command. Whatever it is told to do, it reads keys, codes or documents: it leaves no core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    terminal.run(application, House())
