"""What an audit of a log found, and what an auditor says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.attestation import AuditAttestation
from diptych.formats.tlog.act import CommittedAct
from diptych.formats.tlog.entry import ActType
from diptych.formats.tlog.evidence import Contradiction, Evidence


@dataclass(frozen=True)
class Report:
    """A verified log, or the first thing that contradicts it.

    `origin`, `size`, `root` and `time` are those of a checkpoint that the policy accepts, or None if it accepts none.
    `checked` entries were found equal to their tiles. A failure without evidence is something missing: absence leaves
    none.
    """

    origin: str | None = None
    size: int | None = None
    root: bytes | None = None
    time: datetime | None = None
    witnesses: tuple[str, ...] = ()
    checked: int = 0
    acts: Mapping[ActType, int] = field(default_factory=dict)
    other_entries: int = 0
    earlier_checkpoints: int = 0
    unsigned_files: int = 0
    failure: Contradiction | None = None
    evidence: Evidence | None = None

    @property
    def is_verified(self) -> bool:
        return self.failure is None


@dataclass(frozen=True)
class Waiting:
    """An attestation that was signed, and the act that is to publish it."""

    attestation: UnverifiedStatement[AuditAttestation]
    committed: CommittedAct
