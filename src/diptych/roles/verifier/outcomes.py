"""What a verifier holds in memory of an accepted answer: how it was measured, and what it showed, for one reader.

Held here for one process; for several that share a port, see `adapters/shared_outcomes`.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from diptych.private import Personal, Secret
from diptych.roles.verifier.policy import Mechanism

MAX_OUTCOMES = 1000

Revealed = Mapping[str, Personal[str | int | bool]]


@dataclass(frozen=True)
class Measured:
    """What the answer took. Told to who asked, kept nowhere."""

    mechanism: Mechanism
    verify_ms: int
    size: int


@dataclass(frozen=True)
class Outcome:
    """What is in memory of an accepted answer until its presentation's time is over."""

    measured: Measured
    revealed: Revealed
    response_code: Secret | None
    drop_at: datetime


@dataclass
class MemoryOutcomes:
    """`Outcomes` of one process. Each step on the table is one operation: threads need no lock."""

    _held: OrderedDict[str, Outcome] = field(default_factory=OrderedDict, repr=False)

    def remember(self, presentation_id: str, outcome: Outcome) -> None:
        self._held[presentation_id] = outcome
        while len(self._held) > MAX_OUTCOMES:
            self._held.popitem(last=False)

    def find(self, presentation_id: str) -> Outcome | None:
        return self._held.get(presentation_id)

    def hand_over(self, presentation_id: str) -> Revealed:
        outcome = self._held.pop(presentation_id, None)
        if outcome is None:
            return {}
        self._held[presentation_id] = replace(outcome, revealed={})
        return outcome.revealed

    def forget_expired(self, now: datetime) -> None:
        for presentation_id, outcome in list(self._held.items()):
            if now >= outcome.drop_at:
                self._held.pop(presentation_id, None)
