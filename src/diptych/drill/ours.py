"""Diptych itself, as it is attacked: real commands, real processes, real databases, and the whole town in it.

A public log with two witnesses, an issuer, a verifier, an officer. Everybody in town gets an order approved, in the
order in which they come to the counter; a few redeem theirs with a wallet. A build with a change (`builds`) has a
smaller town and, where the log does not matter to what is shown, none.
"""

import json
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING

from diptych.adapters.canary_search import files_below, marks_in
from diptych.cli import demo, demo_processes
from diptych.cli.demo_log import LogChapter
from diptych.cli.demo_processes import Commands
from diptych.drill.attacker.joining import NOBODY, Row
from diptych.drill.attacker.wire import recorded
from diptych.drill.cores import Cores, parts
from diptych.drill.town.marks import MARK
from diptych.drill.town.people import Person, Town
from diptych.errors import Unavailable
from diptych.formats.order.codes import code_hash
from diptych.private import Secret

if TYPE_CHECKING:
    from diptych.cli.rooms import Rooms
    from diptych.roles.wallet.service import Wallet

SQLITE = b"SQLite format 3\0"
OVER_HTTP = 30
"""So many orders travel; the observer records them."""
SAID_EVERY = 1000


def program_of(change: str | None, module: str = "diptych") -> Sequence[str]:
    """A program of ours, or the same with one change."""
    changed = () if change is None else ("diptych.drill.builds", change)
    return (sys.executable, "-m", *changed, module)


@dataclass(frozen=True)
class Approved:
    """What the officer gave one person at the counter."""

    person: Person
    link: str = field(repr=False)
    code: Secret = field(repr=False)
    tx_code: Secret = field(repr=False)


@dataclass
class Ours:
    """One running Diptych with a town in it."""

    folder: Path
    town: Town
    commands: Commands
    rooms: "Rooms"
    approved: list[Approved] = field(default_factory=list)
    wallets: dict[int, Path] = field(default_factory=dict)

    @property
    def server_folders(self) -> list[Path]:
        """The folder of every role that runs as a server."""
        return [self.folder / role for role in self.commands.servers]

    @property
    def traffic(self) -> Path:
        """What an observer of the officer's lines has recorded."""
        return self.folder / "recorded-traffic"

    @property
    def databases(self) -> list[Path]:
        """Every SQLite file of a server, with what lies beside it: write-ahead logs, shared memory, temporary files."""
        found = [path for path in files_below(self.server_folders) if _starts_with(path, SQLITE)]
        beside = [path.with_name(path.name + end) for path in found for end in ("-wal", "-shm", "-journal")]
        temporary = [folder / "tmp" for folder in self.server_folders]
        return [path for path in (*found, *beside, *temporary) if path.exists()]

    @cached_property
    def truth(self) -> Mapping[bytes, int]:
        """Whose row has these bytes in it: for keeping score alone."""
        return {code_hash(approved.code): approved.person.number for approved in self.approved}

    @property
    def urls(self) -> list[str]:
        """Where its servers listen, as their settings say."""
        settings = [tomllib.loads((folder / "settings.toml").read_text()) for folder in self.server_folders]
        return [one["url"] for one in settings if "url" in one]

    def wallet(self, number: int) -> "Wallet":
        """Somebody's wallet, unlocked by them."""
        return self.rooms.wallet(self.wallets[number], Secret(demo.PASSPHRASE.encode()))

    def rows(self, cores: Cores) -> list[Row]:
        """Every row of every server's database that is about somebody of the town, as bytes and nothing more."""
        databases = [path for path in self.databases if path.suffix in (".db", ".sqlite")]
        jobs = [job for path in databases for job in tables_of(path)]
        rows = (row for some in cores.each(rows_of, jobs) for row in some)
        owned = ((next((self.truth[tag] for tag in row.tags.values() if tag in self.truth), None), row) for row in rows)
        return [replace(row, truth=owner) for owner, row in owned if owner is not None]


