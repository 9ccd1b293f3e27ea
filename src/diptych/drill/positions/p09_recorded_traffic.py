"""Position 9: an observer who recorded everything, and can read it years later, whatever TLS was worth."""

from diptych.drill.loot import Loot
from diptych.drill.ours import Ours
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.scene import Scene


def steal(scene: Scene, system: Ours) -> Loot:
    """The officer's lines, handed over without any TLS. What a wallet redeems is a stated limit of classical TLS."""
    return Loot(scene.canaries_in(system.town, system.traffic))


POSITION = Position(
    number=9,
    name=Words("Recorded traffic, decrypted later", "Le trafic enregistré, déchiffré plus tard"),
    takes=Words(
        "everything between counter and servers, TLS broken", "tout ce qui va du guichet aux serveurs, TLS cassé"
    ),
    promise=Words("what was sealed stays sealed", "ce qui a été scellé le reste"),
    plain=thefts.plain_of(thefts.traffic),
    common=thefts.common_of(thefts.traffic),
    ours=lambda scene: steal(scene, scene.ours),
    weakened=lambda scene: steal(scene, scene.weakened_sealing()),
    removed=Words("sealing", "le scellement"),
)
