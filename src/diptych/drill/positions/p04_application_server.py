"""Position 4: the application server between two requests: its memory, its keys at rest, its database."""

from diptych.drill.attacker.keys import keys_at_rest, tokens_in
from diptych.drill.attacker.memory import memory_of
from diptych.drill.attacker.orders import open_orders
from diptych.drill.loot import Loot
from diptych.drill.ours import Ours
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.scene import Scene

ISSUER_DATABASE = "issuer.sqlite"
REDEEMED = 4
"""Of what was read of one order, memory may have been used again."""


def steal(scene: Scene, system: Ours) -> Loot:
    """Memory is searched for people, and for anything that might be a key, a code or a token; all of it is tried."""
    memory = memory_of(system.commands.servers["issuer"].pid)
    opened = open_orders(
        system.folder / "issuer" / ISSUER_DATABASE,
        keys=keys_at_rest(system.server_folders),
        tokens=tokens_in(memory),
        near=memory,
        cores=scene.cores,
    )
    found = scene.canaries_of(system.town, memory) + scene.canaries_of(system.town, b"\0".join(opened))
    return Loot(found, openings=len(opened))


POSITION = Position(
    number=4,
    name=Words("The application server", "Le serveur d'application"),
    takes=Words("its memory between requests and all its keys", "sa mémoire entre deux requêtes et toutes ses clés"),
    promise=Words("no stored order and no record opens", "aucune commande ni aucun dossier ne s'ouvre"),
    plain=thefts.plain_of(thefts.server),
    common=thefts.common_of(thefts.server),
    ours=lambda scene: steal(scene, scene.ours),
    weakened=lambda scene: steal(scene, scene.changed("reading_front", redeeming=REDEEMED)),
    removed=Words("the front process that never reads", "le processus d'accueil qui ne lit jamais"),
)
