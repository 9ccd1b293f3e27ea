"""The drill, given the whole house."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diptych.cli.drill import Drilled
    from diptych.cli.rooms import Rooms


class DrillRoom:
    """Runs drills."""

    def drill(
        self: "Rooms", folder: Path, population: int, positions: Sequence[int], say: Callable[[str], None]
    ) -> "Drilled":
        from diptych.drill.run import run

        return run(self, folder, population, positions, say)
