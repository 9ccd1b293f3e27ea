"""A place where a thief can stand: what it takes there, and what it got from each system when it tried."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diptych.drill.loot import Loot

if TYPE_CHECKING:
    from diptych.drill.scene import Scene

Attack = Callable[["Scene"], Loot]


@dataclass(frozen=True)
class Words:
    """The same in English and French."""

    en: str
    fr: str


@dataclass(frozen=True)
class Position:
    """One position of docs/threat-model.md. Each of the four attacks is the same thief before another system."""

    number: int
    name: Words
    takes: Words
    """What the thief has, as a visitor would say it."""
    promise: Words
    """What must hold."""
    plain: Attack
    common: Attack
    ours: Attack
    weakened: Attack
    """Ours with one defence removed: here the same attack has to win, or it proves nothing."""
    removed: Words
    """Which defence that is."""
    is_one_person: bool = False
    """Whether there is one thing to win, and not a share of the town."""
    wins: Words = Words("everything", "tout")
    """What that one thing is."""
    absent: Callable[["Scene"], str | None] = lambda scene: None
    """Why the position cannot be taken yet, or None where it can."""


@dataclass(frozen=True)
class Result:
    """A position, tried. Without `loots` it does not apply, and `reason` says why."""

    position: Position
    reason: str | None
    plain: Loot | None = None
    common: Loot | None = None
    ours: Loot | None = None
    weakened: Loot | None = None

    @property
    def applies(self) -> bool:
        """Whether it could be taken."""
        return self.reason is None

    @property
    def holds(self) -> bool | None:
        """Whether the promise held, and the attack is one that wins where the defence is gone."""
        if self.ours is None or self.weakened is None:
            return None
        return self.ours.holds and not self.weakened.holds


def take(position: Position, scene: "Scene") -> Result:
    """Stand there and try: first where it must win."""
    reason = position.absent(scene)
    if reason is not None:
        return Result(position, reason)
    weakened = position.weakened(scene)
    return Result(
        position,
        None,
        weakened=weakened,
        plain=position.plain(scene),
        common=position.common(scene),
        ours=position.ours(scene),
    )
