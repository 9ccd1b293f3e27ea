"""Acts per day as stacked bars: what the page's SVG is drawn from. Sizes are in the drawing's own units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from diptych.formats.tlog.entry import ActType

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 18, 26
MOST_SERIES = 7
TICKS = 4


@dataclass(frozen=True)
class Bar:
    """A part of a day's bar. `series` names its colour, from 0; the last is for all other types."""

    series: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Tick:
    """A line of the vertical axis."""

    y: float
    count: int


@dataclass(frozen=True)
class Chart:
    """The drawing, and the numbers in it, day by day, for whoever does not see it. `series` None: all other types."""

    series: Sequence[ActType | None]
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    days: Sequence[tuple[date, float]]
    rows: Sequence[tuple[date, Sequence[int]]]


def draw(types: Mapping[ActType, Mapping[date, int]], *, days: int, until: date) -> Chart:
    """The chart of the last so many days; `types` are in the order in which they are stacked."""
    dates = [until - timedelta(days=days - 1 - at) for at in range(days)]
    named = list(types)[:MOST_SERIES]
    others = list(types)[MOST_SERIES:]
    series: list[ActType | None] = [*named, *([None] if others else [])]
    rows: list[tuple[date, list[int]]] = []
    for day in dates:
        counts = [types[act_type].get(day, 0) for act_type in named]
        if others:
            counts.append(sum(types[act_type].get(day, 0) for act_type in others))
        rows.append((day, counts))
    step, top = _scale(max((sum(counts) for _, counts in rows), default=0))
    unit = (HEIGHT - TOP - BOTTOM) / top
    slot = (WIDTH - LEFT - RIGHT) / days
    bars: list[Bar] = []
    for at, (_, counts) in enumerate(rows):
        y = float(HEIGHT - BOTTOM)
        for number, count in enumerate(counts):
            if count:
                y -= count * unit
                bars.append(Bar(number, LEFT + at * slot + slot * 0.15, y, slot * 0.7, count * unit))
    ticks = [Tick(HEIGHT - BOTTOM - count * unit, count) for count in range(0, top + 1, step)]
    middles = [(day, LEFT + at * slot + slot / 2) for at, day in enumerate(dates)]
    labelled = [found for at, found in enumerate(middles) if (days - 1 - at) % 7 == 0]
    return Chart(series, bars, ticks, labelled, rows)


def _scale(most: int) -> tuple[int, int]:
    """A round step and the top of the axis: at least `most`, in at most `TICKS` steps."""
    step = 1
    while step * TICKS < most:
        step = step * 2 if str(step)[0] != "2" else step * 5 // 2
    return step, step * max(1, -(-most // step))
