"""Finding the acts about one subject: under which labels the log has any, and proof that it has no more.

Asks for shards, which reveals prefixes and a time, or reads everything, which reveals nothing. Keeping what was found,
and the checkpoint to hold the log to next time, is left to the caller (docs/spec/labels.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from diptych.errors import Unavailable, VerificationError
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.formats.tlog.entry import Entry, parse_entry
from diptych.formats.tlog.evidence import Contradiction, LabelsDisagree, verify_evidence
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.label_range import (
    MAX_SHARD_BYTES,
    LabelRange,
    VerifiedShard,
    all_path,
    build_range_of,
    parse_shard,
    shard_path,
    verify_shard,
)
from diptych.formats.tlog.label_tree import (
    LATEST,
    LEAF_BYTES,
    MAX_HEAD_BYTES,
    VerifiedLabelTree,
    label_tree_of,
    leaves_of,
    parse_head,
    parse_leaves,
    verify_head,
)
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint
from diptych.formats.tlog.proof import LogProof, build_receipt, verify_receipt
from diptych.protocols.reading.files import (
    ABSENT,
    Contradicted,
    LogFiles,
    check_goes_on,
    read_bundle,
    read_checkpoint,
    read_file,
)

TREES_TRIED = 3


@dataclass(frozen=True)
class FoundAct:
    """An act about the subject: which of its chain, and the verified receipt of its entry."""

    counter: int
    entry: Entry
    receipt: LogProof


@dataclass(frozen=True)
class Findings:
    """All acts under a chain's labels, as the log's last label tree has them. `absence` shows that label `next_counter`
    is not in the tree; `checkpoint` is what to hold the log to from now on."""

    checkpoint: VerifiedCheckpoint
    tree: VerifiedLabelTree
    acts: tuple[FoundAct, ...]
    next_counter: int
    absence: LabelRange


class Labels(Protocol):
    """One label tree, asked label by label."""

    def look_up(self, label: bytes) -> tuple[Sequence[LogProof], LabelRange]:
        """The receipts of the entries under `label`, and what shows that the tree has these and no others."""
        ...


def find_acts(
    files: LogFiles,
    *,
    start: ChainElement,
    policy: Policy,
    last: SignedCheckpoint | None,
    receipts: Sequence[LogProof] = (),
    whole: bool = False,
) -> Findings:
    """The acts under the labels of `start` and of every later element, up to the first that is absent.

    1. The last label tree's act stands in the log, and the log of now goes on from there and from `last`.
    2. For each label: its entries with their proofs, until one is proven absent.
    3. The `receipts` that were kept: each whose entry the tree covers is under its label in the tree.

    A log keeps the files of its last two trees only: where one is gone and the log has a later tree meanwhile, all of
    it is done again with that one.

    Raises `Contradicted` where the log contradicts itself, with evidence; `VerificationError` or `FormatError` where
    the files do not hold; `Unavailable` where they cannot be read, no day was closed yet, or days close faster than
    they are read. With `whole` all files are read instead of a few, so that whoever serves them learns nothing.
    """
    # 1.
    found = read_label_tree(files, policy=policy)
    for _ in range(TREES_TRIED):
        try:
            return _find_in(found, files, start=start, policy=policy, last=last, receipts=receipts, whole=whole)
        except VerificationError as error:
            later = read_label_tree(files, policy=policy) if error.check == ABSENT else found
            if later.index <= found.index:
                raise
            found = later
    raise Unavailable("tlog.label_tree.slow", "the log closes its days faster than they are read here: try again")


def _find_in(
    found: VerifiedLabelTree,
    files: LogFiles,
    *,
    start: ChainElement,
    policy: Policy,
    last: SignedCheckpoint | None,
    receipts: Sequence[LogProof],
    whole: bool,
) -> Findings:
    """`find_acts` in one label tree."""
    now = read_checkpoint(files, policy=policy)
    check_goes_on(files, before=found.head.receipt.checkpoint, now=now, policy=policy)
    if last is not None:
        check_goes_on(files, before=last, now=now, policy=policy)
    labels: Labels = WholeLabels(files, found, policy) if whole else ShardLabels(files, found, policy)
    # 2.
    acts: list[FoundAct] = []
    for element in start.forward():
        proofs, shown = labels.look_up(element.label)
        if not proofs:
            break
        acts += [FoundAct(element.counter, parse_entry(proof.extra or b""), proof) for proof in proofs]
    # 3.
    for receipt in receipts:
        _check_receipt(labels, found, receipt, policy)
    return Findings(now, found, tuple(acts), element.counter, shown)


def read_label_tree(files: LogFiles, *, policy: Policy) -> VerifiedLabelTree:
    """The log's last label tree."""
    data = files.read(LATEST, max_bytes=MAX_HEAD_BYTES)
    if data is None:
        raise Unavailable("tlog.label_tree.none", "the log has not closed a day yet: look again tomorrow")
    return verify_head(parse_head(data), policy=policy)


