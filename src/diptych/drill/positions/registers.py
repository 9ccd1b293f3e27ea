"""Thieves before the sealed register: what each of them has of trustees and agency, and what opens with it."""

from collections.abc import Sequence
from pathlib import Path

from diptych.adapters.canary_search import marks_in
from diptych.drill.attacker.joining import join
from diptych.drill.attacker.records import open_records
from diptych.drill.attacker.tags import guess
from diptych.drill.loot import Loot
from diptych.drill.scene import Scene
from diptych.drill.sealed_town import SealedTown
from diptych.drill.town.marks import MARK


def steal(scene: Scene, system: SealedTown, folders: Sequence[Path]) -> Loot:
    """The registry's database, and everything in these folders: searched, tried on every record and on every tag."""
    opened, read = read_with(scene, system, folders)
    named = guess(system.database, folders, system.town.people, system.cores)
    return Loot(len(read), join(system.rows(named), system.town, {}), opened)


def read_with(scene: Scene, system: SealedTown, folders: Sequence[Path]) -> tuple[int, set[str]]:
    """How many records open with what lies in these folders, and every canary read in them or in the files."""
    opened = open_records(system.database, folders, system.cores)
    found = marks_in(b"\0".join(opened), MARK) | scene.marks_below(system.database, *folders)
    return len(opened), found & system.town.canaries


def one_trustee(scene: Scene, *, weakened: bool = False) -> Loot:
    """One trustee, wholly."""
    system = scene.register(together=frozenset({"agency", "trustee-2", "trustee-3"}) if weakened else frozenset())
    return steal(scene, system, [system.folder / "trustee-1"])


def one_too_few(scene: Scene, *, weakened: bool = False) -> Loot:
    """One trustee fewer than a record needs, and the agency's key service."""
    system = scene.register(threshold=2) if weakened else scene.register()
    return steal(scene, system, [*system.trustees[:2], system.place("agency")])


def all_trustees(scene: Scene, *, weakened: bool = False) -> Loot:
    """All trustees, and not the agency."""
    system = scene.register(together=frozenset({"agency"})) if weakened else scene.register()
    return steal(scene, system, system.trustees)
