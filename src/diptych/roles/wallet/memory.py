"""A wallet store and a place for backups in memory, which can die before or after any write. They protect nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum

from diptych.errors import Conflict, Unavailable
from diptych.roles.wallet.ports import Change, Key, copied


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
    is_put_back: bool = False

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

    def is_copied(self) -> bool:
        return self.is_put_back

    def save(self, changes: Sequence[Change]) -> None:
        if self.is_put_back:
            raise copied()
        self._write(changes)

    def adopt(self, changes: Sequence[Change]) -> None:
        self._write(changes)

    def _write(self, changes: Sequence[Change]) -> None:
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
        self.is_put_back = False
        if death is Death.AFTER_SAVING:
            raise Unavailable("storage", "the store died after saving")


@dataclass
class MemoryBackupPlace:
    """`named` is what stands under the name. `dies` counts `keep` and `publish` as one row of writes."""

    named: bytes | None = field(default=None, repr=False)
    beside: bytes | None = field(default=None, repr=False)
    dies: dict[int, Death] = field(default_factory=dict)
    writes: int = 0

    def keep(self, data: bytes) -> None:
        self._expect_free()
        with self._write():
            self.beside = data

    def kept(self) -> bytes:
        if self.beside is None:
            raise Unavailable("backup.read", "nothing is kept")
        return self.beside

    def publish(self) -> None:
        self._expect_free()
        with self._write():
            self.named, self.beside = self.kept(), None

    def published(self) -> bytes | None:
        return self.named

    def discard(self) -> None:
        self.beside = None

    def _expect_free(self) -> None:
        if self.named is not None:
            raise Conflict("backup.exists", "there is something of that name already: choose another name")

    @contextmanager
    def _write(self) -> Iterator[None]:
        death, self.writes = self.dies.get(self.writes), self.writes + 1
        if death is Death.BEFORE_SAVING:
            raise Unavailable("backup.write", "the place died before writing")
        yield
        if death is Death.AFTER_SAVING:
            raise Unavailable("backup.write", "the place died after writing")