class ShardLabels:
    """`Labels` out of the shards that are asked for, each once."""

    def __init__(self, files: LogFiles, tree_: VerifiedLabelTree, policy: Policy) -> None:
        self._files = files
        self._tree = tree_
        self._policy = policy
        self._shards: dict[str, VerifiedShard] = {}

    def look_up(self, label: bytes) -> tuple[Sequence[LogProof], LabelRange]:
        path = shard_path(self._tree.tree, label)
        if path not in self._shards:
            data = read_file(self._files, path, max_bytes=MAX_SHARD_BYTES)
            self._shards[path] = verify_shard(parse_shard(data), tree_=self._tree)
            self._check(self._shards[path])
        shard = self._shards[path]
        return shard.receipts_of(label), shard.labels.narrowed(label)

    def _check(self, shard: VerifiedShard) -> None:
        for receipt in shard.disagreements:
            leaf = next(leaf for leaf in shard.labels.range.leaves if leaf.index == receipt.index)
            raise _contradicted(self._tree, shard.labels.narrowed(leaf.label), receipt, self._policy)


class WholeLabels:
    """`Labels` out of the whole log: every entry and every label is read, and the tree is made again."""

    def __init__(self, files: LogFiles, tree_: VerifiedLabelTree, policy: Policy) -> None:
        self._tree = tree_
        self._signed = tree_.head.receipt.checkpoint
        size = self._signed.checkpoint.size
        self._entries = [entry for bundle in tiles.bundles_of(size) for entry in read_bundle(files, bundle)]
        self._log = tree.Levels.over(self._entries)
        if self._log.root != self._signed.checkpoint.root:
            raise VerificationError("tlog.root", "the entries lead to another root than the checkpoint's")
        self._leaves = leaves_of(self._entries[: tree_.tree.entries])
        said = read_file(files, all_path(tree_.tree), max_bytes=tree_.tree.size * LEAF_BYTES)
        check_label_tree(tree_, made=self._leaves, said=said, receipt_of=self._receipt, policy=policy)
        self._levels = tree.Levels.over(self._leaves)

    def look_up(self, label: bytes) -> tuple[Sequence[LogProof], LabelRange]:
        shown = build_range_of(self._leaves, self._levels, label)
        indexes = [leaf.index for leaf in shown.leaves if leaf.label == label]
        return [self._receipt(index) for index in indexes], shown

    def _receipt(self, index: int) -> LogProof:
        path = tree.build_inclusion_proof(index, self._log.size, self._log.node)
        return build_receipt(self._entries[index], index=index, path=path, checkpoint=self._signed)


def check_label_tree(
    tree_: VerifiedLabelTree,
    *,
    made: Sequence[bytes],
    said: bytes,
    receipt_of: Callable[[int], LogProof],
    policy: Policy,
) -> None:
    """Raises `Contradicted` unless the log's tree is that of the leaves `made` from its entries.

    `said` are the leaves that the log publishes for it; with those of them that differ, the evidence is made.
    """
    if label_tree_of(made, entries=tree_.tree.entries) == tree_.tree:
        return
    leaves = [leaf.encode() for leaf in parse_leaves(said)]
    if label_tree_of(leaves, entries=tree_.tree.entries) != tree_.tree:
        raise VerificationError("tlog.label_tree.all", "the file of all labels is not of the label tree's root")
    levels = tree.Levels.over(leaves)
    differing = parse_leaves(min(set(made) ^ set(leaves)))[0]
    if differing.index >= tree_.tree.entries:
        message = f"the label tree at entry {tree_.index} names entry {differing.index}, which came later"
        raise Contradicted(Contradiction("tlog.labels", message))
    shown = build_range_of(leaves, levels, differing.label)
    raise _contradicted(tree_, shown, receipt_of(differing.index), policy)


def _check_receipt(labels: Labels, tree_: VerifiedLabelTree, receipt: LogProof, policy: Policy) -> None:
    entry = parse_entry(verify_receipt(receipt, policy=policy).entry)
    if receipt.index >= tree_.tree.entries or not entry.act_type.is_about_a_subject:
        return
    proofs, shown = labels.look_up(entry.label)
    if receipt.index not in {proof.index for proof in proofs}:
        raise _contradicted(tree_, shown, receipt, policy)


def _contradicted(tree_: VerifiedLabelTree, shown: LabelRange, receipt: LogProof, policy: Policy) -> Contradicted:
    evidence = LabelsDisagree(tree_.head, shown, receipt)
    return Contradicted(verify_evidence(evidence, policy=policy), evidence)
