"""An issuer's epochs, held against the public log: one key for each, and none that is shown to some and not to others.

A receipt shows that a key is public, not that it is the only one. So the log's labels are read as well: the list that
tells of all that came before, and every entry since. The signatures of epochs are left to `formats.bbs_credential`.
"""

from collections.abc import Sequence

from diptych.errors import FormatError, Unavailable, VerificationError
from diptych.formats.bbs_credential.epoch import Epoch, ListedEpoch
from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.formats.tlog.entry import ActType, parse_entry
from diptych.formats.tlog.label_tree import VerifiedLabelTree
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint
from diptych.formats.tlog.proof import LogProof, parse_proof, verify_receipt
from diptych.formats.tlog.published_epoch import PublishedEpoch, epoch_label
from diptych.protocols.reading.files import Contradicted, LogFiles, check_goes_on, entries_of, read_checkpoint
from diptych.protocols.reading.labels import ShardLabels, read_label_tree

MAX_UNLISTED = 1 << 18
"""Entries since the log's last list of labels that are read one by one: 27 MB. A busier log makes its lists oftener."""
NO_TREE, STALE = "tlog.label_tree.none", "tlog.stale"


def published(epoch: Epoch) -> PublishedEpoch:
    """What the log is told of an epoch."""
    return PublishedEpoch(
        epoch.issuer,
        epoch.number,
        epoch.name,
        epoch.starts,
        epoch.ends,
        epoch.since,
        epoch.key,
        epoch.buckets,
    )


def verify_logged(listed: ListedEpoch, *, policy: Policy) -> LogProof:
    """The receipt of an epoch, once it holds under the reader's own policy and is of this very epoch.

    `VerificationError` "epoch.not_logged" for one without a receipt that holds, "epoch.otherwise" for another's.
    """
    if listed.receipt is None:
        raise VerificationError("epoch.not_logged", "the issuer shows no receipt of the public log for its epoch's key")
    try:
        receipt = parse_proof(listed.receipt)
        entry = parse_entry(verify_receipt(receipt, policy=policy).entry)
    except (FormatError, VerificationError) as error:
        raise VerificationError("epoch.not_logged", f"the receipt of the epoch's key does not hold: {error}") from error
    if published(listed.epoch).entry(policy_hash=entry.policy_hash) != entry:
        raise VerificationError("epoch.otherwise", "the receipt is of another epoch or key than the issuer shows")
    return receipt


