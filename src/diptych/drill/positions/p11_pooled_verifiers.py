"""Position 11: verifiers who put together all that they have ever received, to know a citizen again."""

from diptych.drill.attacker.linking import linked
from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.positions.presentations import copies_of_cards, proven, shown_alike

POSITION = Position(
    number=11,
    name=Words("Verifiers who pool everything", "Des vérificateurs qui mettent tout en commun"),
    takes=Words("two answers from each of two citizens", "deux réponses de chacun de deux citoyens"),
    promise=Words("no two answers are linked", "aucune réponse n'est reliée à une autre"),
    plain=thefts.plain_of(lambda scene, baseline: Loot(openings=linked(copies_of_cards(baseline)))),
    common=thefts.common_of(lambda scene, baseline: Loot(openings=linked(copies_of_cards(baseline)))),
    ours=lambda scene: Loot(openings=linked(proven(scene))),
    weakened=lambda scene: Loot(openings=linked(shown_alike(scene))),
    removed=Words("zero knowledge and one-time copies", "la preuve sans divulgation et la copie unique"),
    is_one_person=True,
    wins=Words("every answer linked", "toutes les réponses reliées"),
)
