"""The sealed registry under load, over HTTP: look-ups and openings in a town of processes, among more and more rows.

Founding that town is left to `bench_registry_town`, what computing alone takes to `bench_registry`.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from statistics import quantiles

import sqlalchemy as sa

from diptych.adapters.http.holders import HttpAnswers
from diptych.adapters.storage.engine import open_database, transaction
from diptych.cli.bench_registry_town import POSTGRESQL, SQLITE, WORKSTATION, TimedLine, Town, found_town
from diptych.cli.demo_registry import FOLDERS, THRESHOLD
from diptych.errors import DiptychError, Refused
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.private import Personal
from diptych.roles.officer.counter import Found, Reason
from diptych.roles.officer.ports import Question
from diptych.roles.officer.workstation import Workstation

POPULATIONS = (1_000, 10_000, 100_000, 1_000_000)
WITHOUT_POSTGRESQL = "PostgreSQL is not measured: name an empty database with --postgresql URL"

SHOWN_SECONDS = 30.0
PLACE = "29232"
ROWS_AT_ONCE = 25_000
SAID_EVERY = 100_000

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
    """Milliseconds of processor time of one look-up, by party: `trustee` is one of the three that answer."""

    workstation: float
    trustee: float
    registry: float


@dataclass(frozen=True)
class LoadResult:
    """One run over HTTP. By population: rows of the index, by database, None for one that was not there.

    `lookup_ms`: blind, three trustees side by side, combine, verify, and the registry's answer that nobody is there,
    all parties on this machine; the trustee set was fetched within the minute before. `lookup_apart_ms`: the same with
    the trustees asked one after the other, of whom only the slowest counts: how long it is where each has a machine of
    its own, less the network between them. `opening_beyond_receipt_ms`: an opening less its two waits for the log.
    `index_ms_by_population`: the registry's part of a look-up alone.
    """

    lookup_ms: Spread
    lookup_apart_ms: Spread
    lookup_cpu_ms: ProcessorTime
    opening_ms: Spread
    opening_beyond_receipt_ms: Spread
    opening_beyond_receipt_apart_ms: Spread
    lookup_ms_by_population: dict[str, dict[str, Spread] | None]
    index_ms_by_population: dict[str, dict[str, Spread] | None]


def measure(*, rounds: int, populations: Sequence[int], postgresql: str | None, progress: Progress) -> LoadResult:
    """Look-ups `rounds` times at each population, openings a tenth of that."""
    few = max(2, rounds // 10)
    with found_town(None, progress) as town:
        counter = _Counter(town)
        progress("looking up over HTTP")
        counter.find(_somebody("Warm"))
        before = town.processor_seconds()
        lookup, _ = counter.look_up(rounds)
        cpu = _per_lookup(before, town.processor_seconds(), rounds)
        apart, _ = counter.apart().look_up(rounds)
        progress("opening over HTTP")
        record_id = counter.enrol(_somebody("Somebody"))
        opening, beyond = counter.open(record_id, few)
        _, beyond_apart = counter.apart().open(record_id, few)
        counted = {SQLITE: _grow(town, counter, populations, rounds, progress)}
    if postgresql is None:
        progress(WITHOUT_POSTGRESQL)
    else:
        try:
            with found_town(postgresql, progress) as town:
                counted[POSTGRESQL] = _grow(town, _Counter(town), populations, rounds, progress)
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
    return LoadResult(lookup, apart, cpu, opening, beyond, beyond_apart, whole, index)


def prose(found: LoadResult) -> str:
    """For people."""
    cpu = found.lookup_cpu_ms
    lines = [
        f"A look-up with {THRESHOLD} of {len(FOLDERS)} trustees over HTTP, everybody on this machine: "
        f"{found.lookup_ms.p50:.1f} ms (p99 {found.lookup_ms.p99:.1f}); processor time: workstation "
        f"{cpu.workstation:.1f} ms, each of {THRESHOLD} trustees {cpu.trustee:.1f} ms, registry {cpu.registry:.1f} ms",
        f"The same where no trustee waits for another's processor: {found.lookup_apart_ms.p50:.1f} ms "
        f"(p99 {found.lookup_apart_ms.p99:.1f}), less the network",
        f"An opening over HTTP: {found.opening_ms.p50:.0f} ms, of which {found.opening_beyond_receipt_ms.p50:.1f} ms "
        f"are not spent waiting for the log ({found.opening_beyond_receipt_apart_ms.p50:.1f} ms where no holder waits "
        "for another's processor)",
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


class _Counter:
    """A workstation whose work is timed, less what holders asked side by side would have saved it."""

    def __init__(self, town: Town, workstation: Workstation | None = None, alone: "_OneByOne | None" = None) -> None:
        self._town = town
        self._workstation = workstation or town.workstation
        self._alone = alone

    def apart(self) -> "_Counter":
        """The same counter, asking one holder after the other, of whom only the slowest counts."""
        alone = _OneByOne(self._town.answers)
        return _Counter(self._town, replace(self._workstation, holders=alone), alone)

    def find(self, person: CivilStatus) -> Found:
        return self._workstation.find(person, legal_basis="enrolment", now=datetime.now(UTC), entropy=os.urandom)

    def look_up(self, rounds: int) -> tuple[Spread, Spread]:
        """The whole, and the registry's part."""
        whole, index = list[float](), list[float]()
        self.find(_somebody("Warm"))
        for number in range(rounds):
            nobody = _somebody("Nobody" + "".join("abcdefghij"[int(digit)] for digit in str(number)))
            with self._timed(whole):
                self.find(nobody)
            index.append(self._line.seconds["tags"])
        return _spread(whole), _spread(index)

    def enrol(self, person: CivilStatus) -> bytes:
        """Somebody's record, once it can be opened: trustees are shown a new one in a moment."""
        record_id = self._workstation.enrol(
            self.find(person),
            status=person,
            documents=(),
            references=(),
            document_type="driving-licence",
            now=datetime.now(UTC),
            entropy=os.urandom,
        ).record_id
        deadline = time.monotonic() + SHOWN_SECONDS
        while True:
            try:
                self._open(record_id)
            except Refused:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return record_id

    def open(self, record_id: bytes, rounds: int) -> tuple[Spread, Spread]:
        """The whole, and what is no wait for the log."""
        whole, beyond = list[float](), list[float]()
        for _ in range(rounds):
            with self._timed(whole):
                self._open(record_id)
            beyond.append(whole[-1] - self._line.seconds["requests"] - self._line.seconds["outcomes"])
        return _spread(whole), _spread(beyond)

    def _open(self, record_id: bytes) -> None:
        self._workstation.open(record_id, _REASON, now=datetime.now(UTC), entropy=os.urandom)

    @contextmanager
    def _timed(self, seconds: list[float]) -> Iterator[None]:
        if self._alone is not None:
            self._alone.seconds.clear()
        started = time.perf_counter()
        yield
        took = time.perf_counter() - started
        seconds.append(took if self._alone is None else took - self._alone.saved)

    @property
    def _line(self) -> TimedLine:
        line = self._workstation.registry
        assert isinstance(line, TimedLine)
        return line