class EpochsInLog:
    """What one reader has seen of a log's epochs. Reads on from where it was; keep one for each log. No two threads.

    `last` is a checkpoint that the reader accepted before, if it keeps one.
    """

    def __init__(self, files: LogFiles, policy: Policy, last: SignedCheckpoint | None = None) -> None:
        self._files = files
        self._policy = policy
        self._last = last
        self._began = 0
        self._read_to: int | None = None
        self._since: dict[bytes, set[int]] = {}
        self._before: dict[bytes, frozenset[int]] = {}

    @property
    def checkpoint(self) -> SignedCheckpoint | None:
        """What to hold the log to from now on."""
        return self._last

    def check(self, listed: Sequence[ListedEpoch]) -> None:
        """Raises unless the epochs that an issuer lists, the newest first, are those of the log. In this order:

        1. Every epoch that can be accepted is listed: from the number that the newest names on, one after the other.
        2. Each has a receipt that holds under this reader's policy and is of this very epoch.
        3. The log of now goes on from those receipts and from what was read before.
        4. Under the label of each stands that entry and no other: `VerificationError` "epoch.split_view".
        5. No later epoch stands in the log: `Unavailable` "epoch.withheld", because it may just have been recorded.
        """
        if not listed:
            return
        # 1.
        newest = listed[0].epoch
        counted = [one for one in listed if one.epoch.number >= newest.since]
        if [one.epoch.number for one in counted] != list(range(newest.number, newest.since - 1, -1)):
            raise VerificationError("epoch.incomplete_list", "the issuer does not list every epoch that is accepted")
        # 2.
        receipts = {one.epoch.number: verify_logged(one, policy=self._policy) for one in counted}
        # 3.
        now = self._read_on([receipts[newest.number].checkpoint])
        # 4.
        for number, receipt in receipts.items():
            if self._indexes(newest.issuer, number, now) != {receipt.index}:
                raise VerificationError(
                    "epoch.split_view", "the log has another key for this epoch: the issuer shows others another one"
                )
        # 5.
        if self._indexes(newest.issuer, newest.number + 1, now):
            raise Unavailable(
                "epoch.withheld",
                "the log has a later epoch than the issuer shows: try again, and if it stays so, it is hidden from you",
            )

    def next_number(self, issuer: str, *, start: int) -> int:
        """The first number from `start` on under which the log has no epoch of this issuer."""
        now = self._read_on([])
        while self._indexes(issuer, start, now):
            start += 1
        return start

    def _read_on(self, before: Sequence[SignedCheckpoint]) -> VerifiedCheckpoint:
        """Every epoch's entry since the log's list of labels, or since the last look."""
        now = read_checkpoint(self._files, policy=self._policy)
        for signed in (*before, *([] if self._last is None else [self._last])):
            self._check_goes_on(signed, now)
        if self._read_to is None:
            self._began = self._read_to = min(self._listed_to(now), now.checkpoint.size)
        start = self._read_to
        if now.checkpoint.size - start > MAX_UNLISTED:
            raise Unavailable("epoch.log_busy", "the log has too many entries since its last list of labels: try later")
        for index, data in entries_of(self._files, now, start=start):
            try:
                entry = parse_entry(data)
            except FormatError:
                continue  # no act of ours, and so under no label
            if entry.act_type is ActType.EPOCH_PUBLISHED:
                self._since.setdefault(entry.label, set()).add(index)
        self._read_to, self._last = now.checkpoint.size, now.signed
        return now

    def _listed_to(self, now: VerifiedCheckpoint) -> int:
        """How many of the log's entries its list of labels tells of; 0 before the first list."""
        tree = self._tree(now)
        return 0 if tree is None else tree.tree.entries

    def _tree(self, now: VerifiedCheckpoint) -> VerifiedLabelTree | None:
        """The log's list of labels, if there is one. It reaches to where reading entries began, or further."""
        try:
            tree = read_label_tree(self._files, policy=self._policy)
        except Unavailable as error:
            if error.check != NO_TREE or self._began:
                raise
            return None
        listed = tree.head.receipt.checkpoint
        self._check_goes_on(listed, now if listed.checkpoint.size <= now.checkpoint.size else self._later(now))
        if tree.tree.entries < self._began:
            raise Unavailable("epoch.log_stale", "the log shows an older list of labels than before: try again")
        return tree

    def _later(self, now: VerifiedCheckpoint) -> VerifiedCheckpoint:
        """What the log shows since `now` was read, on which it goes on: a list may have been made meanwhile."""
        later = read_checkpoint(self._files, policy=self._policy)
        self._check_goes_on(now.signed, later)
        return later

    def _indexes(self, issuer: str, number: int, now: VerifiedCheckpoint) -> set[int]:
        """Where the log has an epoch of that number: everywhere."""
        label = epoch_label(issuer, number)
        if label not in self._before:
            self._before[label] = self._looked_up(label, now)
        return set(self._before[label]) | self._since.get(label, set())

    def _looked_up(self, label: bytes, now: VerifiedCheckpoint) -> frozenset[int]:
        """Where the log's list of labels has this one."""
        tree = self._tree(now)
        if tree is None:
            return frozenset()
        try:
            proofs, _ = ShardLabels(self._files, tree, self._policy).look_up(label)
        except Contradicted as contradicted:
            raise _contradicted() from contradicted
        return frozenset(proof.index for proof in proofs)

    def _check_goes_on(self, before: SignedCheckpoint, now: VerifiedCheckpoint) -> None:
        try:
            check_goes_on(self._files, before=before, now=now, policy=self._policy)
        except Contradicted as contradicted:
            if contradicted.contradiction.check == STALE:
                raise Unavailable(
                    "epoch.log_stale", "the log shows less than it did before: try again in a minute"
                ) from contradicted
            raise _contradicted() from contradicted


def _contradicted() -> VerificationError:
    return VerificationError(
        "epoch.log", "the log contradicts itself: `diptych wallet acts` or `diptych log monitor` write down how"
    )
