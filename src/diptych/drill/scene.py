"""What the thief comes to: the town in all three systems, each built when it is first needed and running until the end.

Changed builds have a smaller town: an attack that cannot win against twelve people wins against nobody.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.adapters.canary_search import marks_in
from diptych.drill import ours, quorum
from diptych.drill.attacker.searching import Search
from diptych.drill.baselines import table
from diptych.drill.baselines.running import Baseline, running
from diptych.drill.cores import Cores
from diptych.drill.loot import Loot
from diptych.drill.ours import SAID_EVERY, Ours
from diptych.drill.quorum import Quorum
from diptych.drill.sealed_town import THRESHOLD, SealedTown
from diptych.drill.town.marks import MARK
from diptych.drill.town.people import Town, build_town

if TYPE_CHECKING:
    from diptych.cli.rooms import Rooms

BaselineAttack = Callable[["Scene", Baseline], Loot]
CHANGED_TOWN = 12
REDEEMING, PASSING = 2, 1
"""Whose documents are handed out: in Diptych, and in a build with a change."""


@dataclass
class Scene:
    """The folder of one drill. Use it in a `with` block: everything it has started ends there, the files stay."""

    folder: Path
    town: Town
    rooms: "Rooms"
    say: Callable[[str], None]
    is_whole: bool = False
    """Whether every position will be taken: then what is slow to build is built side by side."""
    cores: Cores = field(default_factory=Cores)
    kept: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    """What several positions look at and takes long to make."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _changed: dict[tuple[str, ...], Ours] = field(default_factory=dict)
    _registers: dict[str, SealedTown] = field(default_factory=dict)
    _tried: dict[tuple[BaselineAttack, str], Loot] = field(default_factory=dict)

    def __enter__(self) -> "Scene":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()
        self.cores.close()

    @cached_property
    def _search(self) -> Search:
        return Search(self.cores)

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
                self.folder / "diptych",
                self.town,
                self.rooms,
                say=self.say,
                with_log=True,
                redeeming=REDEEMING,
                meanwhile=self.register if self.is_whole else lambda: None,
            )
        )

    @property
    def server_paths(self) -> list[Path]:
        """The folders of Diptych's servers, of what was built of it."""
        servers = self.ours.server_folders if "ours" in self.__dict__ else []
        if "quorum" in self.__dict__:
            servers = [*servers, *self.quorum.server_folders]
        register = self._registers.get(f"register-{THRESHOLD}")
        return servers if register is None else [*servers, register.folder]

    @cached_property
    def quorum(self) -> Quorum:
        """The register's processes, with a few people enrolled through them."""
        self.say("building a living register: its registry and trustees, a log and an officer")
        folder = self.folder / "living-register"
        folder.mkdir(parents=True)
        commands = ours.quiet_commands(folder)
        return self._stack.enter_context(quorum.set_up(folder, self.town, self.rooms, commands))

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

    def weakened_sealing(self) -> Ours:
        """Diptych without encryption, and with every way in that an attack may want."""
        return self.changed("intruded_without_sealing", redeeming=PASSING)

    def register(
        self, *, threshold: int = THRESHOLD, together: frozenset[str] = frozenset(), purpose: str = "register"
    ) -> SealedTown:
        """The sealed register; a weakened one has fewer people, as in `changed`."""
        is_ours = threshold == THRESHOLD and not together and purpose == "register"
        key = "-".join([purpose, str(threshold), *sorted(together)])
        if key not in self._registers:
            self.say("sealing the register" if is_ours else f"sealing another register: {key}")
            town = self.town if is_ours else build_town(CHANGED_TOWN, f"{self.town.seed} register")
            place, count = self.folder / "registers" / key, len(town.people)
            self._registers[key] = SealedTown(
                place, town, threshold, together, self.cores, lambda sealed: self._say_sealed(sealed, count)
            )
        return self._registers[key]

    def tried(self, attack: BaselineAttack, baseline: Baseline) -> Loot:
        """The attack on a baseline. Several positions are the same theft there: it is done once."""
        key = attack, baseline.kind
        if key not in self._tried:
            self._tried[key] = attack(self, baseline)
        return self._tried[key]

    def _say_sealed(self, sealed: int, count: int) -> None:
        if sealed % SAID_EVERY == 0 and count > SAID_EVERY:
            self.say(f"{sealed} of {count} records sealed")

    def canaries_in(self, town: Town, *paths: Path) -> int:
        """How many of a town's planted values come out of these files and folders."""
        return len(self.marks_below(*paths) & town.canaries)

    def marks_below(self, *paths: Path) -> set[str]:
        """Everything in these files and folders that looks like a planted value."""
        return self._search.below(paths)

    def canaries_of(self, town: Town, data: bytes) -> int:
        """How many of a town's planted values come out of these bytes."""
        return len(marks_in(data, MARK) & town.canaries)
