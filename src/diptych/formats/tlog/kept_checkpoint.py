"""The last checkpoint that a party accepted of a log: what every later one must be consistent with, and its clock.

Old value in, new value out; keeping it is left to the roles (docs/spec/statements.md, "Shown acts").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.errors import Conflict, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import Checkpoint, SignedCheckpoint
from diptych.formats.tlog.policy import VerifiedCheckpoint


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint that the keeper's policy accepted, and the log's time: the latest that it has seen, of any."""

    signed: SignedCheckpoint
    time: datetime

    @property
    def checkpoint(self) -> Checkpoint:
        return self.signed.checkpoint


def accept_checkpoint(
    verified: VerifiedCheckpoint, *, since: int, consistency: Sequence[bytes], kept: KeptCheckpoint | None
) -> tuple[KeptCheckpoint, datetime]:
    """What is kept after a checkpoint that the policy accepts, and the time of this checkpoint itself.

    1. Its witnesses say when it was.
    2. The proof was made for the checkpoint that is kept (`Conflict` "shown_act.moved" otherwise: make another).
    3. The two are of one log, and the smaller is the beginning of the larger.
    """
    # 1.
    if verified.time is None:
        raise VerificationError("shown_act.time", "this policy has no witnesses, so that nobody says what time it is")
    # 2.
    if since != (kept.checkpoint.size if kept else 0):
        raise Conflict(
            "shown_act.moved", "the proof is for another checkpoint than the one kept: ask for it, try again"
        )
    # 3.
    if kept is not None and kept.checkpoint.origin != verified.checkpoint.origin:
        raise VerificationError("shown_act.origin", "another log than the one that is followed here")
    if kept is None or kept.checkpoint.size == 0:
        if consistency:
            raise VerificationError("tlog.consistency.empty", "a proof from the empty tree proves nothing")
        return KeptCheckpoint(verified.signed, verified.time), verified.time
    smaller, larger = sorted((kept.signed, verified.signed), key=lambda each: each.checkpoint.size)
    tree.verify_consistency(
        old_size=smaller.checkpoint.size,
        old_root=smaller.checkpoint.root,
        new_size=larger.checkpoint.size,
        new_root=larger.checkpoint.root,
        proof=consistency,
    )
    # The log's time never runs backwards, even where an older checkpoint is shown after a younger one.
    return KeptCheckpoint(larger, max(kept.time, verified.time)), verified.time
