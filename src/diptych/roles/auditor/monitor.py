"""Following a log: each look verifies that it goes on from what was seen before, and what is new in it.

The monitor keeps one checkpoint between two looks; keeping it, and looking again, is left to the caller. Entries before
the first look are left to `log_audit`.
"""

from dataclasses import dataclass

from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.evidence import Contradiction, Evidence, Refusal
from diptych.formats.tlog.label_tree import LATEST, MAX_HEAD_BYTES, parse_head, verify_head
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, verify_checkpoint
from diptych.protocols.reading.files import (
    CHECKPOINT,
    Contradicted,
    LogFiles,
    check_goes_on,
)
from diptych.protocols.reading.labels import WholeLabels


@dataclass(frozen=True)
class Look:
    """What one look found: the checkpoint that the next one starts from, or what contradicts what was seen before."""

    checkpoint: VerifiedCheckpoint | None
    failure: Contradiction | None = None
    evidence: Evidence | None = None


def look(files: LogFiles, *, policy: Policy, last: SignedCheckpoint | None, labels: bool = False) -> Look:
    """The log's checkpoint of now: the policy accepts it, and it goes on from `last` (`check_goes_on`).

    With `labels` a label tree that is new since `last` is made again from the whole log (docs/spec/labels.md).
    Raises `Unavailable` where the files cannot be read: that is no finding.
    """
    data = files.read(CHECKPOINT, max_bytes=MAX_NOTE_BYTES)
    if data is None:
        return Look(None, Contradiction("tlog.file.absent", f"{CHECKPOINT} is missing"))
    try:
        verified = verify_checkpoint(parse_signed_checkpoint(data), policy=policy)
    except (FormatError, VerificationError) as error:
        return Look(None, Contradiction(error.check, f"{CHECKPOINT}: {error.message}"), Refusal(data))
    if last is not None:
        try:
            check_goes_on(files, before=last, now=verified, policy=policy)
        except Contradicted as found:
            return Look(None, found.contradiction, found.evidence)
    if labels:
        return _look_at_labels(files, verified, policy, since=0 if last is None else last.checkpoint.size)
    return Look(verified)


def _look_at_labels(files: LogFiles, verified: VerifiedCheckpoint, policy: Policy, *, since: int) -> Look:
    data = files.read(LATEST, max_bytes=MAX_HEAD_BYTES)
    if data is None:
        return Look(verified)
    try:
        found = verify_head(parse_head(data), policy=policy)
        # A tree that is newer than the checkpoint just read is for the next look.
        if since < found.head.receipt.checkpoint.checkpoint.size <= verified.checkpoint.size:
            check_goes_on(files, before=found.head.receipt.checkpoint, now=verified, policy=policy)
            WholeLabels(files, found, policy)
    except Contradicted as shown:
        return Look(None, shown.contradiction, shown.evidence)
    except (FormatError, VerificationError) as error:
        return Look(None, Contradiction(error.check, f"the last label tree: {error.message}"))
    return Look(verified)