@contextmanager
def set_up(
    folder: Path,
    town: Town,
    rooms: "Rooms",
    *,
    say: Callable[[str], None],
    change: str | None = None,
    with_log: bool = False,
    redeeming: int = 0,
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[Ours]:
    """Diptych, or a changed build, in `folder` until the end of the block. The folder stays.

    `meanwhile` is done while the counter is busy.
    """
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        commands = stack.enter_context(quiet_commands(folder, change))
        ours = Ours(folder, town, commands, rooms)
        _set_up_roles(commands, with_log=with_log)
        _approve_everybody(ours, change, say, meanwhile)
        for approved in ours.approved[:redeeming]:
            ours.wallets[approved.person.number] = redeem(ours, approved)
        yield ours


def quiet_commands(folder: Path, change: str | None = None) -> Commands:
    """The commands of the program, or of a changed build, typed in a folder."""
    environment = {"DIPTYCH_WALLET_PASSPHRASE": demo.PASSPHRASE}
    return Quietly(folder, environment, quiet=True, program=program_of(change))


class Quietly(Commands):
    """The demo's commands without its story."""

    def say(self, line: str) -> None:
        """Nothing."""


def redeem(ours: Ours, approved: Approved) -> Path:
    """A wallet of this person's own with the documents in it, made by the commands; its folder."""
    name = f"wallet-{approved.person.number}"
    log = ours.folder / "log" / "policy"
    receipts = ("--log-policy", str(log)) if log.exists() else ("--without-log",)
    trust = ("--trust", "issuer/trust.json", "--verifier-trust", "verifier/verifier-trust.json", *receipts)
    ours.commands.run("wallet", "init", "--wallet", name, *trust)
    codes = ("--tx-code", approved.tx_code.reveal().decode())
    ours.commands.run("wallet", "accept", approved.link, *codes, "--wallet", name, "--yes")
    return ours.folder / name


def tables_of(database: Path) -> list[tuple[Path, str, range]]:
    """Every table of a database, in parts."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}
    connection.close()
    return [(database, table, some) for table, count in counts.items() for some in parts(count)]


def rows_of(job: tuple[Path, str, range]) -> list[Row]:
    """Rows from the file alone: what lies in a column tells what the thief can do with it. Whose, is not known here."""
    database, table, some = job
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        cursor = connection.execute(f'SELECT * FROM "{table}" LIMIT ? OFFSET ?', [len(some), some.start])
        names = [column[0] for column in cursor.description]
        found = [_row(some.start + place, dict(zip(names, values, strict=True))) for place, values in enumerate(cursor)]
    connection.close()
    return found


def _row(position: int, values: Mapping[str, object]) -> Row:
    blobs = [value for value in values.values() if isinstance(value, bytes)]
    return Row(
        truth=NOBODY,
        position=position,
        time=max((value for value in values.values() if isinstance(value, int) and value > 10**9), default=0),
        size=sum(len(blob) for blob in blobs),
        tags={name: value for name, value in values.items() if isinstance(value, bytes) and len(value) <= 64},
        content=frozenset(mark for blob in blobs for mark in marks_in(blob, MARK)),
    )


def _set_up_roles(commands: Commands, *, with_log: bool) -> None:
    """Their folders and keys, made by the commands that a person would type; then they run."""
    issuer, verifier, log, *witnesses = (f"http://127.0.0.1:{port}" for port in demo_processes.free_ports(5))
    chapter = LogChapter(commands, log, witnesses)
    if with_log:
        chapter.make()
    record = ("--log-policy", chapter.policy) if with_log else ("--without-log",)
    officer = commands.run("officer", "init", "officer", "--issuer", issuer)
    commands.run("issuer", "init", "issuer", "--url", issuer, "--officer-key", str(officer["public_key"]), *record)
    commands.run("verifier", "init", "verifier", "--url", verifier, "--trust", "issuer/trust.json")
    if with_log:
        chapter.start([("issuer/log.pub.pem", "issuer")])
        commands.serve("verifier", verifier)
    commands.serve("issuer", issuer)


def _approve_everybody(
    ours: Ours, change: str | None, say: Callable[[str], None], meanwhile: Callable[[], object]
) -> None:
    issuer = ours.rooms.officer(ours.folder / "officer", None).issuer
    people = {person.number: person for person in ours.town.people}
    with recorded(int(issuer.rpartition(":")[2]), ours.traffic) as relay:
        arguments = [str(ours.folder), ours.town.seed, str(len(people)), relay.url, str(OVER_HTTP)]
        with subprocess.Popen(
            [*program_of(change, "diptych.drill.counter"), *arguments], stdout=subprocess.PIPE, text=True
        ) as counter:
            assert counter.stdout is not None
            listener = Thread(target=_listen, args=(ours, counter.stdout, people, say), daemon=True)
            listener.start()
            try:
                meanwhile()
            finally:
                listener.join()
    if len(ours.approved) != len(people):
        raise Unavailable("drill.counter", "the officer's counter stopped before everybody had been there")


def _listen(ours: Ours, lines: IO[str], people: Mapping[int, Person], say: Callable[[str], None]) -> None:
    for number, line in enumerate(lines, 1):
        told = json.loads(line)
        codes = Secret(told["code"].encode()), Secret(told["tx_code"].encode())
        ours.approved.append(Approved(people[told["person"]], told["link"], *codes))
        if number % SAID_EVERY == 0:
            say(f"{number} of {len(people)} orders approved")


def _starts_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False
