"""What the log's writer needs from outside: a database, a place for files, and its witnesses."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.protocols.witnessing.add_checkpoint import AddCheckpoint, Answer
from diptych.roles.log.model import LabelPlan


class LogStore(Protocol):
    """The sequencer's database: entries in their final order, and the last checkpoint that was signed."""

    def size(self) -> int:
        """How many entries are kept."""
        ...

    def append(self, entries: Sequence[bytes], *, size: int) -> Sequence[int]:
        """Keep entries behind the `size` that are there; the position of each. All or none; durable on return.

        An entry that is kept already keeps its position and is not kept twice, so whoever is in doubt sends it again.
        `Conflict` if `size` is not what is there: somebody else writes this log. `Unavailable` if it is not known
        whether anything was saved.
        """
        ...

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """Entries `start` to `end`, all of them kept."""
        ...

    def signed(self) -> SignedCheckpoint | None:
        """The last checkpoint that was signed, or None before the first."""
        ...

    def sign(self, signed: SignedCheckpoint, *, after: SignedCheckpoint | None) -> None:
        """Put `signed` in the place of `after`; durable on return. Call this before anybody sees `signed`.

        `Conflict` if the last one is not of the size of `after`: comparing and replacing are one atomic step, so that
        there are never two checkpoints of one size. `Unavailable` if it is not known whether it was saved.
        """
        ...

    def plan_label_tree(self, plan: LabelPlan) -> None:
        """Keep what the next label tree covers; durable on return. Call this before its act is appended.

        `Conflict` unless it covers more than every one before.
        """
        ...

    def label_plans(self) -> Sequence[LabelPlan]:
        """Every label tree that was planned, oldest first."""
        ...


class TileStore(Protocol):
    """The log's public files, by path below its prefix. They are served to anyone and believed by nobody."""

    def read(self, path: str) -> bytes | None:
        """The file, or None. `Unavailable` if that cannot be told now."""
        ...

    def has(self, path: str) -> bool:
        """Whether there is such a file, whatever is in it."""
        ...

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write these files, replacing what is there; all of them durable on return.

        Each appears whole or not at all, in any order; after an error any of them may be there. Twice is once.
        """
        ...

    def drop(self, paths: Sequence[str]) -> None:
        """Remove the folders of partial tiles that these full tiles have replaced. May do nothing."""
        ...

    def forget(self, folder: str) -> None:
        """Remove a folder of label shards that newer ones have replaced. May do nothing."""
        ...


class Round(Protocol):
    """One round of asking for cosignatures."""

    def ask(self, url: str, request: AddCheckpoint) -> None:
        """Send `add-checkpoint` to the witness at `url`. Never waits, never fails: what comes of it is in `answers`."""
        ...

    def answers(self) -> Iterator[tuple[str, Answer | None]]:
        """The answer to each question, as they come; None where there is none (dead, slow, busy, no HTTP).

        Ends when nothing is outstanding, within a bounded time; more may be asked meanwhile.
        """
        ...


class Witnesses(Protocol):
    """The witnesses, reached side by side: one that is slow delays no other."""

    def round(self) -> Round:
        """Begin to ask. Answers that come after their round are nobody's."""
        ...

    def latest(self, urls: Sequence[str], origin: str) -> Mapping[str, bytes | None]:
        """The last checkpoint of `origin` that each of these witnesses shows, None where it has none.

        Whoever does not answer within a bounded time is left out. What is shown may be anything.
        """
        ...
