"""One drill from beginning to end: build, attack, count, write down."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diptych import config
from diptych.cli.drill import Drilled, Row
from diptych.drill import page, report
from diptych.drill.position import Result, take
from diptych.drill.positions import POSITIONS
from diptych.drill.scene import Scene
from diptych.drill.town.people import build_town
from diptych.errors import Refused

if TYPE_CHECKING:
    from diptych.cli.rooms import Rooms


def run(rooms: "Rooms", folder: Path, population: int, numbers: Sequence[int], say: Callable[[str], None]) -> Drilled:
    """Take these positions, or all of them, before a town of that size. Everything stays in `folder`."""
    wanted = [position for position in POSITIONS if not numbers or position.number in numbers]
    if not wanted or set(numbers) - {position.number for position in POSITIONS}:
        raise Refused("drill.position", f"positions go from 1 to {max(one.number for one in POSITIONS)}")
    say(f"a town of {population} made-up people")
    with Scene(folder, build_town(population), rooms, say, is_whole=not numbers) as scene:
        results: list[Result] = []
        for position in wanted:
            say(f"position {position.number}: {position.name.en}")
            results.append(take(position, scene))
        server_paths = [str(path) for path in scene.server_paths]
    found = report.Report(population, server_paths, results)
    pages = page.write(folder, found)
    language = config.language()
    return Drilled(
        value=found.as_json(),
        rows=[_row(result, population, language) for result in results],
        summary=found.summary(language),
        pages=[one for one in pages if one.stem.endswith(language)] if len(pages) > 1 else pages,
        holds=found.holds,
    )


def _row(result: Result, population: int, language: str) -> Row:
    cells = None
    if result.applies:
        plain, common, ours = (
            report.gets(loot, result.position, population, language)
            for loot in (result.plain, result.common, result.ours)
        )
        cells = (plain, common, ours)
    name = report.say(result.position.name, language)
    return Row(result.position.number, name, cells, result.reason, result.holds)
