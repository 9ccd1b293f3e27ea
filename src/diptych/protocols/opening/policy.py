"""A holder's own policy: what it asks before it answers. Its file, and who may change it, are left to the roles."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from diptych.crypto.signing import PublicKey
from diptych.formats.mandate.officer import Role
from diptych.formats.tlog.policy import Policy
from diptych.protocols.certifying.officers import WAITING_TIME


@dataclass(frozen=True)
class LegalBasis:
    """A reason in law for opening records, and what it asks. It stands from `since` through `until`.

    `courts`: by fingerprint; a basis that has some is judicial. `max_deferral`: zero where nothing is deferred.
    `is_citizens_own`: a citizen's own request, which no lapsed audit and no overdue disclosure holds up.
    """

    since: date
    until: date | None = None
    role: Role = Role.OPEN
    courts: Mapping[bytes, PublicKey] = field(default_factory=dict)
    max_deferral: timedelta = timedelta(0)
    is_citizens_own: bool = False
    needs_approval: bool = False

    @property
    def is_judicial(self) -> bool:
        return bool(self.courts)

    def stands_on(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True)
class HolderPolicy:
    """Everything that a holder decides by. Quotas are openings of a day, by the log's time."""

    log: Policy
    legal_bases: Mapping[str, LegalBasis]
    officer_quota: int
    agency_quota: int
    audit_since: date
    audit_grace: timedelta
    waiting_time: timedelta = WAITING_TIME
    lifetime: timedelta = timedelta(hours=1)
    max_delay: timedelta = timedelta(minutes=10)
