"""The witness, built from its folder."""

from collections.abc import Callable
from pathlib import Path

from diptych.app.listening import LOOPBACK, role_tls, where
from diptych.config import SETTINGS_FILE, read_witness


class WitnessRoom:
    """Builds witnesses."""

    def new_witness(self, folder: Path, name: str, url: str) -> None:
        import os

        from diptych.adapters import log_folder

        location, port = where(url, 8104)
        log_folder.create_witness(
            folder,
            name=name,
            url=location,
            settings=(SETTINGS_FILE, log_folder.settings_text(url=location, host=LOOPBACK, port=port)),
            entropy=os.urandom,
        )

    def follow_log(self, folder: Path, keys: Path) -> str:
        from diptych.adapters import log_folder

        read_witness(folder)  # is it a witness's folder at all?
        return log_folder.follow(folder, keys)

    def serve_witness(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        from datetime import UTC, datetime

        from diptych.adapters import journal, log_folder
        from diptych.adapters.counters import Counters
        from diptych.adapters.storage.witness import open_witness_store
        from diptych.formats.tlog.evidence import Fork
        from diptych.roles.witness.service import Witness
        from diptych.web import one_process, one_request
        from diptych.web.admin import build_admin
        from diptych.web.witness.server import build_server

        settings = read_witness(folder)
        tls = role_tls(settings, host)
        counters = Counters()
        written = journal.Journal(journal.Role.WITNESS, counters)
        signers = log_folder.read_signers(folder, log_folder.WITNESS)
        logs = log_folder.read_logs(folder)
        with log_folder.only_process(folder):
            store = open_witness_store(settings.database or folder / log_folder.WITNESS_DATABASE)
            try:
                listener = one_request.listen(host or settings.host, settings.port if port is None else port)

                def keep(fork: Fork) -> None:
                    log_folder.keep_fork(folder, fork)
                    written.write(journal.Line(journal.Event.CHORE, check=journal.Check("tlog.fork")))

                witness = Witness(signers=signers, logs=logs, store=store, on_fork=keep)
                admin = None
                if settings.admin_port:
                    admin_listener = one_request.listen(LOOPBACK, settings.admin_port)
                    admin = (admin_listener, build_admin(counters, lambda: None, written))
                written.take_over_logging()
                address = listener.getsockname()
                one_process.serve(
                    listener,
                    build_server(witness, clock=lambda: datetime.now(UTC), journal=written),
                    tls=None if tls is None else tls.context(),
                    admin=admin,
                    announce=lambda: announce(
                        f"Witness {signers[0].name} of {len(logs)} logs is listening on {address[0]} port {address[1]}"
                    ),
                    journal=written,
                )
            finally:
                store.close()
