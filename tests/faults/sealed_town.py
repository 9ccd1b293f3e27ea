"""The sealed registry as real processes on one machine: a log under two witnesses, a registry, three trustees of whom
any two open, and an officer at a workstation. Whoever is to be killed is a process; whoever tests sits at the counter.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

from diptych.app.officer import OfficerRoom
from diptych.formats.order.documents import OrderedDocument
from diptych.private import Personal
from diptych.roles.officer.workstation import Workstation
from tests.faults.town import Server, rows
from tests.log_processes import LogProcesses, free_port, run

NAMES = ("Notaries", "Auditors", "Archives")
THRESHOLD = 2
ROLES = ("enrol", "find", "open", "correct", "erase")
DELIVERY_SECONDS = 30
QUOTA = re.compile(r"(officer|agency|officer_a_day|agency_a_day) = [0-9]+")
LICENCE = OrderedDocument(
    "driving-licence",
    {"family_name": Personal("Le Goff-Dupont")},
    datetime.now(UTC).replace(microsecond=0) + timedelta(days=365),
)


class SealedTown:
    """Everybody, founded and running. Nobody waits 48 hours here, and nobody's quota ends a story."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = LogProcesses(folder / "log")
        self.officer = folder / "officer"
        self.registry = Server("registry", folder / "registry", f"http://127.0.0.1:{free_port()}")
        self.trustees = [
            Server("trustee", folder / f"t{number}" / "trustee", f"http://127.0.0.1:{free_port()}")
            for number in range(1, len(NAMES) + 1)
        ]

    @property
    def key(self) -> Path:
        """The officer's public key."""
        return self.officer / "officer.pub.pem"

    def found(self) -> None:
        believed = ("--log-policy", self.log.policy)
        self._make("registry", "init", self.registry.folder, "--url", self.registry.url, *believed)
        agency = ("--agency", self.registry.folder / "agency.pem")
        for name, trustee in zip(NAMES, self.trustees, strict=True):
            trustee.folder.parent.mkdir()
            self._make("trustee", "init", trustee.folder, "--name", name, "--url", trustee.url, *agency, *believed)
        self.officer.mkdir()
        run("officer", "init", self.officer)
        run("officer", "join", self.officer, "--registry", self.registry.url, *agency, *believed)
        for actor in ("agency", "registry", "officer"):
            self.log.admit(self.registry.folder / "log.pub.pem", actor)
        self.log.start()
        for server in (*self.trustees, self.registry):
            server.start()
        cards = [trustee.folder / "trustee.json" for trustee in self.trustees]
        run("registry", "ceremony", self.registry.folder, *cards, "--threshold", THRESHOLD)
        self.certify()

    def certify(self, key: Path | None = None) -> str:
        """An officer may do everything from now on; the key's fingerprint."""
        roles = [word for role in ROLES for word in ("--role", role)]
        return str(run("registry", "certify", self.registry.folder, key or self.key, *roles)["officer"])

    def stop(self) -> None:
        for server in (self.registry, *self.trustees):
            server.stop()
        self.log.stop()

    @contextmanager
    def counter(self) -> Iterator[Workstation]:
        """The officer's workstation."""
        with OfficerRoom().workstation(self.officer) as workstation:
            yield workstation

    def wait_until_told(self) -> None:
        """Until every holder was shown what it has to see."""
        deadline = monotonic() + DELIVERY_SECONDS
        while rows(self.registry.database, "SELECT count(*) FROM deliveries") != [(0,)]:
            assert monotonic() < deadline, self.registry.log.read_text()
            sleep(0.05)

    def _make(self, *words: object) -> None:
        """A role, with a policy under which a whole run of tests is one day's work."""
        run(*words, "--waiting-hours", 0)
        policy = Path(str(words[2])) / "policy.toml"
        policy.write_text(QUOTA.sub(r"\1 = 1000000", policy.read_text(encoding="utf-8")), encoding="utf-8")


def now() -> datetime:
    """The machine's."""
    return datetime.now(UTC).replace(microsecond=0)


def entropy(count: int) -> bytes:
    """The machine's."""
    return os.urandom(count)
