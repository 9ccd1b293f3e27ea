"""The sealed registry over HTTP: look-ups with three trustees of five, openings, look-ups among more and more people.

Log, witnesses, registry and trustees are processes of this machine, with every write synced. What computing alone takes
is left to `bench_registry`.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import sqlalchemy as sa

from diptych.adapters import log_writer
from diptych.adapters.http.holders import HttpAnswers, HttpRegistryLine
from diptych.adapters.keys import file
from diptych.adapters.log_files import open_log_files
from diptych.adapters.log_history import FileHistory
from diptych.adapters.storage.engine import Location, open_database, transaction
from diptych.cli.demo_log import WITNESSES, LogChapter
from diptych.cli.demo_processes import Commands, free_ports
from diptych.cli.demo_registry import ACTORS, FOLDERS, THRESHOLD, WRITER, RegistryChapter
from diptych.config import OFFICER_KEY, SETTINGS_FILE
from diptych.errors import DiptychError, Refused
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.civil_status.places import Places
from diptych.private import Personal, Secret
from diptych.roles.officer.counter import Found, Reason
from diptych.roles.officer.workstation import Workstation

POPULATIONS = (1_000, 10_000, 100_000, 1_000_000)
SQLITE, POSTGRESQL = "sqlite", "postgresql"
WITHOUT_POSTGRESQL = "PostgreSQL is not measured: name an empty database with --postgresql URL"

START_SECONDS = 30.0
PLACE = "29232"
ROWS_AT_ONCE = 25_000
WORKSTATION = "workstation"

_QUOTAS = {
    "officer = 20, agency = 500": "officer = 100000, agency = 100000",
    "officer_a_day = 200\n": "officer_a_day = 1000000\n",
    "agency_a_day = 20000\n": "agency_a_day = 1000000\n",
}
_ROWS = {
    SQLITE: "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count) "
    "INSERT INTO tags (purpose, tag, record_id) SELECT 'civil-status', randomblob(16), randomblob(16) FROM numbers",
    POSTGRESQL: "INSERT INTO tags (purpose, tag, record_id) SELECT 'civil-status', "
    "decode(md5(random()::text || i), 'hex'), decode(md5(i || random()::text), 'hex') "
    "FROM generate_series(1, :count) i",
}
_REASON = Reason("reissue", "bench", "1")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Spread:
    """Milliseconds on the clock."""

    p50: float
    p99: float


@dataclass(frozen=True)
class ProcessorTime:
    """Milliseconds of processor time of one look-up, in each process; trustees work side by side."""

    workstation: float
    trustee: float
    registry: float


@dataclass(frozen=True)
class TownResult:
    """One run over HTTP. By population: rows of the index, by database, None for one that was not there.

    `lookup_ms`: blind, three trustees side by side, combine, verify, and the registry's answer that nobody is there;
    the trustee set was fetched before. `opening_beyond_receipt_ms`: an opening less its two waits for the log.
    `index_ms_by_population`: the registry's part of a look-up alone.
    """

    lookup_ms: Spread
    lookup_cpu_ms: ProcessorTime
    opening_ms: Spread
    opening_beyond_receipt_ms: Spread
    lookup_ms_by_population: dict[str, dict[str, Spread] | None]
    index_ms_by_population: dict[str, dict[str, Spread] | None]


def measure(*, rounds: int, populations: Sequence[int], postgresql: str | None, progress: Progress) -> TownResult:
    """Look-ups `rounds` times at each population, openings a tenth of that."""
    with _town(None, progress) as town:
        progress("looking up over HTTP")
        before = town.processor_seconds()
        lookup, _ = town.look_up(rounds)
        cpu = town.processor_time(before, rounds + 1)
        progress("opening over HTTP")
        opening, beyond = town.open(max(2, rounds // 10))
        counted = {SQLITE: town.grow(populations, rounds, progress)}
    if postgresql is None:
        progress(WITHOUT_POSTGRESQL)
    else:
        try:
            with _town(postgresql, progress) as town:
                counted[POSTGRESQL] = town.grow(populations, rounds, progress)
        except DiptychError as error:  # what was measured on SQLite is not lost for it
            progress(f"PostgreSQL is not measured: {error.check}: {error.message}")
    by_database = {name: counted.get(name) for name in (SQLITE, POSTGRESQL)}
    whole, index = (
        {
            name: None if found is None else {str(rows): times[part] for rows, times in found.items()}
            for name, found in by_database.items()
        }
        for part in (0, 1)
    )
    return TownResult(lookup, cpu, opening, beyond, whole, index)


def prose(found: TownResult) -> str:
    """For people."""
    lines = [
        f"A look-up with {THRESHOLD} of {len(FOLDERS)} trustees over HTTP: {found.lookup_ms.p50:.1f} ms "
        f"(p99 {found.lookup_ms.p99:.1f}); processor time: workstation {found.lookup_cpu_ms.workstation:.1f} ms, each "
        f"trustee {found.lookup_cpu_ms.trustee:.1f} ms, registry {found.lookup_cpu_ms.registry:.1f} ms",
        f"An opening over HTTP: {found.opening_ms.p50:.0f} ms, of which {found.opening_beyond_receipt_ms.p50:.1f} ms "
        "are not spent waiting for the log",
    ]
    for name, by_rows in found.lookup_ms_by_population.items():
        index = found.index_ms_by_population[name]
        if by_rows is None or index is None:
            lines.append(f"{name}: not measured")
            continue
        lines += [
            f"{name}, an index of {int(rows):,} rows: {times.p50:.1f} ms, the registry's part {index[rows].p50:.1f} ms"
            for rows, times in by_rows.items()
        ]
    return "\n".join(lines)


@dataclass
class _TimedLine:
    """`RegistryLine` that says how long each answer took, and fetches the trustee set once."""

    line: HttpRegistryLine
    seconds: dict[str, float] = field(default_factory=dict)
    trustee_set: bytes | None = None

    @property
    def url(self) -> str:
        return self.line.url

    def send(self, path: str, body: bytes | None) -> bytes:
        if path == "trustee-set" and self.trustee_set is not None:
            return self.trustee_set
        started = time.perf_counter()
        answer = self.line.send(path, body)
        self.seconds[path] = time.perf_counter() - started
        if path == "trustee-set":
            self.trustee_set = answer
        return answer


@dataclass
class _Town:
    workstation: Workstation
    line: _TimedLine
    database: Location
    kind: str
    processes: Mapping[str, int]

    def processor_seconds(self) -> Mapping[str, float]:
        """What each process has used, this one too."""
        used = {name: _used(process) for name, process in self.processes.items()}
        return {**used, WORKSTATION: time.process_time()}

    def processor_time(self, before: Mapping[str, float], rounds: int) -> ProcessorTime:
        """What each look-up of so many has used since."""
        used = {name: (after - before[name]) * 1000 / rounds for name, after in self.processor_seconds().items()}
        trustees = sum(used[name] for name in FOLDERS) / THRESHOLD  # of five, three answer each look-up
        return ProcessorTime(round(used[WORKSTATION], 2), round(trustees, 2), round(used["registry"], 2))

    def look_up(self, rounds: int) -> tuple[Spread, Spread]:
        """The whole, and the registry's part."""
        whole, index = [], []
        self._find(_somebody("Warm"))
        for number in range(rounds):
            started = time.perf_counter()
            self._find(_somebody("Nobody" + "".join("abcdefghij"[int(digit)] for digit in str(number))))
            whole.append(time.perf_counter() - started)
            index.append(self.line.seconds["tags"])
        return _spread(whole), _spread(index)

    def open(self, rounds: int) -> tuple[Spread, Spread]:
        """The whole, and what is no wait for the log."""
        person = _somebody("Somebody")
        enrolled = self.workstation.enrol(
            self._find(person),
            status=person,
            documents=(),
            references=(),
            document_type="driving-licence",
            now=datetime.now(UTC),
            entropy=os.urandom,
        )
        self._open_first(enrolled.record_id)
        whole, beyond = [], []
        for _ in range(rounds):
            started = time.perf_counter()
            self._open(enrolled.record_id)
            whole.append(time.perf_counter() - started)
            beyond.append(whole[-1] - self.line.seconds["requests"] - self.line.seconds["outcomes"])
        return _spread(whole), _spread(beyond)

    def grow(self, populations: Sequence[int], rounds: int, progress: Progress) -> dict[int, tuple[Spread, Spread]]:
        """Look-ups among more and more rows, which are made up and belong to nobody."""
        found, there = {}, 0
        for population in populations:
            progress(f"{self.kind}: an index of {population} rows")
            engine = open_database(self.database, "registry", migrates=False)
            while there < population:
                count = min(ROWS_AT_ONCE, population - there)
                with transaction(engine) as connection:
                    connection.execute(sa.text(_ROWS[self.kind]), {"count": count})
                there += count
            engine.dispose()
            found[population] = self.look_up(rounds)
        return found

    def _find(self, person: CivilStatus) -> Found:
        return self.workstation.find(person, legal_basis="enrolment", now=datetime.now(UTC), entropy=os.urandom)

    def _open(self, record_id: bytes) -> None:
        self.workstation.open(record_id, _REASON, now=datetime.now(UTC), entropy=os.urandom)

    def _open_first(self, record_id: bytes) -> None:
        """Trustees are shown a new record in a moment: the first opening waits for that."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self._open(record_id)
            except Refused:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


@contextmanager
def _town(postgresql: str | None, progress: Progress) -> Iterator[_Town]:
    """Everybody founded and running, with an officer at a workstation."""
    kind = SQLITE if postgresql is None else POSTGRESQL
    progress(f"founding a registry with five trustees, on {kind}")
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as name, ExitStack() as closing:
        root = Path(name)
        log_url, registry_url, *urls = [f"http://127.0.0.1:{port}" for port in free_ports(2 + 2 + len(FOLDERS))]
        commands = closing.enter_context(Commands(root, {}, quiet=True))
        log = LogChapter(commands, log_url, urls[: len(WITNESSES)])
        chapter = RegistryChapter(
            commands, registry_url, urls[len(WITNESSES) :], log.policy, log_url, "officer/officer.pub.pem"
        )
        log.make()
        commands.run("officer", "init", "officer")
        chapter.make()
        for folder in ("registry", *FOLDERS):
            _without_quotas(root / folder / "policy.toml")
        location: Location = root / "registry" / "registry.db"
        if postgresql is not None:
            location = Secret(postgresql.encode())
            with (root / "registry" / SETTINGS_FILE).open("a", encoding="utf-8") as settings:
                settings.write(log_writer.settings_text(database=postgresql))
        log.start([(WRITER, actor) for actor in ACTORS])
        chapter.start()
        workstation = _at_the_counter(commands, chapter, closing)
        line = workstation.registry
        assert isinstance(line, _TimedLine)
        processes = {name: server.pid for name, server in commands.servers.items()}
        yield _Town(workstation, line, location, kind, processes)


def _at_the_counter(commands: Commands, chapter: RegistryChapter, closing: ExitStack) -> Workstation:
    root, line, answers = commands.root, HttpRegistryLine(chapter.url), HttpAnswers(chapter.url)
    closing.callback(line.close)
    closing.callback(answers.close)
    return Workstation(
        file.read_signer(root / "officer" / OFFICER_KEY),
        file.read_public_key(root / "registry" / "agency.pem"),
        log_writer.read_policy(root / "log" / "policy"),
        _TimedLine(line),
        answers,
        FileHistory(open_log_files(chapter.log_url)),
        Places(),
    )


def _used(process: int) -> float:
    """Seconds of processor time: user and system, fields 14 and 15 of proc(5)'s stat."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _without_quotas(policy: Path) -> None:
    """As many look-ups and openings a day as a bench needs."""
    text = policy.read_text(encoding="utf-8")
    for few, many in _QUOTAS.items():
        text = text.replace(few, many)
    policy.write_text(text, encoding="utf-8")


def _somebody(name: str) -> CivilStatus:
    return CivilStatus(Personal(name), Personal(("Anne",)), None, Personal(BirthDate(1984, 5, 17)), Personal(PLACE))


def _spread(seconds: Sequence[float]) -> Spread:
    cuts = quantiles(seconds, n=100, method="inclusive")
    return Spread(round(cuts[49] * 1000, 2), round(cuts[98] * 1000, 2))
