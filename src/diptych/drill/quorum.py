"""The register as processes: a log under two witnesses, a registry with its key service, five trustees, and an officer.

A few people of the town are enrolled through all of them over HTTP, and one is opened, so that everything which passes
through a living process has passed. What is attacked here is their memory, their files and what they answer.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import httpx

from diptych.adapters.canary_search import marks_in
from diptych.cli import demo_processes, demo_registry
from diptych.cli.demo_log import LogChapter
from diptych.cli.demo_processes import Commands
from diptych.cli.demo_registry import FOLDERS, RegistryChapter
from diptych.drill.attacker.keys import keys_in
from diptych.drill.attacker.memory import whole_memory
from diptych.drill.attacker.records import open_records
from diptych.drill.cores import Cores, parts
from diptych.drill.sealing import status_of
from diptych.drill.town.marks import MARK
from diptych.drill.town.people import Person, Town
from diptych.errors import DiptychError, Unavailable
from diptych.roles.officer.counter import Reason

if TYPE_CHECKING:
    from diptych.cli.rooms import Rooms

ENROLLED, QUOTA = 4, 2
REGISTRY, DATABASE = "registry", "registry.db"
SHIPPED_QUOTA, WANTED_QUOTA = "officer = 20", f"officer = {QUOTA + 1}"
"""One more than the thief may have: whoever sets everything up opens one record first."""
KEYS_A_FILE = 900
STATE_SECONDS = 60
NOTICED = "role.rolled_back"


@dataclass
class Quorum:
    """Seven servers in `folder`, the log and witnesses beside them, and who is in the register."""

    folder: Path
    town: Town
    commands: Commands
    rooms: "Rooms"
    log: str
    registry: str
    """Where log and registry answer."""
    people: dict[bytes, Person] = field(default_factory=dict)
    dumps: dict[str, tuple[set[bytes], set[str]]] = field(default_factory=dict, repr=False)
    """What each server's memory held when it was first taken: anything like a key, and anything like a canary."""

    @property
    def database(self) -> Path:
        """What the registry has."""
        return self.folder / REGISTRY / DATABASE

    @property
    def server_folders(self) -> list[Path]:
        """The folder of every server."""
        return [self.folder / role for role in self.commands.servers]

    def thieves_of(self, names: Sequence[str], cores: Cores) -> tuple[int, set[str]]:
        """Whoever has these servers wholly, memory and files: how many records open, and every canary that was read."""
        missing = [name for name in names if name not in self.dumps]
        self.dumps |= zip(missing, cores.each(dump, [self.commands.servers[name].pid for name in missing]), strict=True)
        loot = self.folder / "loot" / "-".join(names)
        loot.mkdir(parents=True, exist_ok=True)
        keys = sorted({key.hex() for name in names for key in self.dumps[name][0]})
        for number, some in enumerate(parts(len(keys), KEYS_A_FILE)):
            (loot / f"keys-{number}").write_text("\n".join(keys[some.start : some.stop]))
        opened = open_records(self.database, [*(self.folder / name for name in names), loot], cores)
        read = marks_in(b"\0".join(opened), MARK).union(*(self.dumps[name][1] for name in names))
        return len(opened), read & self.town.canaries

    def open_everybody(self) -> tuple[int, float | None]:
        """The officer asks for every record there is: how many open, and when the log shows the first request."""
        opened, seen_after = 0, None
        with self.rooms.workstation(self.folder / "officer") as workstation, self._watched() as watched:
            for record_id in self.people:
                with suppress(DiptychError):
                    workstation.open(record_id, _reason(), now=datetime.now(UTC), entropy=os.urandom)
                    opened += 1
                seen_after = seen_after or watched.seen_after
        return opened, seen_after

    def put_back(self) -> float | None:
        """The registry's database of before its last start takes its place: seconds until that is noticed, if it is.

        It is left as it was found. Whatever else keeps the registry from starting is raised: nobody noticed anything.
        """
        before, newest = self.folder / "registry-before", self.folder / "registry-newest"
        self._stop_registry(before)
        self.commands.serve(REGISTRY, self.registry)
        self._wait_for_state()
        self._stop_registry(newest)
        self._replace_database(before)
        started, seen_after = time.monotonic(), None
        try:
            self.commands.serve(REGISTRY, self.registry)
            self.commands.stop(REGISTRY)
        except Unavailable as refused:
            if NOTICED not in str(refused):
                raise
            seen_after = time.monotonic() - started
        self._replace_database(newest)
        self.commands.serve(REGISTRY, self.registry)
        return seen_after

    def _stop_registry(self, copy: Path) -> None:
        self.commands.stop(REGISTRY)
        copy.mkdir(exist_ok=True)
        for file in self.database.parent.glob(f"{DATABASE}*"):
            shutil.copy(file, copy)

    def _replace_database(self, copy: Path) -> None:
        for file in self.database.parent.glob(f"{DATABASE}*"):
            file.unlink()
        for file in copy.iterdir():
            shutil.copy(file, self.database.parent)

    def _wait_for_state(self) -> None:
        deadline = time.monotonic() + STATE_SECONDS
        with closing(sqlite3.connect(self.database)) as database:
            while database.execute("SELECT is_recorded FROM public_state").fetchone() != (1,):
                if time.monotonic() > deadline:
                    raise Unavailable("drill.registry", "the registry records no state in the log")
                time.sleep(0.05)

    @contextmanager
    def _watched(self) -> Iterator["Watch"]:
        watch = Watch(f"{self.log}/checkpoint")
        thread = Thread(target=watch.look, daemon=True)
        thread.start()
        try:
            yield watch
        finally:
            watch.is_over.set()
            thread.join()


