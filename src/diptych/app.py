"""The roof: the only file that knows everyone. Builds the objects and hands them over."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from diptych.cli import terminal
from diptych.cli.main import application
from diptych.config import SETTINGS_FILE, read_officer
from diptych.errors import Conflict, FormatError

if TYPE_CHECKING:
    from diptych.formats.catalogue.model import Catalogue
    from diptych.roles.officer.service import Officer


class House:
    """Builds each role from its folder with its real adapters (`cli/rooms.py` says what is asked of it)."""

    def catalogue(self, officer_folder: Path | None = None) -> "Catalogue":
        from diptych.adapters.catalogue_files import load_catalogue

        return load_catalogue(None if officer_folder is None else read_officer(officer_folder).catalogue)

    def new_officer(self, folder: Path, issuer: str | None) -> Path:
        import json

        from diptych.adapters.keys import file
        from diptych.crypto.signing import generate_signer
        from diptych.protocols.oauth.url import parse_url

        line = f"issuer = {json.dumps(parse_url(issuer).text)}" if issuer else '# issuer = "https://issuer.example"'
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / SETTINGS_FILE).exists():
            raise Conflict("officer.exists", "there is a settings.toml in that folder already: choose another folder")
        signer, public_key = generate_signer(), folder / "officer.pub.pem"
        file.write_signer(folder / "officer.key.pem", signer)
        file.write_public_key(public_key, signer.public_key)
        lines = ("# Where orders go, unless --issuer says otherwise.", line, "tx_code_digits = 6", "offer_days = 7", "")
        (folder / SETTINGS_FILE).write_text("\n".join(lines), encoding="utf-8")
        return public_key

    def officer(self, folder: Path, issuer: str | None) -> "Officer":
        from datetime import timedelta

        from diptych.adapters.attempts_folder import AttemptsFolder
        from diptych.adapters.catalogue_files import load_catalogue
        from diptych.adapters.http.order_desk import HttpOrderDesk
        from diptych.adapters.keys import file
        from diptych.roles.officer.service import Officer

        settings = read_officer(folder)
        url = issuer or settings.issuer
        if url is None:
            raise FormatError("settings.issuer", "which issuer? give --issuer URL, or write it in settings.toml")
        return Officer(
            load_catalogue(settings.catalogue),
            file.read_signer(folder / "officer.key.pem"),
            url,
            HttpOrderDesk(url),
            AttemptsFolder(folder / "attempts"),
            settings.tx_code_digits,
            timedelta(days=settings.offer_days),
        )


def main() -> NoReturn:
    """The `diptych` command."""
    terminal.run(application, House())
