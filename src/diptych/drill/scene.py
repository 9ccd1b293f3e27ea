"""What the thief comes to: the town in all three systems, each built when it is first needed and running until the end.

Changed builds have a smaller town: an attack that cannot win against twelve people wins against nobody.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.adapters.canary_search import marks_in, marks_in_files
from diptych.drill import ours
from diptych.drill.baselines import table
from diptych.drill.baselines.running import Baseline, running
from diptych.drill.ours import Ours
from diptych.drill.sealed_town import THRESHOLD, SealedTown
from diptych.drill.town.marks import MARK
from diptych.drill.town.people import Town, build_town

if TYPE_CHECKING:
    from diptych.cli.rooms import Rooms

CHANGED_TOWN = 12
REDEEMING = 2


@dataclass
class Scene:
    """The folder of one drill. Use it in a `with` block: everything it has started ends there, the files stay."""

    folder: Path
    town: Town
    rooms: "Rooms"
    say: Callable[[str], None]
    kept: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    """What several positions look at and takes long to make."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _changed: dict[tuple[str, ...], Ours] = field(default_factory=dict)
    _registers: dict[str, SealedTown] = field(default_factory=dict)

    def __enter__(self) -> "Scene":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    @cached_property
    def plain(self) -> Baseline:
        """The plain table."""
        self.say("building the plain table")
        return self._stack.enter_context(running(self.folder / "plain-table", table.PLAIN, self.town))

    @cached_property
    def common(self) -> Baseline:
        """The common practice."""
        self.say("building the common practice")
        return self._stack.enter_context(running(self.folder / "common-practice", table.COMMON, self.town))

    @cached_property
    def ours(self) -> Ours:
        """Diptych."""
        self.say("building Diptych: its roles, and the town's orders")
        return self._stack.enter_context(
            ours.set_up(
                self.folder / "diptych", self.town, self.rooms, say=self.say, with_log=True, redeeming=REDEEMING
            )
        )

    @property
    def server_paths(self) -> list[Path]:
        """The folders of Diptych's servers, of what was built of it."""
        servers = self.ours.server_folders if "ours" in self.__dict__ else []
        register = self._registers.get(f"register-{THRESHOLD}")
        return servers if register is None else [*servers, register.folder]

    def changed(self, change: str, *, redeeming: int = 0) -> Ours:
        """Diptych with one change, with `redeeming` documents handed out."""
        key = (change, str(redeeming))
        if key not in self._changed:
            self.say(f"building a weakened Diptych: {change}")
            folder = self.folder / "weakened" / "-".join(key)
            self._changed[key] = self._stack.enter_context(
                ours.set_up(
                    folder,
                    build_town(CHANGED_TOWN, f"{self.town.seed} {change}"),
                    self.rooms,
                    say=self.say,
                    change=change,
                    redeeming=redeeming,
                )
            )
        return self._changed[key]

    def register(
        self, *, threshold: int = THRESHOLD, together: frozenset[str] = frozenset(), purpose: str = "register"
    ) -> SealedTown:
        """The sealed register; a weakened one has fewer people, as in `changed`."""
        is_ours = threshold == THRESHOLD and not together and purpose == "register"
        key = "-".join([purpose, str(threshold), *sorted(together)])
        if key not in self._registers:
            self.say("sealing the register" if is_ours else f"sealing another register: {key}")
            town = self.town if is_ours else build_town(CHANGED_TOWN, f"{self.town.seed} register")
            self._registers[key] = SealedTown(self.folder / "registers" / key, town, threshold, together)
        return self._registers[key]

    def canaries_in(self, town: Town, *paths: Path) -> int:
        """How many of a town's planted values come out of these files and folders."""
        return len(marks_in_files(paths, MARK) & town.canaries)

    def canaries_of(self, town: Town, data: bytes) -> int:
        """How many of a town's planted values come out of these bytes."""
        return len(marks_in(data, MARK) & town.canaries)
