"""The demo's last chapter: a short drill, of the thefts that need no second Diptych to be built.

What each thief does and gets is the drill's own (`diptych.drill`); here it is only asked for, and its sum kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.cli.demo_processes import Commands

if TYPE_CHECKING:
    from rich.console import Console

POPULATION = 100
POSITIONS = (2, 7, 14, 19)
"""Backups, trustees, the log and its witnesses. The others attack servers that a whole drill sets up first."""
FOLDER = "drill"
SECONDS = 600.0
"""How long it may take where a machine has much else to do; it takes a few seconds."""


@dataclass(frozen=True)
class DrillState:
    """What the short drill came to: how many people, which positions were tried, how many of them held."""

    population: int
    positions: tuple[int, ...]
    applied: int
    held: int

    @property
    def holds(self) -> bool:
        """Whether every one of them did."""
        return self.applied == len(POSITIONS) == self.held


def drill(commands: Commands) -> DrillState:
    """Run it with the command that a person would type."""
    commands.say(
        f"Last, a short drill: a made-up town of {POPULATION} people in another sealed registry, stolen from\n"
        f"{len(POSITIONS)} sides. `diptych drill` takes every side, with {2000:,} people."
    )
    chosen = [word for number in POSITIONS for word in ("--position", str(number))]
    asked = ("drill", "--population", str(POPULATION), "--folder", FOLDER, *chosen)
    return state_of(commands.judge(*asked, seconds=SECONDS))


def state_of(told: Mapping[str, object]) -> DrillState:
    """The sum of a drill's JSON."""
    positions, population = told["positions"], told["population"]
    assert isinstance(positions, list)
    assert isinstance(population, int)
    taken = [one for one in positions if one["applies"]]
    held = sum(one["holds"] is True for one in taken)
    return DrillState(population, tuple(one["position"] for one in taken), len(taken), held)


def show(state: DrillState, root: Path, console: "Console") -> None:
    """One line, as the drill says it."""
    colour = "green" if state.holds else "red"
    console.print(
        f"\nA short drill: [bold {colour}]{state.held} of {state.applied} positions hold[/bold {colour}], in a town of "
        f"{state.population} people. What each thief got: {root / FOLDER / 'drill-en.html'}",
        highlight=False,
        soft_wrap=True,
    )
