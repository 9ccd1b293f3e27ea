"""Position 5: one trustee wholly, its database, its keys, its months, and a copy of every database besides."""

from diptych.drill.position import Position, Words
from diptych.drill.positions import registers, thefts

POSITION = Position(
    number=5,
    name=Words("One trustee, wholly", "Un dépositaire, en entier"),
    takes=Words("a trustee's server and every database", "le serveur d'un dépositaire et toutes les bases"),
    promise=Words("no record opens", "aucun dossier ne s'ouvre"),
    plain=thefts.plain_of(thefts.server),
    common=thefts.common_of(thefts.server),
    ours=registers.one_trustee,
    weakened=lambda scene: registers.one_trustee(scene, weakened=True),
    removed=Words("independence: trustees and agency in one hand", "l'indépendance : tous dans une même main"),
)
