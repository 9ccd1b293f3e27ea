"""What a witness knows: the logs it follows, and for each the last checkpoint that it cosigned."""

from dataclasses import dataclass

from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.formats.tlog.note import VerifierKey


@dataclass(frozen=True)
class FollowedLog:
    """A log by its origin, and the keys that sign for it: from the witness's own settings, never from the log."""

    origin: str
    keys: tuple[VerifierKey, ...]


@dataclass(frozen=True)
class Cosigned:
    """A checkpoint with the log's signature and this witness's cosignatures, made at `timestamp` (POSIX seconds)."""

    signed: SignedCheckpoint
    timestamp: int
