"""The part of a holder's memory that says who may act, in memory: for tests, and inside the fakes of the roles."""

from dataclasses import dataclass, field

from diptych.formats.mandate.attestation import AuditAttestation
from diptych.formats.mandate.officer import OfficerRevocation
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.protocols.certifying.officers import HonouredOfficer


@dataclass
class MemoryStanding:
    """`Standing` over dictionaries."""

    kept: KeptCheckpoint | None = None
    officers: dict[bytes, HonouredOfficer] = field(default_factory=dict)
    revocations: dict[bytes, OfficerRevocation] = field(default_factory=dict)
    attested: AuditAttestation | None = None

    def kept_checkpoint(self) -> KeptCheckpoint | None:
        return self.kept

    def keep_checkpoint(self, kept: KeptCheckpoint) -> None:
        self.kept = kept

    def officer(self, fingerprint: bytes) -> HonouredOfficer | None:
        return self.officers.get(fingerprint)

    def save_officer(self, officer: HonouredOfficer) -> None:
        self.officers[officer.certificate.officer] = officer

    def revocation(self, fingerprint: bytes) -> OfficerRevocation | None:
        return self.revocations.get(fingerprint)

    def save_revocation(self, revocation: OfficerRevocation) -> None:
        self.revocations.setdefault(revocation.officer, revocation)

    def attestation(self) -> AuditAttestation | None:
        return self.attested

    def save_attestation(self, attestation: AuditAttestation) -> None:
        self.attested = attestation
