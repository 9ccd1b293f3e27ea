"""A witness store in memory, which can die before or after any write."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import Enum

from diptych.errors import Conflict, Unavailable
from diptych.roles.witness.model import Cosigned


class Death(Enum):
    """When a write fails: before anything is saved, or after all of it was."""

    BEFORE_SAVING = "before"
    AFTER_SAVING = "after"


@dataclass
class MemoryWitnessStore:
    """`dies` names the writes (counted from 0) that raise `Unavailable`, and when they do."""

    kept: dict[str, Cosigned] = field(default_factory=dict)
    dies: dict[int, Death] = field(default_factory=dict)
    writes: int = 0
    lock: AbstractContextManager[object] = field(default_factory=nullcontext)  # a test with threads hands in a real one

    def latest(self, origin: str) -> Cosigned | None:
        return self.kept.get(origin)

    def keep(self, origin: str, *, after: Cosigned | None, cosigned: Cosigned) -> None:
        with self.lock:
            death, self.writes = self.dies.get(self.writes), self.writes + 1
            if death is Death.BEFORE_SAVING:
                raise Unavailable("storage", "the store died before saving")
            if self.kept.get(origin) != after:
                raise Conflict("witness.changed", "another checkpoint was cosigned meanwhile")
            self.kept[origin] = cosigned
            if death is Death.AFTER_SAVING:
                raise Unavailable("storage", "the store died after saving")
