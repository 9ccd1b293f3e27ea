"""Plots of what the benches measured: lines over one axis, as SVG that any page shows.

Written by hand, since a plotting library would be the project's heaviest dependency. What is plotted is left to
`bench`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 62, 52
COLOURS = ("#1b6ca8", "#c0562b", "#3f7d3a", "#7b4b94")  # told apart by colour-blind readers, and by their markers
MARKERS = ("circle", "square", "diamond", "triangle")


@dataclass(frozen=True)
class Line:
    """One named series of points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """Lines over one axis. `y` starts at zero; `x` may be spaced by its logarithm."""

    title: str
    x_name: str
    y_name: str
    lines: Sequence[Line]
    is_log_x: bool = False
    note: str = ""


def svg(plot: Plot) -> str:
    """The plot as an SVG document."""
    frame = _Frame(plot)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' font-family="system-ui, sans-serif" font-size="12" fill="#222">',
        f"<title>{escape(plot.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 20, plot.title, size=15),
        _text(LEFT, 38, plot.note, size=11, colour="#666"),
        *(part for y in frame.y_ticks for part in frame.y_tick(y)),
        *(part for x in frame.x_ticks for part in frame.x_tick(x)),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, plot.x_name, anchor="middle"),
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(plot.y_name)}</text>",
    ]
    for place, line in enumerate(plot.lines):
        parts += frame.line(line, COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)], place)
    return "\n".join([*parts, "</svg>", ""])


class _Frame:
    """Where values come to stand on the page."""

    def __init__(self, plot: Plot) -> None:
        xs = sorted({x for line in plot.lines for x, _ in line.points})
        self.is_log = plot.is_log_x
        self.x_low, self.x_high = self._place(xs[0]), self._place(xs[-1])
        self.x_ticks = _spread_out(xs, [self.x(x) for x in xs])
        step = _round_step(max(y for line in plot.lines for _, y in line.points) / 5)
        self.y_high = step * ceil(max(y for line in plot.lines for _, y in line.points) / step)
        self.y_ticks = [step * number for number in range(round(self.y_high / step) + 1)]

    def x(self, value: float) -> float:
        share = (self._place(value) - self.x_low) / ((self.x_high - self.x_low) or 1)
        return round(LEFT + 12 + share * (WIDTH - LEFT - RIGHT - 24), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - value / self.y_high * (HEIGHT - TOP - BOTTOM), 1)

    def _place(self, value: float) -> float:
        return log10(value) if self.is_log else value

    def y_tick(self, value: float) -> list[str]:
        y = self.y(value)
        colour = "#222" if value == 0 else "#ddd"
        return [
            f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="{colour}"/>',
            _text(LEFT - 8, y + 4, f"{value:,.10g}", anchor="end"),
        ]

    def x_tick(self, value: float) -> list[str]:
        return [_text(self.x(value), HEIGHT - BOTTOM + 18, f"{value:,.10g}", anchor="middle")]

    def line(self, line: Line, colour: str, marker: str, place: int) -> list[str]:
        points = [(self.x(x), self.y(y)) for x, y in line.points]
        path = " ".join(f"{x},{y}" for x, y in points)
        legend = LEFT + place * 180
        return [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
            *(_marker(marker, x, y, colour) for x, y in points),
            _marker(marker, legend + 6, TOP - 12, colour),
            _text(legend + 16, TOP - 8, line.name),
        ]


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "#222") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(text)}</text>'


def _marker(kind: str, x: float, y: float, colour: str) -> str:
    if kind == "circle":
        return f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>'
    corners = {
        "square": ((-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)),
        "diamond": ((0, -5), (5, 0), (0, 5), (-5, 0)),
        "triangle": ((0, -5), (4.5, 4), (-4.5, 4)),
    }[kind]
    points = " ".join(f"{round(x + dx, 1)},{round(y + dy, 1)}" for dx, dy in corners)
    return f'<polygon points="{points}" fill="{colour}"/>'


def _round_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, at least `rough`."""
    power = 10.0 ** floor(log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def _spread_out(values: Sequence[float], places: Sequence[float], apart: float = 34) -> list[float]:
    """Those values whose labels do not run into one another."""
    kept: list[float] = []
    last = -apart
    for value, place in zip(values, places, strict=True):
        if place - last >= apart:
            kept.append(value)
            last = place
    return kept
