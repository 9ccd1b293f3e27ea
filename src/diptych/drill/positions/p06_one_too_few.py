"""Position 6: k - 1 trustees wholly, the agency's servers with all their keys, and a copy of every database."""

from diptych.drill.position import Position, Words
from diptych.drill.positions import registers, thefts

POSITION = Position(
    number=6,
    name=Words("Two trustees of five, and the agency", "Deux dépositaires sur cinq, et l'agence"),
    takes=Words(
        "one trustee fewer than the quorum, and all the rest", "un dépositaire de moins que le quorum, et le reste"
    ),
    promise=Words("no record opens, no tag is guessed", "aucun dossier ne s'ouvre, aucune étiquette n'est devinée"),
    plain=thefts.plain_of(thefts.server),
    common=thefts.common_of(thefts.server),
    ours=registers.one_too_few,
    weakened=lambda scene: registers.one_too_few(scene, weakened=True),
    removed=Words("a quorum of three", "un quorum de trois"),
)
