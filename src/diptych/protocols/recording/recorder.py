"""The way into the public log, as who writes there sees it."""

from collections.abc import Sequence
from typing import Protocol

from diptych.formats.tlog.entry import Entry
from diptych.formats.tlog.proof import LogProof


class Recorder(Protocol):
    """The way into the public log, in one writer's name."""

    def record(self, entries: Sequence[Entry]) -> Sequence[LogProof]:
        """A receipt for each entry, verified under the writer's own policy, once all are public under witnesses.

        Twice is once. Raises a `DiptychError` otherwise, `Unavailable` where it is not known whether they stand.
        """
        ...
