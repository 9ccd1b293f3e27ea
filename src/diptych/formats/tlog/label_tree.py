"""The daily label tree: every label of the log in order, so that it can be shown which are there and which are not.

Its root stands in the log as an act that anybody can compute from the entries before it (docs/spec/labels.md). What is
shown out of it, and in which files, is left to `label_range`.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import overload

from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import as_array, as_bytes, as_unsigned
from diptych.formats.tlog import tree
from diptych.formats.tlog.act import SALT_BYTES, Act, CommittedAct, Detail
from diptych.formats.tlog.entry import HASH_BYTES, ActorClass, ActType, Entry, label_in, parse_entry, parse_kind
from diptych.formats.tlog.lines import MAX_NUMBER
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.proof import MAX_PROOF_BYTES, LogProof, VerifiedReceipt, parse_proof, verify_receipt
from diptych.private import Personal, Secret

FOLDER = "labels"
LATEST = f"{FOLDER}/latest"
HEADS = f"{FOLDER}/heads"
LEAF_BYTES = 40
MAX_HEAD_BYTES = MAX_PROOF_BYTES + 128

_LEAF = struct.Struct(">32sQ")


@dataclass(frozen=True, order=True)
class LabelLeaf:
    """A label and the index of its entry in the log, in the order of the tree: by label, then by index."""

    label: bytes
    index: int

    def encode(self) -> bytes:
        """The 40 bytes of the leaf; their order as bytes is the order of the tree."""
        return _LEAF.pack(self.label, self.index)


@dataclass(frozen=True)
class LabelTree:
    """The tree over the labels of the log's first `entries` entries: how many labels, and the root."""

    entries: int
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if len(self.root) != HASH_BYTES or not 0 <= self.size <= self.entries <= MAX_NUMBER:
            raise FormatError("tlog.label_tree", "a label tree has a root hash and at most a label for every entry")

    def committed(self, day: date) -> CommittedAct:
        """The act, under a salt of zeros: it hides nothing, and anybody can compute its commitment."""
        details = Personal[Mapping[str, Detail]]({"entries": self.entries, "size": self.size, "root": self.root})
        return CommittedAct(Act(ActType.LABEL_TREE, day, ActorClass.LOG, details), Secret(bytes(SALT_BYTES)))

    def entry(self, *, day: date, policy_hash: bytes) -> Entry:
        """The entry that puts the tree into the log."""
        return self.committed(day).entry(policy_hash=policy_hash)


@dataclass(frozen=True)
class LabelTreeHead:
    """A label tree with the receipt of its entry. Unverified."""

    tree: LabelTree
    receipt: LogProof

    def encode(self) -> bytes:
        """The exact inverse of `parse_head`."""
        return cbor.encode([1, self.tree.entries, self.tree.size, self.tree.root, self.receipt.encode()])


@dataclass(frozen=True)
class VerifiedLabelTree:
    """A label tree whose act stands in the log: what the log says of all labels, on that day."""

    tree: LabelTree
    entry: Entry
    receipt: VerifiedReceipt
    head: LabelTreeHead

    @property
    def index(self) -> int:
        """Where its act stands."""
        return self.receipt.inclusion.index

    @property
    def day(self) -> date:
        """The day on which it was made."""
        return self.entry.day


def parse_head(data: bytes) -> LabelTreeHead:
    """The head in `data`, or `FormatError`. Nothing about it is verified."""
    if len(data) > MAX_HEAD_BYTES:
        raise FormatError("tlog.label_tree.length", f"a label tree's head has at most {MAX_HEAD_BYTES} bytes")
    version, entries, size, root, receipt = as_array(cbor.decode(data), "tlog.label_tree", length=5)
    if as_unsigned(version, "tlog.label_tree.version") != 1:
        raise FormatError("tlog.label_tree.version", "only version 1 is known here")
    return LabelTreeHead(
        LabelTree(
            as_unsigned(entries, "tlog.label_tree.entries"),
            as_unsigned(size, "tlog.label_tree.size"),
            as_bytes(root, "tlog.label_tree.root"),
        ),
        parse_proof(as_bytes(receipt, "tlog.label_tree.receipt")),
    )


def verify_head(head: LabelTreeHead, *, policy: Policy) -> VerifiedLabelTree:
    """The label tree, if its act stands in the log; `VerificationError` otherwise. That it is true is not checked.

    1. The receipt verifies under the policy.
    2. The entry is an act of a label tree, by the log.
    3. The entry commits to this tree.
    4. The tree covers entries before its own act only, and is empty exactly if its root is the empty one.
    """
    # 1.
    receipt = verify_receipt(head.receipt, policy=policy)
    # 2.
    entry = parse_entry(receipt.entry)
    if (entry.act_type, entry.actor) != (ActType.LABEL_TREE, ActorClass.LOG):
        raise VerificationError("tlog.label_tree.act", "the receipt is not of a label tree")
    # 3.
    if head.tree.committed(entry.day).commitment != entry.commitment:
        raise VerificationError("tlog.label_tree.commitment", "the log's act commits to another label tree")
    # 4.
    found = head.tree
    if found.entries > receipt.inclusion.index or (found.size == 0) != (found.root == tree.EMPTY_ROOT):
        raise VerificationError("tlog.label_tree.size", "the label tree covers what came after it, or is empty and not")
    return VerifiedLabelTree(found, entry, receipt, head)


class Leaves(Sequence[bytes]):
    """A tree's encoded leaves in one piece, 40 bytes each: as many objects would take twice as much."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data) // LEAF_BYTES

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        start = range(len(self))[at] * LEAF_BYTES
        return self._data[start : start + LEAF_BYTES]


def leaves_of(entries: Iterable[bytes]) -> Leaves:
    """The tree's leaves, encoded and in order, over the log's entries from the first on. Entries that are no acts have
    no label."""
    by_first_byte = [bytearray() for _ in range(256)]
    for index, data in enumerate(entries):
        try:
            kind = parse_kind(data)
        except FormatError:
            continue
        if kind.act_type.is_about_a_subject:
            label = label_in(data)
            by_first_byte[label[0]] += _LEAF.pack(label, index)
    return Leaves(b"".join(map(_sorted, by_first_byte)))


def _sorted(leaves: bytearray) -> bytes:
    return b"".join(sorted(bytes(leaves[i : i + LEAF_BYTES]) for i in range(0, len(leaves), LEAF_BYTES)))


def parse_leaves(data: bytes) -> tuple[LabelLeaf, ...]:
    """The leaves in `data`, one after the other and in order, or `FormatError`."""
    if len(data) % LEAF_BYTES:
        raise FormatError("tlog.label_tree.leaves", f"leaves have {LEAF_BYTES} bytes each")
    leaves = tuple(LabelLeaf(label, index) for label, index in _LEAF.iter_unpack(data))
    if any(first >= second for first, second in pairwise(leaves)):
        raise FormatError("tlog.label_tree.order", "the leaves are not in order, each once")
    if any(leaf.index > MAX_NUMBER for leaf in leaves):
        raise FormatError("tlog.label_tree.index", "an index beyond any log")
    return leaves


def label_tree_of(leaves: Sequence[bytes], *, entries: int) -> LabelTree:
    """The tree over these leaves."""
    levels = tree.Levels.over(leaves)
    return LabelTree(entries, len(leaves), levels.root)


def head_path(index: int) -> str:
    """Where the head of the label tree at that index of the log is kept for good."""
    return f"{HEADS}/{index}"
