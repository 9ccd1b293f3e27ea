"""The roof: the only file that knows everyone. Builds the objects and hands them over."""

import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from diptych.cli import terminal
from diptych.cli.main import application
from diptych.config import (
    OFFICER_KEY,
    SETTINGS_FILE,
    read_issuer,
    read_log,
    read_officer,
    read_token,
    read_verifier,
    read_witness,
)
from diptych.errors import Conflict, FormatError

if TYPE_CHECKING:
    from datetime import datetime

    from diptych.adapters.approval_list import ApprovalList
    from diptych.adapters.http.relying_party import RelyingParty
    from diptych.adapters.issuer_keys import IssuerKeys
    from diptych.adapters.keys.pkcs11_uri import TokenAccess
    from diptych.adapters.tile_folder import TileFolder
    from diptych.adapters.tls import TlsFiles
    from diptych.adapters.verifier_keys import PartyFiles
    from diptych.config import IssuerSettings, LogSettings, VerifierSettings, WitnessSettings
    from diptych.crypto.passphrase import Hardness
    from diptych.formats.catalogue.model import Catalogue
    from diptych.formats.mdoc.trust import IssuerTrust
    from diptych.private import Secret
    from diptych.roles.auditor.ports import LogFiles
    from diptych.roles.issuer.keyring import Keyring
    from diptych.roles.issuer.model import Incident
    from diptych.roles.log.service import Log
    from diptych.roles.officer.service import Officer
    from diptych.roles.verifier.model import Verdict
    from diptych.roles.verifier.policy import Policy
    from diptych.roles.wallet.backup import Backup
    from diptych.roles.wallet.ports import BackupPlace, WalletStore
    from diptych.roles.wallet.service import Wallet

WALLET_FILE = "wallet.db"
LOOPBACK = "127.0.0.1"
ADMIN_AT_ONCE = 2


