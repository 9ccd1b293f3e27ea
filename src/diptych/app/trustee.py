"""The trustee, built from its folder: what its operator does, and its server."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.app.given import token_access
from diptych.app.listening import LOOPBACK, role_tls, where
from diptych.config import SETTINGS_FILE, read_trustee
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.adapters.month_keys import MonthKeyFolder
    from diptych.adapters.trustee_folder import TrusteeCard
    from diptych.protocols.opening.holding import Review, Reviewed
    from diptych.roles.trustee.changes import Proposed
    from diptych.roles.trustee.model import Consent
    from diptych.roles.trustee.service import QuorumStanding, Trustee, TrusteePolicy

SWEEP_SECONDS = 60.0


class TrusteeRoom:
    """Builds trustees."""

    def new_trustee(
        self,
        folder: Path,
        *,
        name: str,
        url: str,
        agency_key: Path,
        log_policy: Path,
        waiting_hours: int,
        key: str | None,
    ) -> "TrusteeCard":
        from datetime import UTC, datetime

        from diptych.adapters import log_folder, trustee_folder
        from diptych.adapters.keys import file

        location, port = where(url, 8106)
        settings = log_folder.settings_text(name=name, url=location, host=LOOPBACK, port=port)
        return trustee_folder.create(
            folder,
            name=name,
            url=location,
            agency_key=file.read_public_key(agency_key),
            log_policy=log_folder.read_policy_file(log_policy),
            policy=trustee_folder.DEFAULT_POLICY.format(
                waiting_hours=waiting_hours, since=datetime.now(UTC).date().isoformat()
            ),
            settings={SETTINGS_FILE: settings},
            key=key,
            access=token_access(),
        )

    def trustee_policy(self, folder: Path) -> "TrusteePolicy":
        from diptych.adapters import trustee_folder

        read_trustee(folder)
        return trustee_folder.read_policy(folder)

    def trustee_about(self, folder: Path) -> bytes:
        with _opened(folder) as trustee:
            return trustee.about()

    def trustee_reviews(self, folder: Path) -> "Sequence[Reviewed]":
        with _opened(folder) as trustee:
            return trustee.reviews()

    def trustee_review(self, folder: Path, request: bytes, review: "Review") -> "Reviewed":
        import os
        from datetime import UTC, datetime

        with _opened(folder) as trustee:
            return trustee.review(request, review, now=datetime.now(UTC), entropy=os.urandom)

    def trustee_standing(self, folder: Path) -> "QuorumStanding | None":
        with _opened(folder) as trustee:
            return trustee.standing()

    def trustee_changes(self, folder: Path) -> "Sequence[Proposed]":
        with _opened(folder) as trustee:
            return trustee.changes()

    def decide_change(self, folder: Path, change: bytes, consent: "Consent") -> "Proposed":
        import os

        with _opened(folder) as trustee:
            return trustee.decide_change(change, consent, entropy=os.urandom)

    def trustee_months(self, folder: Path) -> Sequence[str]:
        return _months(folder).periods()

    def destroy_months(self, folder: Path, periods: Sequence[str]) -> None:
        months = _months(folder)
        for period in periods:
            months.destroy(period)

    def serve_trustee(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        import os
        import threading
        from datetime import UTC, datetime

        from diptych.adapters import journal
        from diptych.adapters.counters import Counters
        from diptych.web import one_process, one_request
        from diptych.web.admin import build_admin
        from diptych.web.trustee.server import build_server

        settings = read_trustee(folder)
        tls = role_tls(settings, host)
        counters = Counters()
        written = journal.Journal(journal.Role.TRUSTEE, counters)
        stopping = threading.Event()
        with _opened(folder) as trustee:

            def sweep() -> None:
                while not stopping.wait(SWEEP_SECONDS):
                    try:
                        trustee.sweep(datetime.now(UTC))
                    except DiptychError as error:
                        written.chore(error)  # it is tried again in a minute

            listener = one_request.listen(host or settings.host, settings.port if port is None else port)
            admin = None
            if settings.admin_port:
                admin_listener = one_request.listen(LOOPBACK, settings.admin_port)
                admin = (admin_listener, build_admin(counters, trustee.check, written))
            written.take_over_logging()
            address = listener.getsockname()
            sweeper = threading.Thread(target=sweep, name="sweep", daemon=True)
            sweeper.start()
            try:
                one_process.serve(
                    listener,
                    build_server(trustee, clock=lambda: datetime.now(UTC), entropy=os.urandom, journal=written),
                    tls=None if tls is None else tls.context(),
                    admin=admin,
                    announce=lambda: announce(
                        f"Trustee {settings.name} is listening on {address[0]} port {address[1]}"
                    ),
                    journal=written,
                )
            finally:
                stopping.set()
                sweeper.join()


def _months(folder: Path) -> "MonthKeyFolder":
    import os

    from diptych.adapters import trustee_folder
    from diptych.adapters.month_keys import MonthKeyFolder

    read_trustee(folder)
    return MonthKeyFolder(folder / trustee_folder.MONTHS, os.urandom)


@contextmanager
def _opened(folder: Path) -> "Iterator[Trustee]":
    """The trustee of a folder, with its database open. Commands may stand beside the server: each is a transaction."""
    import os

    from diptych.adapters import trustee_folder
    from diptych.adapters.month_keys import MonthKeyFolder
    from diptych.adapters.storage.trustee import open_trustee_store
    from diptych.roles.trustee.service import Trustee

    settings = read_trustee(folder)
    store = open_trustee_store(settings.database or folder / trustee_folder.DATABASE)
    try:
        yield Trustee(
            name=settings.name,
            signer=trustee_folder.read_signer(folder, settings.key, token_access()),
            recipient=trustee_folder.read_recipient(folder),
            policy=trustee_folder.read_policy(folder),
            store=store,
            keys=MonthKeyFolder(folder / trustee_folder.MONTHS, os.urandom),
        )
    finally:
        store.close()
