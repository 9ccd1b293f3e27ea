"""Position 2: every backup that was ever made, and everything that is there after the erasure, of everybody."""

import shutil

from diptych.drill.attacker.keys import keys_at_rest
from diptych.drill.baselines import table
from diptych.drill.baselines.running import Baseline
from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.positions import registers, thefts
from diptych.drill.scene import Scene
from diptych.drill.town.people import RETENTION

EXPIRED = RETENTION[0]


def restore(scene: Scene, *, months_are_backed_up: bool) -> Loot:
    """Every database is backed up, a retention class expires at all trustees, and then every backup is put back.

    Counted are the expired: whoever still is in the register can still be opened by all of these together.
    """
    system = scene.register(purpose=f"erased-{months_are_backed_up}")
    backups = system.folder / "backups"
    for trustee in system.trustees:
        left_out = () if months_are_backed_up else ("months",)
        shutil.copytree(trustee, backups / trustee.name, ignore=shutil.ignore_patterns(*left_out))
    system.destroy(EXPIRED)
    opened, read = registers.read_with(scene, system, [*system.trustees, system.place("agency"), backups])
    staying = [person for person in system.town.people if person.retention != EXPIRED]
    of_others = frozenset[str]().union(*(person.canaries for person in staying))
    return Loot(len(read - of_others), openings=opened - len(staying))


def restore_table(scene: Scene, baseline: Baseline) -> Loot:
    """The same people are deleted from a table; Monday's backup has them, and the keys are what they were."""
    gone = {person.number for person in baseline.people if person.retention == EXPIRED}
    keys = sorted(keys_at_rest([baseline.folder / "config"]))
    rows = table.stolen_rows(baseline.folder / "backups" / "monday.db", baseline.people, keys, scene.cores)
    return thefts.from_rows(scene, [row for row in rows if row.truth in gone])


POSITION = Position(
    number=2,
    name=Words("Every backup, after an erasure", "Toutes les sauvegardes, après un effacement"),
    takes=Words("every backup ever made, and all keys of today", "toutes les sauvegardes, et toutes les clés du jour"),
    promise=Words("the erased are dead everywhere", "ce qui est effacé l'est partout"),
    plain=thefts.plain_of(restore_table),
    common=thefts.common_of(restore_table),
    ours=lambda scene: restore(scene, months_are_backed_up=False),
    weakened=lambda scene: restore(scene, months_are_backed_up=True),
    removed=Words("month keys that are in no backup", "des clés de mois absentes des sauvegardes"),
)
