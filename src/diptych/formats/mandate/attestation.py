"""Audit attestations: an auditor says that everything up to a checkpoint was verified, and until when that stands.

Which auditors count, and the grace period, are left to whoever asks for one (`protocols/opening`).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import FullDate, TDate, as_tdate, as_unsigned
from diptych.formats.cose.statement import VERSION, Kind, as_day, as_fingerprint, as_line, parse_payload

MAX_VALIDITY = timedelta(days=400)


@dataclass(frozen=True)
class AuditAttestation:
    """Everything up to this size of this log was verified. It stands through `expires`."""

    auditor: bytes
    origin: str
    size: int
    root: bytes
    attested_at: datetime
    expires: date

    @property
    def signer(self) -> bytes:
        return self.auditor

    def encode(self) -> bytes:
        """The exact inverse of `parse_audit_attestation`."""
        return cbor.encode(
            {
                "version": VERSION,
                "auditor": self.auditor,
                "origin": self.origin,
                "size": self.size,
                "root": self.root,
                "attested_at": TDate.of(self.attested_at),
                "expires": FullDate.of(self.expires),
            }
        )


def parse_audit_attestation(payload: bytes) -> AuditAttestation:
    """The attestation in a payload, or `FormatError`."""
    check = "audit_attestation"
    names = ("auditor", "origin", "size", "root", "attested_at", "expires")
    auditor, origin, size, root, attested_at, expires = parse_payload(payload, check, names)
    found = AuditAttestation(
        as_fingerprint(auditor, check),
        as_line(origin, check),
        as_unsigned(size, check),
        as_fingerprint(root, check),
        as_tdate(attested_at, check),
        as_day(expires, check),
    )
    if not timedelta(0) <= found.expires - found.attested_at.date() <= MAX_VALIDITY:
        raise FormatError(f"{check}.validity", f"an attestation stands for at most {MAX_VALIDITY.days} days")
    return found


AUDIT_ATTESTATION = Kind("diptych audit attestation 1", parse_audit_attestation)
