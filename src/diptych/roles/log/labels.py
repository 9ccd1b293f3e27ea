"""Closing a day: every label of the log in one sorted tree whose root the log records, and the files that show it.

What a tree covers is planned in the database before its act is appended, so that after a crash the same act is appended
again. Appending is `service`, and when it happens is left to the caller.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

from diptych.errors import FormatError, Unavailable, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.entry import ENTRY_BYTES, parse_entry
from diptych.formats.tlog.label_range import (
    MAX_SHARD_BITS,
    LabelShard,
    all_path,
    build_range,
    folder_of,
    shard_bits,
    shard_path_at,
)
from diptych.formats.tlog.label_tree import (
    LATEST,
    LabelTree,
    LabelTreeHead,
    head_path,
    label_tree_of,
    leaves_of,
    parse_head,
    verify_head,
)
from diptych.formats.tlog.partial import hashes_beside
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.proof import LogProof
from diptych.roles.log.model import LabelPlan
from diptych.roles.log.ports import LogStore, TileStore

STEP = 16 * 1024
FILES_AT_ONCE = 64
KEPT_TREES = 2
"""The shards of this many trees stay: whoever has just read the head of the last but one still finds its shards."""


class LabelTrees:
    """The label trees of one log. `every` is how long a day is: UTC days unless an operator shortens them."""

    def __init__(self, store: LogStore, files: TileStore, *, policy: Policy, every: timedelta) -> None:
        self._store = store
        self._files = files
        self._policy = policy
        self._every = every

    def due(self, *, size: int, now: datetime) -> LabelPlan | None:
        """The tree to make now: the planned one while it is not published, a new one once its day is over, or none.

        `size` is that of the published checkpoint: a tree covers what is public, and nothing else.
        """
        plans = self._store.label_plans()
        if plans:
            if not self._is_published(plans[-1]):
                return plans[-1]
            last = plans[-1].moment
        elif size == 0:
            return None
        else:
            day = parse_entry(self._store.entries(0, 1)[0]).day
            last = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if int(now.timestamp() // self._every.total_seconds()) <= int(last.timestamp() // self._every.total_seconds()):
            return None
        plan = LabelPlan(size, now.replace(microsecond=0))
        self._store.plan_label_tree(plan)
        return plan

    def entry(self, plan: LabelPlan) -> bytes:
        """The entry that records the planned tree: the same whenever it is asked for."""
        made = label_tree_of(self._leaves(plan.entries), entries=plan.entries)
        return made.entry(day=plan.moment.date(), policy_hash=self._policy.digest).encode()

    def publish(self, plan: LabelPlan, receipt: LogProof) -> LabelTree:
        """Write the files of the planned tree, whose act has this receipt, and point to it. Twice is once."""
        leaves = self._leaves(plan.entries)
        made = label_tree_of(leaves, entries=plan.entries)
        head = self._kept_head(receipt, made) or LabelTreeHead(made, receipt)
        # Kept first: the shards lead to the root of this receipt, and are made again for the same one after a crash.
        self._files.write({head_path(head.receipt.index): head.encode()})
        self._files.write({all_path(made): b"".join(leaves)})
        for files in _in_portions(self._shards(leaves, made, head)):
            self._files.write(files)
        self._files.write({LATEST: head.encode()})
        for old in self._store.label_plans()[:-KEPT_TREES]:
            if self._files.has(all_path(LabelTree(old.entries, 0, tree.EMPTY_ROOT))):
                self._files.forget(folder_of(old.entries))
        return made

    def _kept_head(self, receipt: LogProof, made: LabelTree) -> LabelTreeHead | None:
        data = self._files.read(head_path(receipt.index))
        try:
            head = None if data is None else parse_head(data)
            if head is None or head.tree != made:
                return None
            verify_head(head, policy=self._policy)
            return head
        except (FormatError, VerificationError):
            return None

    def _is_published(self, plan: LabelPlan) -> bool:
        data = self._files.read(LATEST)
        try:
            return data is not None and parse_head(data).tree.entries == plan.entries
        except FormatError:
            return False

    def _shards(self, leaves: Sequence[bytes], made: LabelTree, head: LabelTreeHead) -> Iterator[tuple[str, bytes]]:
        acts, log = self._acts(head.receipt.checkpoint.checkpoint.size)
        if log.root != head.receipt.checkpoint.checkpoint.root:
            raise Unavailable("log.labels.root", "the database's entries are not those of the checkpoint")
        labels = tree.Levels.over(leaves)
        bits = shard_bits(made.size)
        end = 0
        for number in range(1 << bits):
            start, end = end, bisect_left(leaves, _prefix(number + 1, bits)) if number + 1 < 1 << bits else len(leaves)
            shown = build_range(leaves, labels, start=max(start - 1, 0), end=min(end + 1, len(leaves)))
            entries = tuple(acts[leaf.index * ENTRY_BYTES : (leaf.index + 1) * ENTRY_BYTES] for leaf in shown.leaves)
            beside = hashes_beside(log.size, [leaf.index for leaf in shown.leaves], log.node)
            yield shard_path_at(made, number), LabelShard(shown, entries, beside).encode()

    def _leaves(self, entries: int) -> Sequence[bytes]:
        return leaves_of(chain.from_iterable(self._portions(entries)))

    def _acts(self, size: int) -> tuple[bytes, tree.Levels]:
        """The first `size` entries in one piece, and their tree."""
        acts = b"".join([b"".join(portion) for portion in self._portions(size)])
        return acts, tree.Levels.over(acts[i : i + ENTRY_BYTES] for i in range(0, len(acts), ENTRY_BYTES))

    def _portions(self, size: int) -> Iterator[Sequence[bytes]]:
        for start in range(0, size, STEP):
            yield self._store.entries(start, min(start + STEP, size))


def _prefix(number: int, bits: int) -> bytes:
    """The smallest label of that shard, up to its last byte that counts."""
    return (number << (MAX_SHARD_BITS - bits)).to_bytes(MAX_SHARD_BITS // 8, "big")


def _in_portions(files: Iterator[tuple[str, bytes]]) -> Iterator[Mapping[str, bytes]]:
    portion: dict[str, bytes] = {}
    for path, data in files:
        portion[path] = data
        if len(portion) == FILES_AT_ONCE:
            yield portion
            portion = {}
    if portion:
        yield portion
