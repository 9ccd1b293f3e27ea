"""Positions that nobody can take yet, and why. They are named so that nobody takes silence for safety."""

from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.scene import Scene


def nothing(scene: Scene) -> Loot:
    """Never called: `absent` says why."""
    raise AssertionError("this position cannot be taken")


def _absent(number: int, name: Words, takes: Words, promise: Words, reason: str) -> Position:
    return Position(
        number=number,
        name=name,
        takes=takes,
        promise=promise,
        plain=nothing,
        common=nothing,
        ours=nothing,
        weakened=nothing,
        removed=Words("", ""),
        absent=lambda scene: reason,
    )


INSIDER = _absent(
    8,
    Words("An insider, or a stolen officer's card", "Un agent, ou sa carte volée"),
    Words("an officer's key and PIN", "la clé et le code d'un agent"),
    Words("the quota at most, every opening public", "au plus le quota, chaque ouverture publique"),
    "no officer opens records over the wire yet: what each holder checks is tested, the whole act is not served",
)
NOTIFICATIONS = _absent(
    15,
    Words("The notification server and its database", "Le serveur de notification et sa base"),
    Words("whatever reaches citizens by mail or telephone", "tout ce qui joint les citoyens"),
    Words("no address", "aucune adresse"),
    "there is no notification server: no role keeps an address or a number to send anything to",
)
