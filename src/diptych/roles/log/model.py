"""What the log's writer knows: the checkpoint it signed last, the witnesses it asks, and why it would stop for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.errors import Refused
from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.formats.tlog.evidence import Fork
from diptych.formats.tlog.note import VerifierKey
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint
from diptych.formats.tlog.proof import LogProof


@dataclass(frozen=True)
class Contact:
    """A witness of the policy: where it is asked, the names and keys that the policy knows it by."""

    url: str
    names: tuple[bytes, ...]
    keys: tuple[VerifierKey, ...]


@dataclass(frozen=True)
class Appended:
    """Entries that stand in the log under its quorum of witnesses: a receipt for each, in the order they came."""

    receipts: Sequence[LogProof]
    checkpoint: VerifiedCheckpoint


@dataclass(frozen=True)
class LabelPlan:
    """A label tree of this log: over its first `entries` entries, made at `moment` (whole seconds)."""

    entries: int
    moment: datetime


class Halted(Refused):
    """The log must not be written any more: it would become two. `fork` is the evidence, where there is one.

    Nothing mends this but a person who finds out which history was public.
    """

    def __init__(self, check: str, message: str, *, shown: SignedCheckpoint | None = None, fork: Fork | None = None):
        super().__init__(check, message)
        self.shown = shown
        self.fork = fork


def contacts_of(policy: Policy) -> tuple[Contact, ...]:
    """Whom to ask: the policy's witnesses that have a URL, each once."""
    by_url: dict[str, list[bytes]] = {}
    for name, known in policy.witnesses.items():
        if known.url is not None:
            by_url.setdefault(known.url, []).append(name)
    return tuple(
        Contact(url, tuple(names), tuple(policy.witnesses[name].key for name in names)) for url, names in by_url.items()
    )
