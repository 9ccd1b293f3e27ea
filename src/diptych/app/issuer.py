"""The issuer, built from its folder: its keys over their life, and its server."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.app.given import token_access
from diptych.app.listening import ADMIN_AT_ONCE, LOOPBACK, check_tls, role_tls
from diptych.config import SETTINGS_FILE, read_issuer
from diptych.errors import Conflict, DiptychError, FormatError

if TYPE_CHECKING:
    from diptych.adapters.approval_list import ApprovalList
    from diptych.adapters.epoch_folder import Published, Workshop
    from diptych.adapters.issuer_folder import JoinedLog
    from diptych.adapters.issuer_keys import IssuerKeys
    from diptych.config import IssuerSettings
    from diptych.protocols.reading.states import PublicStates
    from diptych.roles.issuer.acts import PublicLog
    from diptych.roles.issuer.epochs import EpochLog
    from diptych.roles.issuer.keyring import Keyring
    from diptych.roles.issuer.model import Incident
    from diptych.roles.issuer.service import Issuer
    from diptych.roles.issuer.status_model import ListCount

RECORDING_SECONDS = 10.0
"""How long a request waits for the log: less than `Limits.total_seconds`, so that its client is told."""


class IssuerRoom:
    """Builds issuers."""

    def new_issuer(
        self,
        folder: Path,
        url: str,
        officer_keys: Sequence[Path],
        country: str,
        key: str | None = None,
        *,
        log_policy: Path | None,
        log: str | None = None,
    ) -> Path:
        import json
        import os
        from datetime import UTC, datetime

        from diptych.adapters import issuer_folder
        from diptych.adapters.catalogue_files import load_catalogue
        from diptych.adapters.keys import file
        from diptych.protocols.oauth.url import LOOPBACK_HOSTS, parse_url

        location = parse_url(url.rstrip("/"))
        port = int(location.port) if location.host in LOOPBACK_HOSTS else 8101
        lines = (
            f"url = {json.dumps(location.text)}",
            'name_en = "Diptych issuer"',
            'name_fr = "Émetteur Diptych"',
            'host = "127.0.0.1"',
            f"port = {port}",
            "",
        )
        issuer_folder.create(
            folder,
            url=location.text,
            country=country,
            settings=(SETTINGS_FILE, "\n".join(lines)),
            log=_joined(log_policy, log),
            catalogue=load_catalogue(),
            officers=[file.read_public_key(path) for path in officer_keys],
            key=key,
            access=token_access(),
            now=datetime.now(UTC),
            entropy=os.urandom,
        )
        return folder / issuer_folder.TRUST

    def add_officer(self, folder: Path, key_file: Path) -> str:
        from diptych.adapters import issuer_folder
        from diptych.adapters.keys import file

        read_issuer(folder)  # is it an issuer's folder at all?
        return issuer_folder.add_officer(folder, file.read_public_key(key_file))

    def join_log(self, folder: Path, log_policy: Path | None, log: str | None = None, key: str | None = None) -> None:
        from diptych.adapters import issuer_folder

        read_issuer(folder)  # is it an issuer's folder at all?
        issuer_folder.join_log(folder, SETTINGS_FILE, _joined(log_policy, log), key=key, access=token_access())

    def issuer_trust(self, folder: Path) -> bytes:
        return _issuer_keys(folder).trust()

    def issuer_signers(self, folder: Path) -> "Keyring":
        return _issuer_keys(folder).ring()

    def rotate_signers(
        self,
        folder: Path,
        type_ids: Sequence[str] | None,
        *,
        after_days: int = 0,
        key: str | None = None,
        root_key: Path | None = None,
    ) -> "Keyring":
        import os
        from datetime import UTC, datetime, timedelta

        now = datetime.now(UTC)
        signs_from = now + timedelta(days=after_days)
        return _issuer_keys(folder).rotate(
            type_ids, now=now, entropy=os.urandom, signs_from=signs_from, key=key, root_key=root_key
        )

    def rotate_root(self, folder: Path, *, key: str | None = None) -> "Keyring":
        import os
        from datetime import UTC, datetime

        return _issuer_keys(folder).rotate_root(now=datetime.now(UTC), entropy=os.urandom, key=key)

    def issuer_emergency(
        self,
        folder: Path,
        type_ids: Sequence[str] | None,
        *,
        is_root_lost: bool,
        retired_too: bool,
        key: str | None,
        root_key: Path | None,
        told: "Callable[[Keyring], None]",
        progress: Callable[[float, int], None],
    ) -> "ApprovalList":
        import os
        from datetime import UTC, datetime

        from diptych.adapters import issuer_folder
        from diptych.adapters.approval_list import write_approval_list
        from diptych.adapters.storage.engine import open_database
        from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore

        keys = _issuer_keys(folder)
        ring = keys.declare_loss(
            type_ids,
            now=datetime.now(UTC),
            entropy=os.urandom,
            is_root_lost=is_root_lost,
            retired_too=retired_too,
            key=key,
            root_key=root_key,
        )
        told(ring)  # before the database is touched: the trust file must go out even where it cannot be reached
        assert ring.emergency is not None  # it ends below, and nowhere else
        location = read_issuer(folder).database or folder / issuer_folder.DATABASE
        found = write_approval_list(
            folder, DatabaseIssuerStore(open_database(location, ROLE)), ring.emergency, progress
        )
        keys.end_emergency(now=datetime.now(UTC))
        return found

    def status_lists(self, folder: Path) -> "Sequence[ListCount]":
        from diptych.adapters import issuer_folder
        from diptych.adapters.storage.engine import open_database
        from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore

        location = read_issuer(folder).database or folder / issuer_folder.DATABASE
        with DatabaseIssuerStore(open_database(location, ROLE)).transaction() as state:
            return state.status.counts()

    def issuer_incidents(self, folder: Path) -> "Sequence[Incident]":
        from diptych.adapters import issuer_folder
        from diptych.adapters.storage.engine import open_database
        from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore

        location = read_issuer(folder).database or folder / issuer_folder.DATABASE
        return DatabaseIssuerStore(open_database(location, ROLE)).incidents()

    def publish_epoch(
        self,
        folder: Path,
        *,
        hours: float,
        is_incident: bool,
        workers: int | None,
        cluster: str | None,
        progress: Callable[[int, int], None],
    ) -> "Published":
        import os
        import time
        from datetime import UTC, datetime, timedelta

        from diptych.adapters import issuer_folder
        from diptych.adapters.epoch_folder import Cores, EpochFolder
        from diptych.adapters.storage.engine import open_database
        from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore

        settings = read_issuer(folder)
        store = DatabaseIssuerStore(open_database(settings.database or folder / issuer_folder.DATABASE, ROLE))
        open_log = _log_of_epochs(folder, settings)
        return EpochFolder(folder, _issuer_keys(folder).fast_suite).publish(
            store,
            now=datetime.now(UTC),
            length=timedelta(hours=hours),
            ends_earlier=is_incident,
            workshop=Cores(workers or len(os.sched_getaffinity(0))) if cluster is None else _cluster(cluster),
            entropy=os.urandom,
            stopwatch=time.perf_counter,
            log=open_log(),
            progress=progress,
        )

    def serve_issuer(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        import contextlib
        import functools
        import os
        from datetime import UTC, datetime, timedelta

        from diptych.adapters import epoch_folder, issuer_folder, journal
        from diptych.adapters.catalogue_files import load_catalogue
        from diptych.adapters.counters import Counters
        from diptych.adapters.fast_suite_keys import CurrentProvingSigners
        from diptych.adapters.issuer_keys import CurrentDocumentSigners
        from diptych.adapters.storage.engine import open_database, preload
        from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
        from diptych.roles.issuer.service import Issuer
        from diptych.roles.issuer.status_model import Publication
        from diptych.web import one_request
        from diptych.web.admin import build_admin
        from diptych.web.issuer.server import build_server, check_ready

        settings = read_issuer(folder)
        tls = role_tls(settings, host)
        location = settings.database or folder / issuer_folder.DATABASE
        preload(location)  # once here, and not again in every child
        catalogue = load_catalogue(settings.catalogue)

        open_log = _way_into_log(folder, settings)
        open_states = _states_in_log(folder, settings)
        open_log_of_epochs = _log_of_epochs(folder, settings)

        # Which key signs is looked up in each child: a new one signs from the next request on.
        keys = _issuer_keys(folder)
        epochs = epoch_folder.EpochFolder(folder, keys.fast_suite)
        signers = CurrentDocumentSigners(keys, lambda: datetime.now(UTC))
        # A folder of an earlier release has none until `rotate-signer` makes them.
        proving_signers = (
            None
            if keys.fast_suite.public() is None
            else CurrentProvingSigners(keys.fast_suite, catalogue, lambda: datetime.now(UTC))
        )

        @functools.cache
        def open_issuer() -> Issuer:
            """Keys and database: only ever opened in a child (docs/decisions/0001)."""
            return Issuer(
                url=settings.url,
                names={"en": settings.name_en, "fr": settings.name_fr},
                catalogue=catalogue,
                officers=issuer_folder.read_officers(folder),
                signers=signers,
                store=DatabaseIssuerStore(open_database(location, ROLE, migrates=False)),
                nonce_key=issuer_folder.read_nonce_key(folder),
                request_key=issuer_folder.read_request_key(folder),
                log=open_log(),
                proving_signers=proving_signers,
                publication=Publication(
                    timedelta(seconds=settings.status_seconds), timedelta(seconds=settings.status_lifetime_seconds)
                ),
            )

        def begin() -> None:
            """Is the database the newest? Asked of the log before anybody is answered."""
            states = open_states(open_issuer())
            if states is not None:
                states.check()
                states.count_start(datetime.now(UTC))
                with contextlib.suppress(DiptychError):  # kept, so it waits: the chore goes on, and says why not
                    states.record_due(datetime.now(UTC))

        def record_state() -> None:
            states = open_states(open_issuer())
            if states is not None:
                states.record_due(datetime.now(UTC))

        def sweep() -> None:
            open_issuer().sweep(datetime.now(UTC))

        def finish_epoch() -> None:
            with contextlib.suppress(Conflict):  # a publication is at work, and finishes it itself
                epochs.finish(open_log_of_epochs(), now=datetime.now(UTC))

        def look_after() -> None:
            try:
                open_issuer().record_waiting()  # first: what stands in the log by now is published below
                record_state()
                finish_epoch()
            finally:
                sweep()  # a log that is down keeps nobody from deleting, nor lists from being published

        listener = one_request.listen(host or settings.host, settings.port if port is None else port)
        counters = Counters()
        written = journal.Journal(journal.Role.ISSUER, counters)
        server = build_server(
            settings.url,
            open_issuer,
            clock=lambda: datetime.now(UTC),
            entropy=os.urandom,
            journal=written,
            read_file=functools.partial(epoch_folder.read_file, folder),
        )
        doors = [one_request.Door(listener, server, settings.requests_at_once, tls)]
        if settings.admin_port:
            admin = build_admin(counters, lambda: check_ready(open_issuer), written)
            doors.append(one_request.Door(one_request.listen(LOOPBACK, settings.admin_port), admin, ADMIN_AT_ONCE))
        one_request.run_in_child(lambda: open_database(location, ROLE).dispose())  # migrates, once for all children
        one_request.run_in_child(begin)
        one_request.run_in_child(sweep)
        one_request.run_in_child(signers.check)  # a wrong PIN is tried once here, and not once a request
        if tls is not None:
            one_request.run_in_child(lambda: check_tls(tls))  # its key is none of this process's business
        written.take_over_logging()
        address = listener.getsockname()
        one_request.serve(
            doors,
            limits=one_request.Limits(),
            chore=look_after,
            chore_seconds=min(60.0, settings.status_seconds),
            announce=lambda: announce(f"Issuer {settings.url} is listening on {address[0]} port {address[1]}"),
            journal=written,
        )


def _cluster(address: str) -> "Workshop":
    import os

    try:
        from diptych.adapters.epoch_cluster import Cluster
    except ImportError as error:
        raise FormatError("epoch.cluster", "a cluster needs the extra cluster: pip install diptych[cluster]") from error
    return Cluster.join(address, entropy=os.urandom)


def _joined(policy: Path | None, url: str | None) -> "JoinedLog | None":
    from diptych.adapters import log_writer
    from diptych.adapters.issuer_folder import JoinedLog

    return None if policy is None else JoinedLog(log_writer.read_policy(policy), url)


def _way_into_log(folder: Path, settings: "IssuerSettings") -> "Callable[[], PublicLog | None]":
    """Opens the way into the log, with its key: for children. What is wrong with it is said now.

    An issuer without a log is one that was told so: whoever forgot is not served.
    """
    import ssl

    from diptych.adapters import log_writer
    from diptych.roles.issuer.acts import PublicLog

    if settings.log_policy is None or settings.without_log:
        if settings.log_policy is None and settings.without_log:
            return lambda: None
        raise FormatError(
            "issuer.log",
            "this issuer must record what it issues in a public log, and its settings name none. Run `diptych issuer"
            f" join-log {folder} --log-policy FILE` with the log's policy, or --without-log to issue unseen"
            if settings.log_policy is None
            else "settings name a log (`log_policy`) and say that there is none (`without_log`): take one of them out",
        )
    policy = log_writer.read_policy(settings.log_policy)
    log_writer.address_of(policy, settings.log)
    tls = ssl.create_default_context()

    def open_log() -> PublicLog:
        recorder = log_writer.open_recorder(
            folder,
            policy,
            url=settings.log,
            key=settings.log_key,
            access=token_access(),
            seconds=RECORDING_SECONDS,
            tls=tls,
        )
        return PublicLog(recorder, policy.digest)

    return open_log


def _log_of_epochs(folder: Path, settings: "IssuerSettings") -> "Callable[[], EpochLog | None]":
    """Opens the log that epochs are recorded in; nothing without one, where that was said on purpose."""
    from diptych.adapters import log_writer
    from diptych.adapters.log_files import open_log_files
    from diptych.roles.issuer.epochs import EpochLog

    open_log = _way_into_log(folder, settings)

    def open_log_of_epochs() -> EpochLog | None:
        log = open_log()
        if log is None or settings.log_policy is None:
            return None
        policy = log_writer.read_policy(settings.log_policy)
        return EpochLog(log.recorder, policy, open_log_files(log_writer.address_of(policy, settings.log)))

    return open_log_of_epochs


def _states_in_log(folder: Path, settings: "IssuerSettings") -> "Callable[[Issuer], PublicStates | None]":
    """Opens, for children, how far this issuer has come in its log; nothing without one."""
    from diptych.adapters import log_writer
    from diptych.formats.tlog.entry import ActorClass

    if settings.log_policy is None:
        return lambda issuer: None
    policy = log_writer.read_policy(settings.log_policy)

    def open_states(issuer: "Issuer") -> "PublicStates | None":
        if issuer.log is None:
            return None
        return log_writer.open_states(
            folder,
            policy,
            actor=ActorClass.ISSUER,
            store=issuer.store,
            record=issuer.log.recorder.record,
            url=settings.log,
            key=settings.log_key,
            access=token_access(),
        )

    return open_states


def _issuer_keys(folder: Path) -> "IssuerKeys":
    from diptych.adapters.catalogue_files import load_catalogue
    from diptych.adapters.issuer_keys import IssuerKeys

    settings = read_issuer(folder)
    return IssuerKeys(folder, settings.url, load_catalogue(settings.catalogue), token_access())
