"""Position 7: every trustee together, without the agency."""

from diptych.drill.position import Position, Words
from diptych.drill.positions import registers, thefts

POSITION = Position(
    number=7,
    name=Words("All trustees together", "Tous les dépositaires ensemble"),
    takes=Words("all five trustees and every database", "les cinq dépositaires et toutes les bases"),
    promise=Words("no record opens without the agency", "aucun dossier ne s'ouvre sans l'agence"),
    plain=thefts.plain_of(thefts.server),
    common=thefts.common_of(thefts.server),
    ours=registers.all_trustees,
    weakened=lambda scene: registers.all_trustees(scene, weakened=True),
    removed=Words("the agency's own half", "la moitié de l'agence"),
)
