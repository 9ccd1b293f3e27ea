"""Who may act, in a holder's database: officers, revocations, the attestation that stands, the last checkpoint.

The same tables for every holder, each in its own database. All of it is public but for what it says of who works when.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from diptych.adapters.storage.engine import insert_unless_there
from diptych.formats.mandate.attestation import AuditAttestation, parse_audit_attestation
from diptych.formats.mandate.officer import (
    OfficerRevocation,
    parse_officer_certificate,
    parse_officer_revocation,
)
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.protocols.certifying.officers import HonouredOfficer

_T = TypeVar("_T")
_METADATA = sa.MetaData()
_OFFICERS = sa.Table(
    "officers",
    _METADATA,
    sa.Column("fingerprint", sa.LargeBinary, primary_key=True),
    sa.Column("certificate", sa.LargeBinary),
    sa.Column("certified_at", sa.BigInteger),
)
_REVOCATIONS = sa.Table(
    "revocations",
    _METADATA,
    sa.Column("fingerprint", sa.LargeBinary, primary_key=True),
    sa.Column("revocation", sa.LargeBinary),
)
# One row each, replaced.
_KEPT = sa.Table(
    "kept_checkpoint",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("note", sa.LargeBinary),
    sa.Column("time", sa.BigInteger),
)
_ATTESTED = sa.Table(
    "attested",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("attestation", sa.LargeBinary),
)
_ONLY = 1


class DatabaseStanding:
    """`Standing` over a connection inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def kept_checkpoint(self) -> KeptCheckpoint | None:
        row = self._connection.execute(sa.select(_KEPT.c.note, _KEPT.c.time)).first()
        return None if row is None else KeptCheckpoint(parse_signed_checkpoint(row.note), _moment(row.time))

    def keep_checkpoint(self, kept: KeptCheckpoint) -> None:
        values = {"note": kept.signed.encode(), "time": int(kept.time.timestamp())}
        self._replace(_KEPT, {"id": _ONLY}, values)

    def officer(self, fingerprint: bytes) -> HonouredOfficer | None:
        query = sa.select(_OFFICERS).where(_OFFICERS.c.fingerprint == fingerprint)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        return HonouredOfficer(parse_officer_certificate(row.certificate), _moment(row.certified_at))

    def save_officer(self, officer: HonouredOfficer) -> None:
        values = {
            "certificate": officer.certificate.encode(),
            "certified_at": int(officer.certified_at.timestamp()),
        }
        self._replace(_OFFICERS, {"fingerprint": officer.certificate.officer}, values)

    def revocation(self, fingerprint: bytes) -> OfficerRevocation | None:
        query = sa.select(_REVOCATIONS.c.revocation).where(_REVOCATIONS.c.fingerprint == fingerprint)
        return self._one(query, parse_officer_revocation)

    def save_revocation(self, revocation: OfficerRevocation) -> None:
        values = {"fingerprint": revocation.officer, "revocation": revocation.encode()}
        insert_unless_there(self._connection, _REVOCATIONS, values)

    def attestation(self) -> AuditAttestation | None:
        return self._one(sa.select(_ATTESTED.c.attestation), parse_audit_attestation)

    def save_attestation(self, attestation: AuditAttestation) -> None:
        self._replace(_ATTESTED, {"id": _ONLY}, {"attestation": attestation.encode()})

    def _one(self, query: "sa.Select[Any]", parse: Callable[[bytes], _T]) -> _T | None:  # Any: one column of bytes
        found = self._connection.execute(query).scalar()
        return None if found is None else parse(found)

    def _replace(self, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
        """Whoever has the transaction has it alone: the holder's store takes care of that."""
        where = sa.and_(*(table.c[name] == value for name, value in key.items()))
        if not self._connection.execute(sa.update(table).where(where).values(values)).rowcount:
            self._connection.execute(sa.insert(table).values({**key, **values}))


def _moment(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
