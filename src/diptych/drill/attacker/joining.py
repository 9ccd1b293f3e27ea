"""Whose row is this? A thief who has the true list of everybody, and rows that say nothing, joins the two.

It tries every way that rows can be told apart without being read: the order they lie in, their times, their sizes,
their retention, and how often each of their index values occurs, refined until nothing more can be told (colour
refinement of the graph of rows and values). Each way guesses a person for every row; the best of them is the thief's.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diptych.drill.attacker.odds import ALPHA, interval
from diptych.drill.town.dice import Dice
from diptych.drill.town.people import Person, Town

ROUNDS = 4
NOBODY = -1


@dataclass(frozen=True)
class Row:
    """One row of a stolen table. `truth` is who it is about: for keeping score, and never looked at by a guess."""

    truth: int
    position: int
    time: int
    size: int
    retention: str | None = None
    tags: Mapping[str, bytes] = field(default_factory=dict)
    content: frozenset[str] = frozenset()
    """The canaries that the thief can read in it."""


@dataclass(frozen=True)
class Joined:
    """How far a thief got: the share of rows named beyond guessing, where it surely lies, and by which way."""

    advantage: float
    low: float
    high: float
    way: str

    @property
    def is_above_chance(self) -> bool:
        """Whether the thief surely did better than guessing."""
        return self.low > 0


NOTHING = Joined(0.0, 0.0, 0.0, "no rows")


def join(rows: Sequence[Row], town: Town, columns: Mapping[str, Callable[[Person], Any]]) -> Joined:
    """The best of all ways. `columns` says what the index values of that table stand for; what is known is `town`."""
    if not rows:
        return NOTHING
    dice = Dice(town.seed, "guesses")
    mixed_rows, mixed_people = dice.shuffled(rows), dice.shuffled(town.people)
    ways = {
        "order": _side_by_side(sorted(mixed_rows, key=lambda row: row.position), town.people),
        "time": _side_by_side(sorted(mixed_rows, key=lambda row: row.time), town.people),
        "size": _side_by_side(sorted(mixed_rows, key=lambda row: row.size), sorted(mixed_people, key=_known_size)),
        "retention": _side_by_side(
            sorted(mixed_rows, key=lambda row: row.retention or ""),
            sorted(mixed_people, key=lambda person: person.retention),
        ),
        "frequency": _by_frequency(mixed_rows, mixed_people, columns),
        "reading": _by_reading(mixed_rows, mixed_people),
    }
    hits = {way: sum(row.truth == person.number for row, person in pairs) for way, pairs in ways.items()}
    best = max(hits, key=lambda way: hits[way])
    chance = 1 / len(town.people)
    low, high = interval(hits[best], len(rows), alpha=ALPHA / len(ways))
    return Joined(hits[best] / len(rows) - chance, max(0.0, low - chance), high - chance, best)


Pairs = list[tuple[Row, Person]]


def _side_by_side(rows: Sequence[Row], people: Sequence[Person]) -> Pairs:
    return list(zip(rows, people, strict=False))


def _known_size(person: Person) -> int:
    return sum(len(text.encode()) for text in person.values.values())


def _by_reading(rows: Sequence[Row], people: Sequence[Person]) -> Pairs:
    if not any(row.content for row in rows):
        return []
    owner = {canary: person for person in people for canary in person.canaries}
    number = {person.document_number.lower()[3:]: person for person in people}
    guesses: Pairs = []
    for row in rows:
        own = [number[canary] for canary in row.content if canary in number]
        other = [owner[canary] for canary in row.content if canary in owner]
        if own or other:
            guesses.append((row, (own or other)[0]))
    return guesses


def _by_frequency(
    rows: Sequence[Row], people: Sequence[Person], columns: Mapping[str, Callable[[Person], Any]]
) -> Pairs:
    names = sorted({name for row in rows for name in row.tags} & set(columns))
    of_rows = _colours([{name: row.tags[name] for name in names if name in row.tags} for row in rows])
    of_people = _colours([{name: columns[name](person) for name in names} for person in people])
    waiting: dict[int, list[Person]] = defaultdict(list)
    for person, colour in zip(people, of_people, strict=True):
        waiting[colour].append(person)
    pairs: Pairs = []
    for row, colour in zip(rows, of_rows, strict=True):
        if waiting[colour]:
            pairs.append((row, waiting[colour].pop()))
    return pairs


def _colours(things: Sequence[Mapping[str, Any]]) -> list[int]:
    """What can be told of each by how often its values occur, and with which others."""
    colours = [0] * len(things)
    for _ in range(ROUNDS):
        together: dict[tuple[str, Any], list[int]] = defaultdict(list)
        for thing, colour in zip(things, colours, strict=True):
            for name, value in thing.items():
                if value is not None:
                    together[name, value].append(colour)
        kind = {key: hash(tuple(sorted(found))) for key, found in together.items()}
        colours = [
            hash((colour, tuple((name, kind.get((name, value), 0)) for name, value in sorted(thing.items()))))
            for thing, colour in zip(things, colours, strict=True)
        ]
    return colours
