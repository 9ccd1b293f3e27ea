"""Position 12: verifiers together with an issuer that remembers every byte it has ever signed.

In zero-knowledge modes. A plain mdoc is recognised by its issuer: the wallet says so before it shows one.
"""

from diptych.drill.attacker.linking import recognised
from diptych.drill.baselines.running import Baseline
from diptych.drill.baselines.table import as_json
from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.positions.presentations import TWICE, copies_of_cards, issued, proven, shown_alike
from diptych.drill.scene import Scene


def name_cards(scene: Scene, baseline: Baseline) -> Loot:
    """Copies of cards, beside the register that made the cards."""
    register = [(person.number, as_json(person.values)) for person in baseline.people[:TWICE]]
    return Loot(openings=recognised(copies_of_cards(baseline), register))


POSITION = Position(
    number=12,
    name=Words("Issuer and verifiers together", "Émetteur et vérificateurs ensemble"),
    takes=Words("all answers, and all that was ever signed", "toutes les réponses, et tout ce qui a été signé"),
    promise=Words("no proof gets a name", "aucune preuve ne reçoit de nom"),
    plain=thefts.plain_of(name_cards),
    common=thefts.common_of(name_cards),
    ours=lambda scene: Loot(openings=recognised(proven(scene), issued(scene))),
    weakened=lambda scene: Loot(openings=recognised(shown_alike(scene), issued(scene))),
    removed=Words("zero knowledge", "la preuve sans divulgation"),
    is_one_person=True,
    wins=Words("every answer named", "toutes les réponses nommées"),
)
