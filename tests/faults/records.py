"""What was injected where and what held: one line for each play, for the table in docs/reliability.md."""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

RECORDS = "CRASH_RECORDS"
EVERY = "CRASH_EVERY_WRITE"
T = TypeVar("T")


def is_every_write() -> bool:
    """Whether to try every write, or as many as a quick run has time for."""
    return bool(os.environ.get(EVERY))


def chosen(points: Sequence[T], most: int, *, kind: Callable[[T], object] = lambda point: point) -> list[T]:
    """Which of these to try: in a whole run all; else the first of each kind, then `most` of the rest spread evenly."""
    if is_every_write():
        return list(points)
    firsts = {}
    for index, point in enumerate(points):
        firsts.setdefault(kind(point), index)
    rest = [index for index in range(len(points)) if index not in firsts.values()]
    spread = rest if len(rest) <= most else [rest[round(n * (len(rest) - 1) / max(1, most - 1))] for n in range(most)]
    return [points[index] for index in sorted({*firsts.values(), *spread})]


def numbers(writes: Sequence[object], most: int) -> list[int]:
    """Which of these writes to be killed at, from 1 on."""
    return [number for number, _ in chosen(list(enumerate(writes, 1)), most, kind=lambda point: str(point[1]))]


def record(role: str, act: str, fault: str, *, points: Sequence[object], of: int, held: str) -> None:
    """Note a play that held at all its points, of which a whole run has `of`."""
    kinds = Counter(str(point) for point in points)
    _write({"role": role, "act": act, "fault": fault, "kinds": kinds, "tried": len(points), "of": of, "held": held})


def note(role: str, measured: str) -> None:
    """Keep what a crowd measured, for the same page."""
    _write({"role": role, "crowd": measured})
    print(f"{role}: {measured}")


def _write(found: dict[str, object]) -> None:
    place = os.environ.get(RECORDS)
    if place:
        test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" (")[0]
        line = {"test": test, "date": datetime.now(UTC).date().isoformat(), **found}
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
