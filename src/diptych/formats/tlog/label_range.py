"""What is shown out of a label tree: neighbouring leaves, proven to be all that the log has between the first and last.

A label between two adjacent leaves is absent. A shard is such a range for every label with one prefix, with the entries
and their proofs, so that whoever asks for it reveals a prefix and nothing more (docs/spec/labels.md).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, as_array, as_bytes, as_unsigned
from diptych.formats.tlog import tree
from diptych.formats.tlog.entry import ENTRY_BYTES, parse_entry
from diptych.formats.tlog.label_tree import FOLDER, LabelLeaf, LabelTree, VerifiedLabelTree, parse_leaves
from diptych.formats.tlog.partial import PartialTree, hashes_beside
from diptych.formats.tlog.proof import LogProof, build_receipt
from diptych.formats.tlog.tile import Tile

SHARD_LABELS = 1024
MAX_SHARD_BITS = 32
MAX_RANGE_BYTES = 1024 * 1024
MAX_SHARD_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class LabelRange:
    """Leaves of a label tree from position `start` on, and the hashes of all subtrees beside them. Unverified."""

    start: int
    leaves: tuple[LabelLeaf, ...]
    hashes: tuple[bytes, ...]

    def members(self) -> list[CborValue]:
        return [self.start, b"".join(leaf.encode() for leaf in self.leaves), b"".join(self.hashes)]

    def encode(self) -> bytes:
        """The exact inverse of `parse_range`."""
        return cbor.encode(self.members())


@dataclass(frozen=True)
class VerifiedRange:
    """Leaves that the tree has at these positions."""

    tree: LabelTree
    range: LabelRange
    part: PartialTree

    def covers(self, label: bytes) -> bool:
        """Whether every leaf of that label would be among these: they reach beyond it on both sides, or to the end."""
        leaves, start = self.range.leaves, self.range.start
        reaches_start = start == 0 or (leaves and leaves[0].label < label)
        reaches_end = start + len(leaves) == self.tree.size or (leaves and leaves[-1].label > label)
        return bool(reaches_start and reaches_end)

    def indexes_of(self, label: bytes) -> tuple[int, ...]:
        """Where in the log that label stands, as the tree has it; `VerificationError` if the range does not tell."""
        if not self.covers(label):
            raise VerificationError("tlog.label_tree.range", "these leaves do not tell whether the label is there")
        at, end = self._positions(label)
        return tuple(leaf.index for leaf in self.range.leaves[at:end])

    def narrowed(self, label: bytes) -> LabelRange:
        """The proof of what the tree has under that label: its leaves, if any, and a neighbour on each side."""
        self.indexes_of(label)
        at, end = self._positions(label)
        at, end = max(at - 1, 0), min(end + 1, len(self.range.leaves))
        start = self.range.start + at
        beside = self.part.hashes_beside(range(start, self.range.start + end))
        return LabelRange(start, self.range.leaves[at:end], beside)

    def _positions(self, label: bytes) -> tuple[int, int]:
        labels = self._labels
        return bisect_left(labels, label), bisect_right(labels, label)

    @cached_property
    def _labels(self) -> list[bytes]:
        return [leaf.label for leaf in self.range.leaves]


@dataclass(frozen=True)
class LabelShard:
    """The range of one prefix, the entry of each of its leaves, and the hashes that lead from those to the log's root
    at the size of the head's receipt. Unverified."""

    range: LabelRange
    entries: tuple[bytes, ...]
    hashes: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The exact inverse of `parse_shard`."""
        return cbor.encode([1, *self.range.members(), b"".join(self.entries), b"".join(self.hashes)])


@dataclass(frozen=True)
class VerifiedShard:
    """What label tree and log say of one prefix. `disagreements`: receipts of entries under another label than the
    tree has for them."""

    tree: VerifiedLabelTree
    labels: VerifiedRange
    entries: tuple[bytes, ...]
    log: PartialTree

    def receipts_of(self, label: bytes) -> tuple[LogProof, ...]:
        """The receipts of the entries under a label, none if it is absent; verified all the same."""
        wanted = set(self.labels.indexes_of(label))
        return tuple(
            self._receipt(leaf, entry)
            for leaf, entry in zip(self.labels.range.leaves, self.entries, strict=True)
            if leaf.label == label and leaf.index in wanted
        )

    @property
    def disagreements(self) -> tuple[LogProof, ...]:
        return tuple(
            self._receipt(leaf, entry)
            for leaf, entry in zip(self.labels.range.leaves, self.entries, strict=True)
            if not _is_labelled(entry, leaf.label)
        )

    def _receipt(self, leaf: LabelLeaf, entry: bytes) -> LogProof:
        signed = self.tree.head.receipt.checkpoint
        return build_receipt(entry, index=leaf.index, path=self.log.path(leaf.index), checkpoint=signed)


def parse_range(data: bytes) -> LabelRange:
    """The range in `data`, or `FormatError`."""
    if len(data) > MAX_RANGE_BYTES:
        raise FormatError("tlog.label_range.length", f"a range has at most {MAX_RANGE_BYTES} bytes")
    return _range_of(*as_array(cbor.decode(data), "tlog.label_range", length=3))


def parse_shard(data: bytes) -> LabelShard:
    """The shard in `data`, or `FormatError`."""
    if len(data) > MAX_SHARD_BYTES:
        raise FormatError("tlog.label_shard.length", f"a shard has at most {MAX_SHARD_BYTES} bytes")
    version, start, leaves, hashes, entries, log_hashes = as_array(cbor.decode(data), "tlog.label_shard", length=6)
    if as_unsigned(version, "tlog.label_shard.version") != 1:
        raise FormatError("tlog.label_shard.version", "only version 1 is known here")
    found = _range_of(start, leaves, hashes)
    acts = _split(as_bytes(entries, "tlog.label_shard.entries"), ENTRY_BYTES, "tlog.label_shard.entries")
    if len(acts) != len(found.leaves):
        raise FormatError("tlog.label_shard.entries", "not one entry for each leaf")
    return LabelShard(found, acts, _hashes(log_hashes))


def verify_range(found: LabelRange, *, tree_: LabelTree) -> VerifiedRange:
    """The leaves, if the tree has them at these positions; `VerificationError` otherwise."""
    if any(leaf.index >= tree_.entries for leaf in found.leaves):
        raise VerificationError("tlog.label_tree.index", "a leaf of an entry that the label tree does not cover")
    hashes = {found.start + i: tree.leaf_hash(leaf.encode()) for i, leaf in enumerate(found.leaves)}
    part = PartialTree(tree_.size, hashes, found.hashes)
    if part.root != tree_.root:
        raise VerificationError("tlog.label_tree.root", "the leaves lead to another root than the label tree's")
    return VerifiedRange(tree_, found, part)


def verify_shard(shard: LabelShard, *, tree_: VerifiedLabelTree) -> VerifiedShard:
    """What the shard shows, if it is of that tree and that log; `VerificationError` otherwise.

    1. The leaves are those of the label tree.
    2. Each entry stands in the log at the index that its leaf says.

    That its label is the leaf's is not checked here: where it is not, the log contradicts itself (`disagreements`).
    """
    # 1.
    labels = verify_range(shard.range, tree_=tree_.tree)
    # 2.
    checkpoint = tree_.receipt.inclusion.checkpoint.checkpoint
    leaves = dict[int, bytes]()
    for leaf, entry in zip(shard.range.leaves, shard.entries, strict=True):
        if leaves.setdefault(leaf.index, found := tree.leaf_hash(entry)) != found:
            raise VerificationError("tlog.label_shard.entries", "two entries at one index")
    log = PartialTree(checkpoint.size, leaves, shard.hashes)
    if log.root != checkpoint.root:
        raise VerificationError("tlog.label_shard.root", "the entries lead to another root than the log's")
    return VerifiedShard(tree_, labels, shard.entries, log)


def build_range(leaves: Sequence[bytes], levels: tree.Levels, *, start: int, end: int) -> LabelRange:
    """The range from `start` to `end` of a tree's encoded leaves, whose hashes are in `levels`."""
    beside = hashes_beside(len(leaves), range(start, end), levels.node)
    return LabelRange(start, parse_leaves(b"".join(leaves[start:end])), beside)


