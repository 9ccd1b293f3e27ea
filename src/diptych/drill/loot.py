"""What a thief got, in one place: counts, and nothing that was hoped for."""

from dataclasses import dataclass

from diptych.drill.attacker.joining import NOTHING, Joined


@dataclass(frozen=True)
class Loot:
    """What one attack on one system brought.

    `canaries` are planted values read, `joined` how far rows were named beyond guessing, `openings` how often the
    attack reached its end: records read whole, lies believed, rules passed. `beyond` counts those of them that the
    position promises against; `seen_after` is the time in seconds until somebody else could see the act, if ever.
    """

    canaries: int = 0
    joined: Joined = NOTHING
    openings: int = 0
    beyond: int | None = None
    seen_after: float | None = None

    @property
    def holds(self) -> bool:
        """Whether what must hold did."""
        beyond = self.canaries + self.openings if self.beyond is None else self.beyond
        return beyond == 0 and not self.joined.is_above_chance