@dataclass
class _OneByOne:
    """`Answers` of one holder after the other, so that none waits for another's processor; how long each took."""

    answers: HttpAnswers
    seconds: dict[int, float] = field(default_factory=dict)

    @property
    def saved(self) -> float:
        """What would not have been waited for, had they worked side by side."""
        return sum(self.seconds.values()) - max(self.seconds.values(), default=0.0)

    def ask(self, questions: Mapping[int, Question]) -> "_OneAfterAnother":
        return _OneAfterAnother(self, dict(questions))


@dataclass
class _OneAfterAnother:
    """`Replies` that are asked for when they are wanted."""

    asking: _OneByOne
    waiting: dict[int, Question]

    def ask(self, questions: Mapping[int, Question]) -> None:
        self.waiting.update(questions)

    def __iter__(self) -> "_OneAfterAnother":
        return self

    def __next__(self) -> tuple[int, bytes | DiptychError]:
        if not self.waiting:
            raise StopIteration
        index = next(iter(self.waiting))
        started = time.perf_counter()
        (*_, answer) = self.asking.answers.ask({index: self.waiting.pop(index)})
        took = time.perf_counter() - started
        self.asking.seconds[index] = self.asking.seconds.get(index, 0.0) + took
        return answer


def _grow(
    town: Town, counter: _Counter, populations: Sequence[int], rounds: int, progress: Progress
) -> dict[int, tuple[Spread, Spread]]:
    """Look-ups among more and more rows, which are made up and belong to nobody."""
    found, there = {}, 0
    for population in populations:
        progress(f"{town.kind}: an index of {population:,} rows")
        engine = open_database(town.database, "registry", migrates=False)
        while there < population:
            count = min(ROWS_AT_ONCE, population - there)
            with transaction(engine) as connection:
                connection.execute(sa.text(_ROWS[town.kind]), {"count": count})
            there += count
            if there % SAID_EVERY == 0 and there < population:
                progress(f"{town.kind}: {there:,} of {population:,} rows are there")
        engine.dispose()
        found[population] = counter.look_up(rounds)
    return found


def _per_lookup(before: Mapping[str, float], after: Mapping[str, float], rounds: int) -> ProcessorTime:
    used = {name: (after[name] - before[name]) * 1000 / (rounds + 1) for name in before}  # and one to warm up
    trustees = sum(used[name] for name in FOLDERS) / THRESHOLD
    return ProcessorTime(round(used[WORKSTATION], 2), round(trustees, 2), round(used["registry"], 2))


def _somebody(name: str) -> CivilStatus:
    return CivilStatus(Personal(name), Personal(("Anne",)), None, Personal(BirthDate(1984, 5, 17)), Personal(PLACE))


def _spread(seconds: Sequence[float]) -> Spread:
    cuts = quantiles(seconds, n=100, method="inclusive")
    return Spread(round(cuts[49] * 1000, 2), round(cuts[98] * 1000, 2))
