"""What the log's page shows: the checkpoint and who cosigned it, how many acts of which type each day, and one act.

Everything that it says of the log is public, and verified before it is said. Rendering is left to `web/log`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from diptych.errors import Unavailable
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.entry import ActType, Entry, parse_entry, parse_kind
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, verify_checkpoint
from diptych.formats.tlog.proof import VerifiedInclusion, parse_proof, verify_receipt
from diptych.roles.log.ports import LogStore, TileStore
from diptych.roles.log.service import CHECKPOINT

STEP = 16 * 1024


@dataclass(frozen=True)
class Overview:
    """The published log, and its acts by day and type."""

    checkpoint: VerifiedCheckpoint
    acts: Mapping[tuple[date, ActType], int]

    def types_of(self, days: int, *, until: date) -> Mapping[ActType, Mapping[date, int]]:
        """Acts of the last so many days, by type, the most frequent first."""
        first = until - timedelta(days=days - 1)
        found: dict[ActType, dict[date, int]] = {}
        for (day, act_type), count in self.acts.items():
            if first <= day <= until:
                found.setdefault(act_type, {})[day] = count
        return dict(sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0])))


@dataclass(frozen=True)
class FoundEntry:
    """An act that a receipt shows to stand in the log, and where."""

    entry: Entry
    inclusion: VerifiedInclusion


class LogOverview:
    """Reads one log for its page. Counts each entry once, when it has become public; one thread at a time calls."""

    def __init__(self, store: LogStore, files: TileStore, policy: Policy) -> None:
        self._store = store
        self._files = files
        self._policy = policy
        self._counted = 0
        self._acts: Counter[tuple[date, ActType]] = Counter()

    def read(self) -> Overview:
        """The log as the public sees it now; `Unavailable` before its first checkpoint."""
        data = self._files.read(CHECKPOINT)
        if data is None:
            raise Unavailable("log.start", "the log has published nothing yet: look again in a moment")
        published = verify_checkpoint(parse_signed_checkpoint(data), policy=self._policy)
        while self._counted < published.checkpoint.size:
            end = min(self._counted + STEP, published.checkpoint.size)
            for kind in map(parse_kind, self._store.entries(self._counted, end)):
                self._acts[kind.day, kind.act_type] += 1
            self._counted = end
        return Overview(published, dict(self._acts))

    def find(self, receipt: bytes) -> FoundEntry:
        """The act of a receipt (tlog-proof), once it verifies; `FormatError` or `VerificationError` otherwise."""
        verified = verify_receipt(parse_proof(receipt), policy=self._policy)
        return FoundEntry(parse_entry(verified.entry), verified.inclusion)
