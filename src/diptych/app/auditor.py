"""The auditor, built from its folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.app.given import token_access
from diptych.config import SETTINGS_FILE, read_auditor

if TYPE_CHECKING:
    from diptych.roles.auditor.attesting import Auditor

RECORD_SECONDS = 30.0


class AuditorRoom:
    """Builds auditors."""

    def new_auditor(
        self, folder: Path, *, registry: str, log_policy: Path, log_url: str | None, key: str | None
    ) -> None:
        from diptych.adapters import auditor_folder, log_writer
        from diptych.protocols.oauth.url import parse_url

        auditor_folder.create(
            folder,
            log_policy=log_writer.read_policy(log_policy),
            log_url=log_url,
            settings=(SETTINGS_FILE, log_writer.settings_text(registry=parse_url(registry.rstrip("/")).text)),
            key=key,
            access=token_access(),
        )

    @contextmanager
    def auditor(self, folder: Path, files: str | None) -> "Iterator[Auditor]":
        from diptych.adapters import auditor_folder, log_writer
        from diptych.adapters.http.holders import HttpRegistryLine
        from diptych.adapters.keys import file, locations
        from diptych.adapters.log_files import open_log_files
        from diptych.adapters.log_history import FileHistory
        from diptych.roles.auditor.attesting import Auditor

        settings = read_auditor(folder)
        policy = log_writer.read_policy(settings.log_policy)
        location = files or log_writer.address_of(policy, settings.log)
        recorder = log_writer.open_recorder(
            folder, policy, url=settings.log, key=settings.log_key, access=token_access(), seconds=RECORD_SECONDS
        )
        registry = HttpRegistryLine(settings.registry)
        try:
            with file.only_command(folder, "auditor.busy"):
                yield Auditor(
                    locations.open_signer(settings.key, folder, token_access()),
                    policy,
                    open_log_files(location),
                    recorder,
                    # The proof for the registry may need entries that a copy of the files does not have yet.
                    FileHistory(open_log_files(log_writer.address_of(policy, settings.log))),
                    registry,
                    auditor_folder.BookFiles(folder),
                )
        finally:
            registry.close()
            recorder.close()
