"""A wallet store in memory, which can die before or after any write. It protects nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum

from diptych.errors import Conflict, Unavailable
from diptych.roles.wallet.ports import Change, Key


class Death(Enum):
    """When a write fails: before anything is saved, or after all of it was."""

    BEFORE_SAVING = "before"
    AFTER_SAVING = "after"


@dataclass
class MemoryWalletStore:
    """`dies` names the writes (counted from 0) that raise `Unavailable`, and when they do."""

    entries: dict[Key, bytes] = field(default_factory=dict, repr=False)
    dies: dict[int, Death] = field(default_factory=dict)
    writes: int = 0
    is_acting: bool = False

    def read(self) -> Mapping[Key, bytes]:
        return dict(self.entries)

    @contextmanager
    def acting(self) -> Iterator[None]:
        if self.is_acting:
            raise Conflict("wallet.busy", "another window is acting for this wallet: try again in a moment")
        self.is_acting = True
        try:
            yield
        finally:
            self.is_acting = False

    def save(self, changes: Sequence[Change]) -> None:
        death, self.writes = self.dies.get(self.writes), self.writes + 1
        if death is Death.BEFORE_SAVING:
            raise Unavailable("storage", "the store died before saving")
        if any(self.entries.get(change.key) != change.before for change in changes):
            raise Conflict("wallet.changed", "another window changed this wallet meanwhile: try again")
        for change in changes:
            if change.after is None:
                self.entries.pop(change.key, None)
            else:
                self.entries[change.key] = change.after
        if death is Death.AFTER_SAVING:
            raise Unavailable("storage", "the store died after saving")
