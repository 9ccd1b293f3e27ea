"""Position 1: every database, with write-ahead logs, temporary files and everything else that lies beside them."""

from diptych.drill.attacker.joining import join
from diptych.drill.loot import Loot
from diptych.drill.ours import Ours
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.scene import Scene


def steal(scene: Scene, system: Ours) -> Loot:
    """Every byte is searched; every row is read if it can be, and joined with the list of everybody if it cannot."""
    rows = system.rows(scene.cores)
    read = sum(bool(row.content) for row in rows)
    return Loot(scene.canaries_in(system.town, *system.databases), join(rows, system.town, {}), read)


def steal_all(scene: Scene) -> Loot:
    """The running servers' databases, and the sealed register's."""
    orders, register = steal(scene, scene.ours), scene.register()
    records = join(register.rows(), scene.town, {})
    found = scene.canaries_in(scene.town, register.database)
    worse = max(orders.joined, records, key=lambda joined: joined.low)
    return Loot(orders.canaries + found, worse, orders.openings)


POSITION = Position(
    number=1,
    name=Words("A copy of the databases", "Une copie des bases de données"),
    takes=Words(
        "every table, write-ahead log and temporary file", "toutes les tables, journaux et fichiers temporaires"
    ),
    promise=Words("nobody is read, no row is anybody's", "personne n'est lu, aucune ligne n'est attribuée"),
    plain=thefts.plain_of(thefts.database),
    common=thefts.common_of(thefts.database),
    ours=steal_all,
    weakened=lambda scene: steal(scene, scene.weakened_sealing()),
    removed=Words("sealing", "le scellement"),
)
