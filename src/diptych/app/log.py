"""The public log, built from its folder, and the files of anybody's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.app.listening import LOOPBACK, role_tls, where
from diptych.config import SETTINGS_FILE, LogSettings, read_log
from diptych.errors import FormatError

if TYPE_CHECKING:
    from diptych.protocols.reading.files import LogFiles
    from diptych.roles.log.labels import LabelTrees
    from diptych.roles.log.overview import LogOverview
    from diptych.roles.log.ports import TileStore
    from diptych.roles.log.service import Log


class LogRoom:
    """Builds logs."""

    def new_log(self, folder: Path, origin: str, url: str, witnesses: Sequence[Path], threshold: int) -> None:
        import os

        from diptych.adapters import log_folder

        location, port = where(url, 8103)
        log_folder.create_log(
            folder,
            origin=origin,
            url=location,
            witnesses=witnesses,
            threshold=threshold,
            settings=(SETTINGS_FILE, log_folder.settings_text(url=location, host=LOOPBACK, port=port)),
            entropy=os.urandom,
        )

    def admit_writer(self, folder: Path, key_file: Path, actor: str) -> str:
        from diptych.adapters import log_folder
        from diptych.adapters.keys import file
        from diptych.formats.tlog.entry import ActorClass

        read_log(folder)  # is it a log's folder at all?
        known = {one.word: one for one in ActorClass}
        if actor not in known:
            raise FormatError("log.actor", f"an actor is one of {', '.join(known)}")
        return log_folder.admit(folder, file.read_public_key(key_file), known[actor])

    def repair_log(self, folder: Path) -> int:
        from diptych.adapters import log_folder

        read_log(folder)
        with log_folder.only_process(folder), _opened_log(folder, lambda url, check: None) as (log, _, _, _):
            return log.repair().size

    def serve_log(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        import os
        import signal
        from datetime import UTC, datetime

        from diptych.adapters import journal, log_folder
        from diptych.adapters.counters import Counters
        from diptych.roles.log.model import Halted
        from diptych.web import one_process, one_request
        from diptych.web.admin import build_admin
        from diptych.web.log.days import LOOK_SECONDS, Days
        from diptych.web.log.page import LogPage
        from diptych.web.log.pool import Pool
        from diptych.web.log.server import build_server

        settings = read_log(folder)
        tls = role_tls(settings, host)
        writers = log_folder.read_writers(folder)
        counters = Counters()
        written = journal.Journal(journal.Role.LOG, counters)
        halts: list[Halted] = []

        def halt(halted: Halted) -> None:
            log_folder.keep_evidence(folder, halted)
            halts.append(halted)
            os.kill(os.getpid(), signal.SIGTERM)

        def notice(url: str, check: str) -> None:
            written.write(journal.Line(journal.Event.CHORE, check=journal.Check(check)))

        with log_folder.only_process(folder), _opened_log(folder, notice) as (log, files, trees, overview):
            pool = Pool(
                log,
                clock=lambda: datetime.now(UTC),
                seconds=settings.pool_milliseconds / 1000,
                journal=written,
                on_halt=halt,
            )
            days = Days(
                log,
                pool,
                trees,
                clock=lambda: datetime.now(UTC),
                journal=written,
                seconds=min(LOOK_SECONDS, settings.label_tree_seconds),
            )
            page = LogPage(overview, url=settings.url, clock=lambda: datetime.now(UTC))
            server = build_server(
                pool,
                days=days,
                page=page,
                origin=log.origin,
                writers=writers,
                files=files,
                clock=lambda: datetime.now(UTC),
                journal=written,
            )
            listener = one_request.listen(host or settings.host, settings.port if port is None else port)
            admin = None
            if settings.admin_port:
                admin_listener = one_request.listen(LOOPBACK, settings.admin_port)
                admin = (admin_listener, build_admin(counters, pool.check_ready, written))
            written.take_over_logging()
            address = listener.getsockname()
            one_process.serve(
                listener,
                server,
                tls=None if tls is None else tls.context(),
                admin=admin,
                announce=lambda: announce(f"Log {log.origin} is listening on {address[0]} port {address[1]}"),
                journal=written,
            )
        if halts:
            raise halts[0]

    def log_files(self, location: str) -> "LogFiles":
        from diptych.adapters.log_files import open_log_files

        return open_log_files(location)


@contextmanager
def _opened_log(
    folder: Path, notice: Callable[[str, str], None]
) -> "Iterator[tuple[Log, TileStore, LabelTrees, LogOverview]]":
    """The log of a folder, with its database open and its witnesses within reach."""
    from datetime import timedelta

    from diptych.adapters import log_folder
    from diptych.adapters.http.witnesses import HttpWitnesses
    from diptych.adapters.storage.log import open_log_store
    from diptych.roles.log.labels import LabelTrees
    from diptych.roles.log.model import contacts_of
    from diptych.roles.log.overview import LogOverview
    from diptych.roles.log.service import Log

    policy = log_folder.read_policy(folder)
    signers = log_folder.read_signers(folder, log_folder.LOG)
    settings = read_log(folder)
    files = _tile_store(folder, settings, signers[0].name)
    store = open_log_store(settings.database or folder / log_folder.LOG_DATABASE)
    witnesses = HttpWitnesses([contact.url for contact in contacts_of(policy)])
    try:
        log = Log(signers=signers, policy=policy, store=store, files=files, witnesses=witnesses, on_witness=notice)
        trees = LabelTrees(store, files, policy=policy, every=timedelta(seconds=settings.label_tree_seconds))
        yield log, files, trees, LogOverview(store, files, policy)
    finally:
        witnesses.close()
        store.close()


def _tile_store(folder: Path, settings: LogSettings, origin: str) -> "TileStore":
    """Where the log's public files go."""
    from diptych.adapters.tile_folder import TileFolder

    if not settings.files.startswith("s3://"):
        return TileFolder(folder / settings.files)
    try:
        from diptych.adapters.tile_bucket import TileBucket
    except ImportError as error:
        raise FormatError("log.bucket", "files in a bucket need the extra s3: pip install diptych[s3]") from error
    bucket = TileBucket(settings.files, endpoint=settings.s3_endpoint, region=settings.s3_region)
    bucket.claim(origin)
    return bucket
