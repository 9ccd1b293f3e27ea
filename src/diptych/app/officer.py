"""The officer's workstation, built from its folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.app.given import token_access
from diptych.config import OFFICER_KEY, SETTINGS_FILE, read_officer
from diptych.errors import Conflict, FormatError

if TYPE_CHECKING:
    from diptych.roles.officer.service import Officer
    from diptych.roles.officer.workstation import Workstation


class OfficerRoom:
    """Builds officers."""

    def new_officer(self, folder: Path, issuer: str | None, key: str | None = None) -> Path:
        import json

        from diptych.adapters.keys import file, locations
        from diptych.protocols.oauth.url import parse_url

        line = (
            f"issuer = {json.dumps(parse_url(issuer.rstrip('/')).text)}"
            if issuer
            else '# issuer = "https://issuer.example"'
        )
        file.make_folder(folder)
        if (folder / SETTINGS_FILE).exists():
            raise Conflict("officer.exists", "there is a settings.toml in that folder already: choose another folder")
        public_key = folder / "officer.pub.pem"
        location, signer = locations.make_signer(
            key, folder, token_access(), file_name=OFFICER_KEY, label="diptych-officer"
        )
        file.write_public_key(public_key, signer.public_key)
        lines = (
            "# Where orders go, unless --issuer says otherwise.",
            line,
            "tx_code_digits = 6",
            "offer_days = 7",
            f"key = {json.dumps(location)}",
            "",
        )
        (folder / SETTINGS_FILE).write_text("\n".join(lines), encoding="utf-8")
        return public_key

    def join_registry(self, folder: Path, *, registry: str, agency: Path, log_policy: Path, log: str | None) -> None:
        from diptych.adapters import log_writer
        from diptych.adapters.keys import file
        from diptych.protocols.oauth.url import parse_url

        settings = read_officer(folder)
        if settings.registry is not None:
            raise Conflict("officer.registry", "this officer's folder names a registry already: see its settings.toml")
        policy = log_writer.read_policy(log_policy)
        file.write_public_key(folder / "agency.pem", file.read_public_key(agency))
        file.replace_file(folder / "log.policy", policy.encode())
        added = log_writer.settings_text(
            registry=parse_url(registry.rstrip("/")).text,
            agency="agency.pem",
            log_policy="log.policy",
            log=log_writer.address_of(policy, log),
        )
        path = folder / SETTINGS_FILE
        file.replace_file(path, (path.read_text(encoding="utf-8") + added).encode("utf-8"))

    @contextmanager
    def workstation(self, folder: Path) -> "Iterator[Workstation]":
        from diptych.adapters import log_writer
        from diptych.adapters.http.holders import HttpAnswers, HttpRegistryLine
        from diptych.adapters.keys import file, locations
        from diptych.adapters.log_files import open_log_files
        from diptych.adapters.log_history import FileHistory
        from diptych.adapters.places_file import read_places
        from diptych.formats.civil_status.places import Places
        from diptych.roles.officer.workstation import Workstation

        settings = read_officer(folder)
        if settings.registry is None or settings.agency is None or settings.log_policy is None:
            raise FormatError(
                "officer.registry", "this officer's folder names no registry: diptych officer join FOLDER first"
            )
        policy = log_writer.read_policy(settings.log_policy)
        line, holders = HttpRegistryLine(settings.registry), HttpAnswers(settings.registry)
        files = open_log_files(log_writer.address_of(policy, settings.log))
        try:
            yield Workstation(
                locations.open_signer(settings.key, folder, token_access()),
                file.read_public_key(settings.agency),
                policy,
                line,
                holders,
                FileHistory(files),
                Places() if settings.places is None else read_places(settings.places),
            )
        finally:
            holders.close()
            line.close()

    def officer(self, folder: Path, issuer: str | None) -> "Officer":
        from datetime import timedelta

        from diptych.adapters.attempts_folder import AttemptsFolder
        from diptych.adapters.catalogue_files import load_catalogue
        from diptych.adapters.http.order_desk import HttpOrderDesk
        from diptych.adapters.keys import locations
        from diptych.roles.officer.service import Officer

        settings = read_officer(folder)
        url = (issuer or settings.issuer or "").rstrip("/")  # an issuer is named without it, letter by letter
        if not url:
            raise FormatError("settings.issuer", "which issuer? give --issuer URL, or write it in settings.toml")
        return Officer(
            load_catalogue(settings.catalogue),
            locations.open_signer(settings.key, folder, token_access()),
            url,
            HttpOrderDesk(url),
            AttemptsFolder(folder / "attempts"),
            settings.tx_code_digits,
            timedelta(days=settings.offer_days),
        )
