"""The verifier, built from its folder: what relying parties ask of it, and its server."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.app.given import read_trust, token_access
from diptych.app.listening import LOOPBACK, role_tls
from diptych.config import SETTINGS_FILE, read_verifier
from diptych.errors import FormatError

if TYPE_CHECKING:
    from diptych.adapters.http.relying_party import RelyingParty
    from diptych.adapters.verifier_keys import PartyFiles
    from diptych.config import VerifierSettings
    from diptych.formats.mdoc.trust import IssuerTrust
    from diptych.private import Secret
    from diptych.protocols.reading.epochs import EpochsInLog
    from diptych.roles.verifier.fast_answer import FastCheck
    from diptych.roles.verifier.model import Verdict
    from diptych.roles.verifier.policy import Policy


class VerifierRoom:
    """Builds verifiers."""

    def new_verifier(
        self,
        folder: Path,
        url: str,
        trust: Path,
        name: str,
        country: str,
        *,
        key: str | None = None,
        log_policy: Path | None = None,
    ) -> Path:
        import json
        import os
        from datetime import UTC, datetime

        from diptych.adapters import log_writer, verifier_folder
        from diptych.protocols.oauth.url import LOOPBACK_HOSTS, parse_url

        log = None if log_policy is None else log_writer.read_policy(log_policy)
        location = parse_url(url.rstrip("/"))
        port = int(location.port) if location.host in LOOPBACK_HOSTS else 8102
        lines = (
            f"url = {json.dumps(location.text)}",
            'host = "127.0.0.1"',
            f"port = {port}",
            "cross_check = false",
            *([] if log is None else [f"log_policy = {json.dumps(log_writer.POLICY)}"]),
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
            log=log,
            key=key,
            access=token_access(),
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
            folder, key=key, access=token_access(), now=datetime.now(UTC), entropy=os.urandom
        )

    def verifier_trust(self, folder: Path, trust: Path) -> "IssuerTrust":
        from diptych.adapters import verifier_folder

        read_verifier(folder)
        return verifier_folder.take_trust(folder, read_trust(trust))

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
        from diptych.adapters.http.epochs import HttpEpochs
        from diptych.adapters.http.status_lists import HttpStatusLists
        from diptych.adapters.provers.verifier_pool import VerifierPool
        from diptych.adapters.shared_outcomes import SharedOutcomes
        from diptych.adapters.storage.verifier import open_verifier_store
        from diptych.roles.verifier.service import Verifier
        from diptych.roles.verifier.statuses import StatusChecks
        from diptych.web import one_process, one_request, workers
        from diptych.web.admin import build_admin
        from diptych.web.verifier.server import build_server

        settings = read_verifier(folder)
        tls = role_tls(settings, host)
        access = token_access()
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
            _log_of_epochs(settings)
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
                statuses=StatusChecks(HttpStatusLists()),
                epochs=HttpEpochs(log=_log_of_epochs(settings)),
                fast_check=_fast_check(settings),
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


def _log_of_epochs(settings: "VerifierSettings") -> "EpochsInLog | None":
    """The public log in which an epoch's key must stand; nothing where the settings name none."""
    from diptych.adapters import log_writer
    from diptych.adapters.log_files import open_log_files
    from diptych.protocols.reading.epochs import EpochsInLog

    if settings.log_policy is None:
        return None
    policy = log_writer.read_policy(settings.log_policy)
    return EpochsInLog(open_log_files(log_writer.address_of(policy, None)), policy)


def _fast_check(settings: "VerifierSettings") -> "FastCheck | None":
    """Answers of the fast suite that come together are checked together; None where each is checked alone."""
    import os
    from functools import partial

    from diptych.adapters.fast_queue import FastQueue
    from diptych.roles.verifier.fast_answer import verify_fast_batch

    if settings.batch_milliseconds == 0:
        return None
    return FastQueue(partial(verify_fast_batch, entropy=os.urandom), seconds=settings.batch_milliseconds / 1000)
