"""`diptych drill`: everything is stolen, from a plain table, from the common practice and from Diptych, and counted.

Builds nothing itself: the roof runs the drill. Here it is only asked for, and its result shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from diptych import config
from diptych.cli import demo_processes
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit, progress

DEFAULT_POPULATION = 2000
LEAST_POPULATION = 12

HEADINGS = {
    "en": ("the thief has", "plain table", "common practice", "Diptych"),
    "fr": ("le voleur a", "table en clair", "pratique courante", "Diptych"),
}
NOT_YET = {"en": "does not apply", "fr": "sans objet"}
PAGES = {"en": "The picture", "fr": "L'image"}


@dataclass(frozen=True)
class Row:
    """One position as a person reads it: what it is called, what each system lost, and whether the promise held."""

    number: int
    name: str
    cells: tuple[str, str, str] | None
    """None where the position does not apply; `reason` says why."""
    reason: str | None
    holds: bool | None


@dataclass(frozen=True)
class Drilled:
    """A drill's result: as JSON, as rows, as one line, and the pages that were written."""

    value: Mapping[str, object]
    rows: Sequence[Row]
    summary: str
    pages: Sequence[Path]
    holds: bool


def drill(
    context: typer.Context,
    population: Annotated[int, typer.Option(min=LEAST_POPULATION, help="How many people live in the town.")] = (
        DEFAULT_POPULATION
    ),
    position: Annotated[
        list[int] | None, typer.Option("--position", help="Take only this position; may be given more than once.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where everything that is stolen lies; made anew each time.")] = Path(
        "drill-data"
    ),
    as_json: AsJson = False,
) -> None:
    """Build a made-up town three times over, steal everything from every side, and count what each thief gets."""
    rooms: Rooms = context.obj
    root = folder.resolve()
    with demo_processes.own_folder(root):
        done = rooms.drill(root, population, position or (), progress)
        emit(dict(done.value), as_json=as_json, prose=lambda: show(done))
    if not done.holds:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


def show(done: Drilled) -> None:
    """The table, within 80 columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    language = config.language()
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), width=min(80, console.width))
    table.add_column("", justify="right", style="dim", width=2)
    for number, heading in enumerate(HEADINGS[language]):
        table.add_column(heading, ratio=3 if number == 0 else 2, style="" if number else "bold", overflow="fold")
    table.add_column("", width=1)
    for row in done.rows:
        if row.cells is None:
            table.add_row(str(row.number), Text(row.name, "dim"), Text(NOT_YET[language], "dim"), "", "", "")
            continue
        mark = Text("✓", "bold green") if row.holds else Text("✗", "bold red")
        plain, common, ours = row.cells
        table.add_row(str(row.number), row.name, Text(plain, "red"), Text(common, "yellow"), ours, mark)
    console.print()
    console.print(table)
    console.print()
    console.print(Text(done.summary, "bold green" if done.holds else "bold red"))
    for page in done.pages:
        console.print(f"{PAGES[language]}: {page}", soft_wrap=True)