def dump(process_id: int) -> tuple[set[bytes], set[str]]:
    """A process's memory, and its children's: everything that might be a key or is planted."""
    memory = whole_memory(process_id)
    return keys_in(memory), marks_in(memory, MARK)


@dataclass
class Watch:
    """Anybody, who looks at the log's checkpoint again and again."""

    url: str
    started: float = field(default_factory=time.monotonic)
    seen_after: float | None = None
    is_over: Event = field(default_factory=Event)

    def look(self) -> None:
        """Until it is another, or the watch is over."""
        with httpx.Client(trust_env=False) as session:
            before = session.get(self.url).content
            while not self.is_over.wait(0.02):
                if session.get(self.url).content != before:
                    self.seen_after = time.monotonic() - self.started
                    return


@contextmanager
def set_up(folder: Path, town: Town, rooms: "Rooms", commands: Commands) -> Iterator[Quorum]:
    """All of it, until the block ends. The folder stays."""
    log, *witnesses, registry = (f"http://127.0.0.1:{port}" for port in demo_processes.free_ports(4))
    trustees = [f"http://127.0.0.1:{port}" for port in demo_processes.free_ports(len(FOLDERS))]
    with commands:
        chapter = LogChapter(commands, log, witnesses)
        chapter.make()
        officer = commands.run("officer", "init", "officer", "--issuer", "http://127.0.0.1:9")
        register = RegistryChapter(commands, registry, trustees, chapter.policy, log, str(officer["public_key"]))
        register.make()
        for name in (REGISTRY, *FOLDERS):
            policy = folder / name / "policy.toml"
            policy.write_text(policy.read_text().replace(SHIPPED_QUOTA, WANTED_QUOTA))
        chapter.start([(demo_registry.WRITER, actor) for actor in demo_registry.ACTORS])
        register.start()
        quorum = Quorum(folder, town, commands, rooms, log, registry)
        _enrol(quorum)
        yield quorum


def _enrol(quorum: Quorum) -> None:
    with quorum.rooms.workstation(quorum.folder / "officer") as workstation:
        strangers = {person.family_name: person for person in quorum.town.arrivals()}  # nobody's homonym or twin
        for person in list(strangers.values())[:ENROLLED]:
            status, now = status_of(person), datetime.now(UTC)
            found = workstation.find(status, legal_basis="enrolment", now=now, entropy=os.urandom)
            enrolled = workstation.enrol(
                found,
                status=status,
                documents=(),
                references=(),
                document_type="identity-card",
                now=now,
                entropy=os.urandom,
            )
            quorum.people[enrolled.record_id] = person
        workstation.open(next(iter(quorum.people)), _reason(), now=datetime.now(UTC), entropy=os.urandom)


def _reason() -> Reason:
    return Reason("reissue", "a new card after a lost wallet, with the citizen present", "2026-0001", None)