def build_range_of(leaves: Sequence[bytes], levels: tree.Levels, label: bytes) -> LabelRange:
    """The range that shows what the tree has under a label: its leaves, if any, and a neighbour on each side."""
    at = bisect_left(leaves, label)
    end = bisect_left(leaves, label + b"\xff" * 9)  # beyond every index of that label
    return build_range(leaves, levels, start=max(at - 1, 0), end=min(end + 1, len(leaves)))


def shard_bits(size: int) -> int:
    """How many leading bits of a label name its shard in a tree of that many labels: up to 1,024 labels to a shard."""
    return max(0, (max(size, 1) - 1).bit_length() - SHARD_LABELS.bit_length() + 1)


def shard_path(tree_: LabelTree, label: bytes) -> str:
    """The path, below the log's prefix, of the shard that tells of a label."""
    return shard_path_at(tree_, shard_number(label, shard_bits(tree_.size)))


def shard_path_at(tree_: LabelTree, number: int) -> str:
    """The path of one shard. Numbers are written as tlog-tiles writes a tile's index."""
    return f"{folder_of(tree_.entries)}/{Tile(0, number).path.removeprefix('tile/0/')}"


def shard_number(label: bytes, bits: int) -> int:
    """The leading bits of a label."""
    return int.from_bytes(label[: MAX_SHARD_BITS // 8], "big") >> (MAX_SHARD_BITS - bits)


def folder_of(entries: int) -> str:
    """Where the shards of the tree over that many entries are."""
    return f"{FOLDER}/{entries}"


def all_path(tree_: LabelTree) -> str:
    """The file of all leaves, one after the other."""
    return f"{folder_of(tree_.entries)}/all"


def _range_of(start: CborValue, leaves: CborValue, hashes: CborValue) -> LabelRange:
    found = parse_leaves(as_bytes(leaves, "tlog.label_range.leaves"))
    return LabelRange(as_unsigned(start, "tlog.label_range.start"), found, _hashes(hashes))


def _hashes(value: CborValue) -> tuple[bytes, ...]:
    return _split(as_bytes(value, "tlog.label_range.hashes"), tree.HASH_BYTES, "tlog.label_range.hashes")


def _split(data: bytes, each: int, check: str) -> tuple[bytes, ...]:
    if len(data) % each:
        raise FormatError(check, f"pieces of {each} bytes are expected")
    return tuple(data[i : i + each] for i in range(0, len(data), each))


def _is_labelled(entry: bytes, label: bytes) -> bool:
    try:
        return parse_entry(entry).label == label
    except FormatError:
        return False
