"""Thieves before the sealed register: what each of them has of trustees and agency, and what opens with it."""

from collections.abc import Sequence
from pathlib import Path

from diptych.adapters.canary_search import marks_in
from diptych.cli.demo_registry import FOLDERS
from diptych.drill.attacker.joining import join
from diptych.drill.attacker.records import open_records
from diptych.drill.attacker.tags import guess
from diptych.drill.loot import Loot
from diptych.drill.quorum import REGISTRY
from diptych.drill.scene import Scene
from diptych.drill.sealed_town import THRESHOLD, SealedTown
from diptych.drill.town.marks import MARK


def steal(scene: Scene, system: SealedTown, folders: Sequence[Path], living: Sequence[str] = ()) -> Loot:
    """The registry's database, and everything in these folders: searched, tried on every record and on every tag.

    `living` are servers of the living register, whose memory the same thief has besides.
    """
    opened, read = read_with(scene, system, folders)
    named = guess(system.database, folders, system.town.people, system.cores)
    if living:
        opened_there, read_there = scene.quorum.thieves_of(living, scene.cores)
        opened, read = opened + opened_there, read | read_there
    return Loot(len(read), join(system.rows(named), system.town, {}), opened)


def read_with(scene: Scene, system: SealedTown, folders: Sequence[Path]) -> tuple[int, set[str]]:
    """How many records open with what lies in these folders, and every canary read in them or in the files."""
    opened = open_records(system.database, folders, system.cores)
    found = marks_in(b"\0".join(opened), MARK) | scene.marks_below(system.database, *folders)
    return len(opened), found & system.town.canaries


def one_trustee(scene: Scene, *, weakened: bool = False) -> Loot:
    """One trustee, wholly."""
    system = scene.register(together=frozenset({"agency", "trustee-2", "trustee-3"}) if weakened else frozenset())
    living = [*FOLDERS[:THRESHOLD], REGISTRY] if weakened else FOLDERS[:1]
    return steal(scene, system, [system.folder / "trustee-1"], living)


def one_too_few(scene: Scene, *, weakened: bool = False) -> Loot:
    """One trustee fewer than a record needs, and the agency's key service."""
    system = scene.register(threshold=2) if weakened else scene.register()
    living = () if weakened else (*FOLDERS[: THRESHOLD - 1], REGISTRY)
    return steal(scene, system, [*system.trustees[:2], system.place("agency")], living)


def all_trustees(scene: Scene, *, weakened: bool = False) -> Loot:
    """All trustees, and not the agency."""
    system = scene.register(together=frozenset({"agency"})) if weakened else scene.register()
    return steal(scene, system, system.trustees)
