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


NOTIFICATIONS = _absent(
    15,
    Words("The notification server and its database", "Le serveur de notification et sa base"),
    Words("whatever reaches citizens by mail or telephone", "tout ce qui joint les citoyens"),
    Words("no address", "aucune adresse"),
    "there is no notification server: no role keeps an address or a number to send anything to",
)
