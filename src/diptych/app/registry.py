"""The registry, built from its folder: founding it with its trustees, certifying officers, and its server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.app.given import token_access
from diptych.app.listening import LOOPBACK, role_tls, where
from diptych.config import SETTINGS_FILE, read_registry
from diptych.errors import DiptychError, FormatError

if TYPE_CHECKING:
    from datetime import timedelta

    from diptych.adapters.http.trustees import HttpTrustees
    from diptych.formats.mandate.officer import Role
    from diptych.formats.mandate.trustee_set import TrusteeSet
    from diptych.protocols.reading.states import PublicStates
    from diptych.roles.registry.changing import Changed
    from diptych.roles.registry.revoking import Revoked
    from diptych.roles.registry.service import Registry

CHORE_SECONDS = 5.0
DELIVERIES_AT_ONCE = 1000
RECORD_SECONDS = 15.0


class RegistryRoom:
    """Builds registries."""

    def new_registry(
        self,
        folder: Path,
        *,
        url: str,
        log_policy: Path,
        log_url: str | None,
        purposes: Sequence[str],
        waiting_hours: int,
        key: str | None,
    ) -> None:
        import os
        from datetime import UTC, datetime

        from diptych.adapters import log_writer, registry_folder, trustee_folder

        location, port = where(url, 8105)
        registry_folder.create(
            folder,
            purposes=purposes,
            policy=trustee_folder.HOLDER_POLICY.format(
                waiting_hours=waiting_hours, since=datetime.now(UTC).date().isoformat()
            ),
            log_policy=log_writer.read_policy(log_policy),
            log_url=log_url,
            settings=(SETTINGS_FILE, log_writer.settings_text(url=location, host=LOOPBACK, port=port)),
            key=key,
            access=token_access(),
            entropy=os.urandom,
        )

    def found_trustees(
        self,
        folder: Path,
        cards: Sequence[Path],
        *,
        threshold: int,
        spares: int,
        progress: Callable[[str], None],
    ) -> "TrusteeSet":
        """One key ceremony for each lookup purpose, and the trustee set of epoch 1, logged and shown to everyone."""
        import os
        from datetime import UTC, datetime

        from diptych.adapters import registry_folder, trustee_folder
        from diptych.crypto.lookup_prf import PurposeKey
        from diptych.crypto.signing import fingerprint
        from diptych.formats.mandate.trustee_set import TRUSTEE_SET, Trustee, TrusteeSet
        from diptych.protocols.ceremony.channel import Channel
        from diptych.protocols.ceremony.conducting import conduct
        from diptych.protocols.ceremony.statements import CEREMONY_CALL, CeremonyCall
        from diptych.roles.registry.publishing import deliver_waiting, publish_set

        settings = read_registry(folder)
        agency = registry_folder.read_signer(folder, settings.agency_key, token_access())
        service = registry_folder.read_signer(folder, settings.service_key, token_access())
        known = [trustee_folder.parse_card(card.read_bytes()) for card in cards]
        indices = tuple(range(1, len(known) + 1))
        with _opened(folder) as (registry, trustees):
            keys: list[PurposeKey] = []
            for purpose in registry.peppers.by_purpose:
                call = CeremonyCall(
                    fingerprint(agency.public_key),
                    purpose,
                    threshold,
                    os.urandom(32),
                    {index: card.signer for index, card in zip(indices, known, strict=True)},
                    indices,
                    indices,
                    None,
                )
                progress(f"Key ceremony of {len(known)} trustees for {purpose}, of whom any {threshold} can answer.")
                conducted = conduct(
                    Channel(CEREMONY_CALL.sign(call, signer=agency)),
                    ask=lambda index, channel: trustees.ask_at(known[index - 1].url, "ceremonies", channel),
                    agency=agency,
                    now=lambda: datetime.now(UTC),
                    keep=lambda channel: None,  # a ceremony that founds a registry begins anew
                )
                for index, fault in {**conducted.silent, **conducted.outcome.faults}.items():
                    progress(f"{known[index - 1].name}: {fault}")
                keys.append(conducted.outcome.key)
            made = TrusteeSet(
                fingerprint(agency.public_key),
                1,
                threshold,
                tuple(
                    Trustee(index, card.name, card.url, card.signer, card.recipient)
                    for index, card in zip(indices, known, strict=True)
                ),
                tuple(range(len(known) + 1, len(known) + spares + 1)),
                registry_folder.read_recipient(folder).public_key,
                service.public_key,
                tuple(keys),
            )
            publish_set(registry, TRUSTEE_SET.sign(made, signer=agency), now=datetime.now(UTC), entropy=os.urandom)
            deliver_waiting(
                registry, trustees, most=DELIVERIES_AT_ONCE, notice=lambda name, check: progress(f"{name}: {check}")
            )
        return made

    def change_trustees(
        self,
        folder: Path,
        newcomers: "Mapping[str, Path] | None",
        *,
        goes_on: bool,
        progress: Callable[[str], None],
    ) -> "Changed":
        """Replace trustees, by name or index, by those of these cards; none: refresh the lookup keys."""
        import os
        from datetime import UTC, datetime

        from diptych.adapters import registry_folder, trustee_folder
        from diptych.formats.mandate.trustee_set import Trustee
        from diptych.roles.registry import changing

        settings = read_registry(folder)
        agency = registry_folder.read_signer(folder, settings.agency_key, token_access())
        with _opened(folder) as (registry, trustees):
            if newcomers is not None and not (goes_on and changing.under_way(registry) is not None):
                coming: dict[int, Trustee] = {}
                for lost, card in newcomers.items():
                    known = trustee_folder.parse_card(card.read_bytes())
                    index = changing.index_of(registry, lost)
                    coming[index] = Trustee(index, known.name, known.url, known.signer, known.recipient)
                changing.begin(registry, coming, agency=agency, now=datetime.now(UTC), entropy=os.urandom)
            return changing.carry_out(
                registry,
                trustees,
                agency=agency,
                clock=lambda: datetime.now(UTC),
                entropy=os.urandom,
                said=progress,
            )

    def abandon_change(self, folder: Path, progress: Callable[[str], None]) -> None:
        """Give up a change of the trustee set that is not public yet."""
        from datetime import UTC, datetime

        from diptych.adapters import registry_folder
        from diptych.roles.registry import changing

        settings = read_registry(folder)
        agency = registry_folder.read_signer(folder, settings.agency_key, token_access())
        with _opened(folder) as (registry, trustees):
            changing.abandon(registry, trustees, agency=agency, clock=lambda: datetime.now(UTC), said=progress)

    def certify_officer(
        self,
        folder: Path,
        key_file: Path,
        *,
        roles: "Sequence[Role]",
        validity: "timedelta",
        progress: Callable[[str], None],
    ) -> bytes:
        """Certify an officer's key: logged, and shown to every holder; its fingerprint."""
        import os
        from datetime import UTC, datetime

        from diptych.adapters import registry_folder
        from diptych.adapters.keys import file
        from diptych.crypto.signing import fingerprint
        from diptych.formats.mandate.officer import OFFICER_CERTIFICATE, OfficerCertificate
        from diptych.roles.registry.publishing import deliver_waiting, publish_officer

        settings = read_registry(folder)
        agency = registry_folder.read_signer(folder, settings.agency_key, token_access())
        now = datetime.now(UTC).replace(microsecond=0)
        officer_key = file.read_public_key(key_file)
        certificate = OfficerCertificate(
            fingerprint(agency.public_key), officer_key, frozenset(roles), now, now + validity
        )
        with _opened(folder) as (registry, trustees):
            publish_officer(registry, OFFICER_CERTIFICATE.sign(certificate, signer=agency), now=now, entropy=os.urandom)
            deliver_waiting(
                registry, trustees, most=DELIVERIES_AT_ONCE, notice=lambda name, check: progress(f"{name}: {check}")
            )
        return fingerprint(officer_key)

    def revoke_officer(self, folder: Path, officer: bytes, *, progress: Callable[[str], None]) -> "Revoked":
        """End the key of this fingerprint: here at once, and at every trustee as soon as it answers."""
        from datetime import UTC, datetime

        from diptych.adapters import registry_folder
        from diptych.crypto.signing import fingerprint
        from diptych.formats.mandate.officer import OFFICER_REVOCATION, OfficerRevocation
        from diptych.roles.registry.revoking import revoke_officer

        agency = registry_folder.read_signer(folder, read_registry(folder).agency_key, token_access())
        now = datetime.now(UTC).replace(microsecond=0)
        revocation = OfficerRevocation(fingerprint(agency.public_key), officer, now)
        with _opened(folder) as (registry, trustees):
            return revoke_officer(
                registry,
                OFFICER_REVOCATION.sign(revocation, signer=agency),
                trustees,
                now=now,
                most=DELIVERIES_AT_ONCE,
                notice=lambda name, check: progress(f"{name}: {check}"),
            )

    def declare_registry_restored(self, folder: Path) -> None:
        """What the log shows of the time since its database's copy does not stop the registry's next start."""
        with _opened(folder) as (registry, _), registry.store.transaction() as state:
            state.keep_state(replace(state.kept_state(), is_restored=True))

    def serve_registry(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        import os
        import threading
        from datetime import UTC, datetime

        from diptych.adapters import journal
        from diptych.adapters.counters import Counters
        from diptych.roles.registry.acts import record_waiting
        from diptych.roles.registry.publishing import deliver_waiting, disclose_due
        from diptych.web import one_process, one_request
        from diptych.web.admin import build_admin
        from diptych.web.registry.server import build_server

        settings = read_registry(folder)
        tls = role_tls(settings, host)
        counters = Counters()
        written = journal.Journal(journal.Role.REGISTRY, counters)
        is_stopping, is_wanted = threading.Event(), threading.Event()
        with _opened(folder) as (registry, trustees):
            states = _states_in_log(folder, registry)
            states.check()  # is the database the newest? Asked of the log before anybody is answered
            states.count_start(datetime.now(UTC))

            def look_after() -> None:
                while not is_stopping.is_set():
                    is_wanted.wait(CHORE_SECONDS)
                    is_wanted.clear()
                    try:
                        registry.store.forget_expired(datetime.now(UTC))  # first: it needs no log
                        states.record_due(datetime.now(UTC))
                        record_waiting(registry.store, registry.log)
                        disclose_due(registry, now=datetime.now(UTC), entropy=os.urandom)
                        deliver_waiting(
                            registry,
                            trustees,
                            most=DELIVERIES_AT_ONCE,
                            notice=lambda name, check: written.chore(FormatError(check, "a holder refused")),
                        )
                    except DiptychError as error:
                        written.chore(error)  # it is tried again in a moment

            listener = one_request.listen(host or settings.host, settings.port if port is None else port)
            admin = None
            if settings.admin_port:
                admin_listener = one_request.listen(LOOPBACK, settings.admin_port)
                admin = (admin_listener, build_admin(counters, registry.check, written))
            written.take_over_logging()
            address = listener.getsockname()
            is_wanted.set()  # what the last one left undone
            caretaker = threading.Thread(target=look_after, name="look after", daemon=True)
            caretaker.start()
            try:
                one_process.serve(
                    listener,
                    build_server(
                        registry,
                        clock=lambda: datetime.now(UTC),
                        entropy=os.urandom,
                        journal=written,
                        on_change=is_wanted.set,
                    ),
                    tls=None if tls is None else tls.context(),
                    admin=admin,
                    announce=lambda: announce(
                        f"Registry {settings.url} is listening on {address[0]} port {address[1]}"
                    ),
                    journal=written,
                )
            finally:
                is_stopping.set()
                is_wanted.set()
                caretaker.join()


def _states_in_log(folder: Path, registry: "Registry") -> "PublicStates":
    """How far this registry has come in its log."""
    from diptych.adapters import log_writer
    from diptych.formats.tlog.entry import ActorClass

    settings = read_registry(folder)
    return log_writer.open_states(
        folder,
        log_writer.read_policy(settings.log_policy),
        actor=ActorClass.REGISTRY,
        store=registry.store,
        record=registry.log.recorder.record,
        url=settings.log,
        key=settings.log_key,
        access=token_access(),
    )


@contextmanager
def _opened(folder: Path) -> "Iterator[tuple[Registry, HttpTrustees]]":
    """The registry of a folder, with its database open and log and trustees in reach. Commands may stand beside it."""
    from diptych.adapters import log_writer, registry_folder
    from diptych.adapters.http.trustees import HttpTrustees
    from diptych.adapters.log_files import open_log_files
    from diptych.adapters.log_history import FileHistory
    from diptych.adapters.storage.registry import open_registry_store
    from diptych.roles.registry.acts import PublicLog
    from diptych.roles.registry.service import Registry

    settings = read_registry(folder)
    log_policy = log_writer.read_policy(settings.log_policy)
    recorder = log_writer.open_recorder(
        folder, log_policy, url=settings.log, key=settings.log_key, access=token_access(), seconds=RECORD_SECONDS
    )
    files = open_log_files(log_writer.address_of(log_policy, settings.log))
    store = open_registry_store(settings.database or folder / registry_folder.DATABASE)
    trustees = HttpTrustees()
    try:
        yield (
            Registry(
                registry_folder.read_signer(folder, settings.service_key, token_access()),
                registry_folder.read_recipient(folder),
                registry_folder.read_peppers(folder),
                registry_folder.read_policy(folder, log_policy),
                store,
                PublicLog(recorder, FileHistory(files), log_policy.digest),
            ),
            trustees,
        )
    finally:
        trustees.close()
        recorder.close()
        store.close()
