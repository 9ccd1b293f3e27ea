"""Position 10: a citizen's phone, locked: the wallet's file, what lies beside it, and passphrases people choose."""

from diptych.drill.loot import Loot
from diptych.drill.ours import Ours
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.scene import Scene
from diptych.errors import DiptychError
from diptych.private import Secret

COMMON_PASSPHRASES = ("123456", "motdepasse")
"""Each guess costs a second and 256 MiB here as it does the thief; two show that they are refused."""


def steal(scene: Scene, system: Ours) -> Loot:
    """Every byte is searched; the commonest passphrases are tried."""
    folder = next(iter(system.wallets.values()))
    opened = 0
    for guess in COMMON_PASSPHRASES:
        try:
            system.rooms.wallet(folder, Secret(guess.encode()))
        except DiptychError:
            continue
        opened += 1
    return Loot(scene.canaries_in(system.town, folder), openings=opened)


POSITION = Position(
    number=10,
    name=Words("A stolen, locked wallet", "Un portefeuille volé et verrouillé"),
    takes=Words("the phone of one citizen", "le téléphone d'un citoyen"),
    promise=Words("nothing usable, and nobody else", "rien d'utilisable, et personne d'autre"),
    plain=thefts.plain_of(thefts.phone),
    common=thefts.common_of(thefts.phone),
    ours=lambda scene: steal(scene, scene.ours),
    weakened=lambda scene: steal(scene, scene.weakened_sealing()),
    removed=Words("sealing under the passphrase", "le scellement sous la phrase de passe"),
)
