"""Officer certificates and their revocation, signed by the agency's certifying key.

When a certificate was published, and how long a new officer waits, is left to whoever honours it (`protocols/opening`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from diptych.crypto.signing import PublicKey, encode_public_key, fingerprint, parse_public_key
from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, TDate, as_array, as_bytes, as_tdate, as_text
from diptych.formats.cose.statement import VERSION, Kind, as_fingerprint, parse_payload

MAX_VALIDITY = timedelta(days=5 * 366)


class Role(StrEnum):
    """What an officer may do."""

    CORRECT = "correct"
    ENROL = "enrol"
    ERASE = "erase"
    FIND = "find"
    OPEN = "open"


@dataclass(frozen=True)
class OfficerCertificate:
    """An officer's key, what its holder may do, and when."""

    agency: bytes
    officer_key: PublicKey
    roles: frozenset[Role]
    valid_from: datetime
    valid_until: datetime

    @property
    def signer(self) -> bytes:
        return self.agency

    @cached_property
    def officer(self) -> bytes:
        """The fingerprint of the officer's key."""
        return fingerprint(self.officer_key)

    def stands_at(self, moment: datetime) -> bool:
        """Whether the moment lies in its validity."""
        return self.valid_from <= moment <= self.valid_until

    def encode(self) -> bytes:
        """The exact inverse of `parse_officer_certificate`."""
        return cbor.encode(
            {
                "version": VERSION,
                "agency": self.agency,
                "officer": encode_public_key(self.officer_key),
                "roles": sorted(self.roles),
                "valid_from": TDate.of(self.valid_from),
                "valid_until": TDate.of(self.valid_until),
            }
        )


@dataclass(frozen=True)
class OfficerRevocation:
    """The end of an officer's key. It counts at once and for ever."""

    agency: bytes
    officer: bytes
    revoked_at: datetime

    @property
    def signer(self) -> bytes:
        return self.agency

    def encode(self) -> bytes:
        """The exact inverse of `parse_officer_revocation`."""
        return cbor.encode(
            {
                "version": VERSION,
                "agency": self.agency,
                "officer": self.officer,
                "revoked_at": TDate.of(self.revoked_at),
            }
        )


def parse_officer_certificate(payload: bytes) -> OfficerCertificate:
    """The certificate in a payload, or `FormatError`."""
    check = "officer_certificate"
    names = ("agency", "officer", "roles", "valid_from", "valid_until")
    agency, officer, roles, valid_from, valid_until = parse_payload(payload, check, names)
    found = OfficerCertificate(
        as_fingerprint(agency, check),
        parse_public_key(as_bytes(officer, check)),
        _as_roles(as_array(roles, f"{check}.roles"), f"{check}.roles"),
        as_tdate(valid_from, check),
        as_tdate(valid_until, check),
    )
    if not timedelta(0) < found.valid_until - found.valid_from <= MAX_VALIDITY:
        raise FormatError(f"{check}.validity", f"a certificate is valid for at most {MAX_VALIDITY.days} days")
    return found


def parse_officer_revocation(payload: bytes) -> OfficerRevocation:
    """The revocation in a payload, or `FormatError`."""
    check = "officer_revocation"
    agency, officer, revoked_at = parse_payload(payload, check, ("agency", "officer", "revoked_at"))
    return OfficerRevocation(as_fingerprint(agency, check), as_fingerprint(officer, check), as_tdate(revoked_at, check))


OFFICER_CERTIFICATE = Kind("diptych officer certificate 1", parse_officer_certificate)
OFFICER_REVOCATION = Kind("diptych officer revocation 1", parse_officer_revocation)


def _as_roles(values: Sequence[CborValue], check: str) -> frozenset[Role]:
    try:
        roles = [Role(as_text(value, check)) for value in values]
    except ValueError as error:
        raise FormatError(check, "a role that this version does not know") from error
    if not roles or roles != sorted(set(roles)):
        raise FormatError(check, "roles stand in alphabetical order, each once, and there is at least one")
    return frozenset(roles)