class House:
    """Builds each role from its folder with its real adapters (`cli/rooms.py` says what is asked of it)."""

    def catalogue(self, officer_folder: Path | None = None) -> "Catalogue":
        from diptych.adapters.catalogue_files import load_catalogue

        return load_catalogue(None if officer_folder is None else read_officer(officer_folder).catalogue)

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
            key, folder, _token_access(), file_name=OFFICER_KEY, label="diptych-officer"
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
            locations.open_signer(settings.key, folder, _token_access()),
            url,
            HttpOrderDesk(url),
            AttemptsFolder(folder / "attempts"),
            settings.tx_code_digits,
            timedelta(days=settings.offer_days),
        )

    def new_issuer(
        self, folder: Path, url: str, officer_keys: Sequence[Path], country: str, key: str | None = None
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
            catalogue=load_catalogue(),
            officers=[file.read_public_key(path) for path in officer_keys],
            key=key,
            access=_token_access(),
            now=datetime.now(UTC),
            entropy=os.urandom,
        )
        return folder / issuer_folder.TRUST

    def add_officer(self, folder: Path, key_file: Path) -> str:
        from diptych.adapters import issuer_folder
        from diptych.adapters.keys import file

        read_issuer(folder)  # is it an issuer's folder at all?
        return issuer_folder.add_officer(folder, file.read_public_key(key_file))

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

    def issuer_incidents(self, folder: Path) -> "Sequence[Incident]":
        from diptych.adapters import issuer_folder
        from diptych.adapters.storage.engine import open_database
        from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore

        location = read_issuer(folder).database or folder / issuer_folder.DATABASE
        return DatabaseIssuerStore(open_database(location, ROLE)).incidents()

    def serve_issuer(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        import functools
        import os
        from datetime import UTC, datetime

        from diptych.adapters import issuer_folder, journal
        from diptych.adapters.catalogue_files import load_catalogue
        from diptych.adapters.counters import Counters
        from diptych.adapters.issuer_keys import CurrentDocumentSigners
        from diptych.adapters.storage.engine import open_database, preload
        from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
        from diptych.roles.issuer.service import Issuer
        from diptych.web import one_request
        from diptych.web.admin import build_admin
        from diptych.web.issuer.server import build_server, check_ready

        settings = read_issuer(folder)
        tls = _tls(settings, host)
        location = settings.database or folder / issuer_folder.DATABASE
        preload(location)  # once here, and not again in every child
        catalogue = load_catalogue(settings.catalogue)

        # Which key signs is looked up in each child: a new one signs from the next request on.
        signers = CurrentDocumentSigners(_issuer_keys(folder), lambda: datetime.now(UTC))

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
            )

        def sweep() -> None:
            open_issuer().sweep(datetime.now(UTC))

        listener = one_request.listen(host or settings.host, settings.port if port is None else port)
        counters = Counters()
        written = journal.Journal(journal.Role.ISSUER, counters)
        server = build_server(
            settings.url, open_issuer, clock=lambda: datetime.now(UTC), entropy=os.urandom, journal=written
        )
        doors = [one_request.Door(listener, server, settings.requests_at_once, tls)]
        if settings.admin_port:
            admin = build_admin(counters, lambda: check_ready(open_issuer), written)
            doors.append(one_request.Door(one_request.listen(LOOPBACK, settings.admin_port), admin, ADMIN_AT_ONCE))
        one_request.run_in_child(lambda: open_database(location, ROLE).dispose())  # migrates, once for all children
        one_request.run_in_child(sweep)
        one_request.run_in_child(signers.check)  # a wrong PIN is tried once here, and not once a request
        if tls is not None:
            one_request.run_in_child(lambda: _check(tls))  # its key is none of this process's business
        written.take_over_logging()
        address = listener.getsockname()
        one_request.serve(
            doors,
            limits=one_request.Limits(),
            chore=sweep,
            chore_seconds=60.0,
            announce=lambda: announce(f"Issuer {settings.url} is listening on {address[0]} port {address[1]}"),
            journal=written,
        )

    def new_verifier(
        self, folder: Path, url: str, trust: Path, name: str, country: str, *, key: str | None = None
    ) -> Path:
        import json
        import os
        from datetime import UTC, datetime

        from diptych.adapters import verifier_folder
        from diptych.protocols.oauth.url import LOOPBACK_HOSTS, parse_url

        location = parse_url(url.rstrip("/"))
        port = int(location.port) if location.host in LOOPBACK_HOSTS else 8102
        lines = (
            f"url = {json.dumps(location.text)}",
            'host = "127.0.0.1"',
            f"port = {port}",
            "cross_check = false",
            "",
        )
        try:
            issuers = trust.read_bytes()
        except OSError as error:
            raise FormatError("trust.read", f"{trust} cannot be read: {error.strerror}") from error
        verifier_folder.create(
            folder,
            name=name,
            country=country,
            trust=issuers,
            settings=(SETTINGS_FILE, "\n".join(lines)),
            key=key,
            access=_token_access(),
            now=datetime.now(UTC),
            entropy=os.urandom,
        )
        return folder / verifier_folder.WALLETS_TRUST

    def register_verifier(self, folder: Path) -> Sequence[str]:
        from datetime import UTC, datetime

        from diptych.adapters import verifier_folder

        return [use.id for use in verifier_folder.register(folder, now=datetime.now(UTC)).uses]

    def rotate_verifier_key(self, folder: Path, key: str | None = None) -> "Sequence[PartyFiles]":
        import os
        from datetime import UTC, datetime

        from diptych.adapters import verifier_folder

        read_verifier(folder)
        return verifier_folder.rotate_key(
            folder, key=key, access=_token_access(), now=datetime.now(UTC), entropy=os.urandom
        )

    def verifier_trust(self, folder: Path, trust: Path) -> "IssuerTrust":
        from diptych.adapters import verifier_folder

        read_verifier(folder)
        return verifier_folder.take_trust(folder, _read_trust(trust))

    def policies(self, folder: Path) -> "Mapping[str, Policy]":
        from diptych.adapters import verifier_folder
        from diptych.adapters.policy_files import load_policies

        read_verifier(folder)  # is it a verifier's folder at all?
        return load_policies(folder / verifier_folder.POLICIES)

    def relying_party(self, folder: Path) -> "RelyingParty":
        from diptych.adapters import verifier_folder
        from diptych.adapters.http.relying_party import RelyingParty

        return RelyingParty(read_verifier(folder).url, key=verifier_folder.read_api_key(folder))

    def keep_question(self, folder: Path, presentation_id: str, secret: "Secret") -> None:
        from diptych.adapters import verifier_folder

        verifier_folder.keep_secret(folder, presentation_id, secret)

    def kept_question(self, folder: Path, presentation_id: str) -> "Secret":
        from diptych.adapters import verifier_folder

        return verifier_folder.kept_secret(folder, presentation_id)

    def drop_question(self, folder: Path, presentation_id: str) -> None:
        from diptych.adapters import verifier_folder

        verifier_folder.drop_secret(folder, presentation_id)

    def verdicts(self, folder: Path) -> "Sequence[Verdict]":
        from diptych.adapters import verifier_folder
        from diptych.adapters.storage.verifier import open_verifier_store

        store = open_verifier_store(read_verifier(folder).database or folder / verifier_folder.DATABASE)
        try:
            return store.verdicts()
        finally:
            store.close()

    def serve_verifier(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        import os
        import socket
        import time
        from datetime import UTC, datetime

        from diptych.adapters import journal, verifier_folder
        from diptych.adapters.counters import Counters
        from diptych.adapters.provers.verifier_pool import VerifierPool
        from diptych.adapters.shared_outcomes import SharedOutcomes
        from diptych.adapters.storage.verifier import open_verifier_store
        from diptych.roles.verifier.service import Verifier
        from diptych.web import one_process, one_request, workers
        from diptych.web.admin import build_admin
        from diptych.web.verifier.server import build_server

        settings = read_verifier(folder)
        tls = _tls(settings, host)
        access = _token_access()
        location = settings.database or folder / verifier_folder.DATABASE
        listener = one_request.listen(host or settings.host, settings.port if port is None else port)
        admin_listener = one_request.listen(LOOPBACK, settings.admin_port) if settings.admin_port else None
        context = None if tls is None else tls.context()
        counters = Counters()
        written = journal.Journal(journal.Role.VERIFIER, counters)
        address = listener.getsockname()

        def say_listening() -> None:
            announce(f"Verifier {settings.url} is listening on {address[0]} port {address[1]}")

        def look_over() -> None:
            """What is wrong with the folder is told before anything is started. Migrates, once for all workers."""
            verifier_folder.open_folder(folder, access=access, now=datetime.now(UTC))
            open_verifier_store(location).close()

        def serve(number: int, line: socket.socket | None, is_listening: Callable[[], None]) -> None:
            opened = verifier_folder.open_folder(folder, access=access, now=datetime.now(UTC))
            store = open_verifier_store(location)
            provers = settings.provers or len(os.sched_getaffinity(0))
            pool = VerifierPool(
                workers=workers.share(provers, settings.workers, number), cross_check=settings.cross_check
            )

            def close() -> None:
                pool.close()
                store.close()

            verifier = Verifier(
                url=settings.url,
                party=opened.party,
                policies=opened.policies,
                trust=opened.trust,
                store=store,
                proofs=pool,
                entropy=os.urandom,
                stopwatch=time.perf_counter,
                checks_a_minute=workers.share(settings.checks_a_minute, settings.workers, number),
                outcomes=None if line is None else SharedOutcomes(line),
            )

            def take_on(found: "verifier_folder.OpenedFolder") -> None:
                verifier.take_on(parties=found.parties, policies=found.policies, trust=found.trust)

            take_on(opened)

            def check_ready() -> None:
                verifier.check()
                pool.start()  # what does not run is started; whatever is at work needs no other proof

            server = build_server(
                verifier,
                url=settings.url,
                key_hash=opened.key_hash,
                clock=lambda: datetime.now(UTC),
                on_close=close,
                check_ready=check_ready,
                journal=written,
            )
            pool.start()
            # Keys, trust and questions are the folder's, as it is: nobody waits for a restart to stop believing a lost
            # key.
            verifier_folder.watch(folder, access, lambda: datetime.now(UTC), take_on, written.chore)
            one_process.serve(
                listener,
                server,
                tls=context,
                admin=None if admin_listener is None else (admin_listener, build_admin(counters, check_ready, written)),
                announce=is_listening,
                journal=written,
            )

        if settings.workers == 1:
            written.take_over_logging()
            serve(0, None, say_listening)
            return
        one_request.run_in_child(look_over)
        written.take_over_logging()
        workers.supervise(settings.workers, serve, announce=say_listening, journal=written)

    def new_log(self, folder: Path, origin: str, url: str, witnesses: Sequence[Path], threshold: int) -> None:
        import os

        from diptych.adapters import log_folder

        location, port = _where(url, 8103)
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
        with log_folder.only_process(folder), _opened_log(folder, lambda url, check: None) as (log, _):
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
        from diptych.web.log.pool import Pool
        from diptych.web.log.server import build_server

        settings = read_log(folder)
        tls = _tls(settings, host)
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

        with log_folder.only_process(folder), _opened_log(folder, notice) as (log, files):
            pool = Pool(
                log,
                clock=lambda: datetime.now(UTC),
                seconds=settings.pool_milliseconds / 1000,
                journal=written,
                on_halt=halt,
            )
            server = build_server(
                pool,
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

    def new_witness(self, folder: Path, name: str, url: str) -> None:
        import os

        from diptych.adapters import log_folder

        location, port = _where(url, 8104)
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
        from diptych.roles.witness.service import Witness
        from diptych.web import one_process, one_request
        from diptych.web.admin import build_admin
        from diptych.web.witness.server import build_server

        settings = read_witness(folder)
        tls = _tls(settings, host)
        counters = Counters()
        written = journal.Journal(journal.Role.WITNESS, counters)
        signers = log_folder.read_signers(folder, log_folder.WITNESS)
        logs = log_folder.read_logs(folder)
        with log_folder.only_process(folder):
            store = open_witness_store(settings.database or folder / log_folder.WITNESS_DATABASE)
            try:
                listener = one_request.listen(host or settings.host, settings.port if port is None else port)
                witness = Witness(signers=signers, logs=logs, store=store)
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

    def log_files(self, location: str) -> "LogFiles":
        from diptych.adapters.log_files import open_log_files

        return open_log_files(location)

    def new_wallet(self, folder: Path, passphrase: "Secret", trust: Path, verifier_trust: Path) -> None:
        import os

        from diptych.adapters.keys.file import make_folder
        from diptych.adapters.storage.wallet import create_wallet_store
        from diptych.crypto.passphrase import DEFAULT_HARDNESS
        from diptych.formats.mdoc.trust import parse_trust as parse_issuer_trust
        from diptych.protocols.openid4vp.registration import parse_trust as parse_verifier_trust

        issuers, verifiers = _read_trust(trust), _read_trust(verifier_trust)
        # Before anything is made: a wallet that believes nobody is of no use.
        parse_issuer_trust(issuers)
        parse_verifier_trust(verifiers)
        make_folder(folder)
        store = create_wallet_store(folder / WALLET_FILE, passphrase, hardness=DEFAULT_HARDNESS, entropy=os.urandom)
        self._wallet(store).set_trust(issuers, verifiers)

    def wallet(self, folder: Path, passphrase: "Secret") -> "Wallet":
        import os

        from diptych.adapters.storage.wallet import open_wallet_store

        return self._wallet(open_wallet_store(folder / WALLET_FILE, passphrase, entropy=os.urandom))

    def passphrase_change(self, folder: Path, passphrase: "Secret") -> "Callable[[Secret], None]":
        import os
        from functools import partial

        from diptych.adapters.storage.wallet import open_wallet_store

        store = open_wallet_store(folder / WALLET_FILE, passphrase, entropy=os.urandom)
        return partial(store.change_passphrase, hardness=self.hardness())

    def hardness(self) -> "Hardness":
        from diptych.crypto.passphrase import DEFAULT_HARDNESS

        return DEFAULT_HARDNESS

    def backup_place(self, path: Path) -> "BackupPlace":
        from diptych.adapters.backup_file import BackupFile

        return BackupFile(path)

    def open_backup(self, path: Path, passphrase: "Secret") -> "Backup":
        from diptych.adapters.backup_file import read_backup_file
        from diptych.roles.wallet.backup import open_backup, parse_backup

        return open_backup(parse_backup(read_backup_file(path)), passphrase)

    def expect_no_wallet(self, folder: Path) -> None:
        from diptych.adapters.storage.wallet import expect_no_wallet

        expect_no_wallet(folder / WALLET_FILE)

    def restore_wallet(self, folder: Path, passphrase: "Secret", backup: "Backup", now: "datetime") -> "Wallet":
        import os

        from diptych.adapters.keys.file import make_folder
        from diptych.adapters.storage.wallet import create_wallet_store
        from diptych.roles.wallet.returning import restored

        make_folder(folder)
        entries = restored(backup, now=now, entropy=os.urandom)
        return self._wallet(
            create_wallet_store(
                folder / WALLET_FILE, passphrase, hardness=self.hardness(), entropy=os.urandom, entries=entries
            )
        )

    def set_wallet_aside(self, folder: Path, name: str) -> Path:
        from diptych.adapters.storage.wallet import set_aside

        return set_aside(folder / WALLET_FILE, name)

    @staticmethod
    def _wallet(store: "WalletStore") -> "Wallet":
        import os

        from diptych.adapters.http.lines import HttpIssuerLine, HttpVerifierLine
        from diptych.adapters.provers.prover import DisposableProver
        from diptych.roles.wallet.service import Wallet

        return Wallet(store, HttpIssuerLine(), HttpVerifierLine(), DisposableProver(), os.urandom)


def _issuer_keys(folder: Path) -> "IssuerKeys":
    from diptych.adapters.catalogue_files import load_catalogue
    from diptych.adapters.issuer_keys import IssuerKeys

    settings = read_issuer(folder)
    return IssuerKeys(folder, settings.url, load_catalogue(settings.catalogue), _token_access())


def _token_access() -> "TokenAccess":
    from diptych.adapters.keys.pkcs11_uri import TokenAccess

    settings = read_token()
    return TokenAccess(settings.module, settings.pin, settings.pin_file)


def _where(url: str, port: int) -> tuple[str, int]:
    """The URL as it is kept, and the port to listen on: the URL's own on this machine, else the role's usual one."""
    from diptych.protocols.oauth.url import LOOPBACK_HOSTS, parse_url

    location = parse_url(url.rstrip("/"))
    return location.text, int(location.port) if location.host in LOOPBACK_HOSTS else port


@contextmanager
def _opened_log(folder: Path, notice: Callable[[str, str], None]) -> "Iterator[tuple[Log, TileFolder]]":
    """The log of a folder, with its database open and its witnesses within reach."""
    from diptych.adapters import log_folder
    from diptych.adapters.http.witnesses import HttpWitnesses
    from diptych.adapters.storage.log import open_log_store
    from diptych.adapters.tile_folder import TileFolder
    from diptych.roles.log.model import contacts_of
    from diptych.roles.log.service import Log

    policy = log_folder.read_policy(folder)
    signers = log_folder.read_signers(folder, log_folder.LOG)
    files = TileFolder(folder / log_folder.PUBLIC)
    store = open_log_store(read_log(folder).database or folder / log_folder.LOG_DATABASE)
    witnesses = HttpWitnesses([contact.url for contact in contacts_of(policy)])
    try:
        log = Log(signers=signers, policy=policy, store=store, files=files, witnesses=witnesses, on_witness=notice)
        yield log, files
    finally:
        witnesses.close()
        store.close()


def _tls(
    settings: "IssuerSettings | VerifierSettings | LogSettings | WitnessSettings", host: str | None
) -> "TlsFiles | None":
    """The role's TLS, if it has any; `Refused` where it would listen beyond this machine without."""
    from diptych.adapters.tls import TlsFiles, check_exposure

    certificate, key = settings.tls_certificate, settings.tls_key
    tls = None if certificate is None or key is None else TlsFiles(certificate, key)
    check_exposure(host or settings.host, tls, behind_proxy=settings.behind_proxy)
    return tls


def _check(tls: "TlsFiles") -> None:
    tls.context()


def _read_trust(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError("wallet.trust_file", f"{path.name} cannot be read: {error.strerror}") from error


def main() -> NoReturn:
    """The `diptych` command. Whatever it is told to do, it reads keys, codes or documents: it leaves no core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    terminal.run(application, House())
