"""What was injected where and what held: one line for each play, for the table in docs/reliability.md."""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
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


def record(role: str, act: str, fault: str, *, points: Sequence[object], of: int, held: str) -> None:
    """Note a play that held at all its points, of which a whole run has `of`."""
    place = os.environ.get(RECORDS)
    if not place:
        return
    kinds = Counter(str(point) for point in points)
    line = {"role": role, "act": act, "fault": fault, "kinds": kinds, "tried": len(points), "of": of, "held": held}
    with Path(place).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def note(role: str, measured: str) -> None:
    """Keep what a crowd measured, for the same page."""
    place = os.environ.get(RECORDS)
    if place:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"role": role, "crowd": measured}) + "\n")
    print(f"{role}: {measured}")
