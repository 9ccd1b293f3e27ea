"""What every holder keeps in its database: who may act, the last checkpoint, what was answered, counted and deferred.

The same tables for every holder, each in its own database. All of it is public but for what it says of who works when.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from diptych.adapters.storage.engine import insert_unless_there
from diptych.formats.mandate.attestation import AuditAttestation, parse_audit_attestation
from diptych.formats.mandate.officer import (
    OfficerRevocation,
    parse_officer_certificate,
    parse_officer_revocation,
)
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.private import Personal
from diptych.protocols.certifying.officers import HonouredOfficer
from diptych.protocols.opening.decision import Deferral
from diptych.protocols.opening.holding import Counted, KeptAnswer, Review, Reviewed

_T = TypeVar("_T")


BYTES, NUMBER, SMALL, TEXT, SWITCH = sa.LargeBinary, sa.BigInteger, sa.Integer, sa.Text, sa.Boolean

_METADATA = sa.MetaData()


def table_of(metadata: sa.MetaData, name: str, key: int, **columns: type[sa.types.TypeEngine[Any]]) -> sa.Table:
    """A table with these columns, the first `key` of them its key. Any: types of all kinds."""
    described: list[sa.Column[Any]] = [
        sa.Column(column, kind, primary_key=at < key) for at, (column, kind) in enumerate(columns.items())
    ]
    return sa.Table(name, metadata, *described)


def holder_metadata() -> sa.MetaData:
    """What a holder's database begins with: the tables here, for a role to add its own."""
    metadata = sa.MetaData()
    for table in _METADATA.tables.values():
        table.to_metadata(metadata)
    return metadata


_OFFICERS = table_of(
    _METADATA,
    "officers",
    1,
    fingerprint=BYTES,
    certificate=BYTES,
    certified_at=NUMBER,
)
_REVOCATIONS = table_of(
    _METADATA,
    "revocations",
    1,
    fingerprint=BYTES,
    revocation=BYTES,
)
_KEPT = table_of(
    _METADATA,
    "kept_checkpoint",
    1,
    id=SMALL,
    note=BYTES,
    time=NUMBER,
)
_ATTESTED = table_of(
    _METADATA,
    "attested",
    1,
    id=SMALL,
    attestation=BYTES,
)
_ANSWERS = table_of(
    _METADATA,
    "answers",
    1,
    request=BYTES,
    answer=BYTES,
    expires_at=NUMBER,
)
_COUNTS = table_of(
    _METADATA,
    "counts",
    3,
    what=TEXT,
    officer=BYTES,
    day=SMALL,
    count=NUMBER,
)
_DEFERRALS = table_of(
    _METADATA,
    "deferrals",
    1,
    request=BYTES,
    record_id=BYTES,
    entry_hash=BYTES,
    disclose_on=SMALL,
)
_REVIEWS = table_of(
    _METADATA,
    "reviews",
    1,
    request=BYTES,
    review=TEXT,
    officer=BYTES,
    record_id=BYTES,
    legal_basis=TEXT,
    purpose=TEXT,
    case_reference=TEXT,
    expires_at=NUMBER,
)
COUNTS_KEPT = timedelta(days=7)
_AGENCY = b""
_ONLY = 1


class DatabaseStanding:
    """`Standing` over a connection inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def kept_checkpoint(self) -> KeptCheckpoint | None:
        row = self._connection.execute(sa.select(_KEPT.c.note, _KEPT.c.time)).first()
        return None if row is None else KeptCheckpoint(parse_signed_checkpoint(row.note), moment(row.time))

    def keep_checkpoint(self, kept: KeptCheckpoint) -> None:
        values = {"note": kept.signed.encode(), "time": int(kept.time.timestamp())}
        self.replace(_KEPT, {"id": _ONLY}, values)

    def officer(self, fingerprint: bytes) -> HonouredOfficer | None:
        query = sa.select(_OFFICERS).where(_OFFICERS.c.fingerprint == fingerprint)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        return HonouredOfficer(parse_officer_certificate(row.certificate), moment(row.certified_at))

    def save_officer(self, officer: HonouredOfficer) -> None:
        values = {
            "certificate": officer.certificate.encode(),
            "certified_at": int(officer.certified_at.timestamp()),
        }
        self.replace(_OFFICERS, {"fingerprint": officer.certificate.officer}, values)

    def revocation(self, fingerprint: bytes) -> OfficerRevocation | None:
        query = sa.select(_REVOCATIONS.c.revocation).where(_REVOCATIONS.c.fingerprint == fingerprint)
        return self._one(query, parse_officer_revocation)

    def save_revocation(self, revocation: OfficerRevocation) -> None:
        values = {"fingerprint": revocation.officer, "revocation": revocation.encode()}
        insert_unless_there(self._connection, _REVOCATIONS, values)

    def attestation(self) -> AuditAttestation | None:
        return self._one(sa.select(_ATTESTED.c.attestation), parse_audit_attestation)

    def save_attestation(self, attestation: AuditAttestation) -> None:
        self.replace(_ATTESTED, {"id": _ONLY}, {"attestation": attestation.encode()})

    def _one(self, query: "sa.Select[Any]", parse: Callable[[bytes], _T]) -> _T | None:  # Any: one column of bytes
        found = self._connection.execute(query).scalar()
        return None if found is None else parse(found)

    def replace(self, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
        """Whoever has the transaction has it alone: the holder's store takes care of that."""
        where = sa.and_(*(table.c[name] == value for name, value in key.items()))
        if not self._connection.execute(sa.update(table).where(where).values(values)).rowcount:
            self._connection.execute(sa.insert(table).values({**key, **values}))


class DatabaseHolder(DatabaseStanding):
    """`HolderTransaction` over a connection inside a transaction."""

    def answer(self, request: bytes) -> KeptAnswer | None:
        return kept_answer(self.row(_ANSWERS, request=request))

    def save_answer(self, answer: KeptAnswer) -> None:
        values = {"answer": answer.answer, "expires_at": seconds(answer.expires_at)}
        self.replace(_ANSWERS, {"request": answer.request}, values)

    def count(self, counted: Counted) -> int:
        row = self.row(_COUNTS, **_count_key(counted))
        return 0 if row is None else int(row._mapping["count"])  # a row's own `count` is a method

    def count_one(self, counted: Counted) -> None:
        self.replace(_COUNTS, _count_key(counted), {"count": self.count(counted) + 1})

    def deferral(self, request: bytes) -> Deferral | None:
        row = self.row(_DEFERRALS, request=request)
        if row is None:
            return None
        return Deferral(row.request, row.record_id, row.entry_hash, date.fromordinal(row.disclose_on))

    def save_deferral(self, deferral: Deferral) -> None:
        values = {
            "record_id": deferral.record_id,
            "entry_hash": deferral.entry_hash,
            "disclose_on": deferral.disclose_on.toordinal(),
        }
        self.replace(_DEFERRALS, {"request": deferral.request}, values)

    def drop_deferral(self, request: bytes) -> None:
        self.drop(_DEFERRALS, request=request)

    def oldest_deferral(self) -> date | None:
        found = self._connection.execute(sa.select(sa.func.min(_DEFERRALS.c.disclose_on))).scalar()
        return None if found is None else date.fromordinal(found)

    def review(self, request: bytes) -> Reviewed | None:
        row = self.row(_REVIEWS, request=request)
        return None if row is None else _reviewed(row)

    def save_review(self, review: Reviewed) -> None:
        values = {
            "review": review.review.value,
            "officer": review.officer,
            "record_id": review.record_id,
            "legal_basis": review.legal_basis,
            "purpose": review.purpose,
            "case_reference": review.case.reveal(),
            "expires_at": seconds(review.expires_at),
        }
        self.replace(_REVIEWS, {"request": review.request}, values)

    def row(self, table: sa.Table, **key: object) -> "Row[Any] | None":  # Any: rows have the columns' types
        where = sa.and_(*(table.c[name] == value for name, value in key.items()))
        return self._connection.execute(sa.select(table).where(where)).first()

    def drop(self, table: sa.Table, **key: bytes) -> None:
        self._connection.execute(sa.delete(table).where(*(table.c[name] == value for name, value in key.items())))


def forget_answers(connection: Connection, now: datetime) -> None:
    """Delete answers and reviews past their time, and the counts of days that are more than a week gone."""
    for column in (_ANSWERS.c.expires_at, _REVIEWS.c.expires_at):
        connection.execute(sa.delete(column.table).where(column <= seconds(now)))
    connection.execute(sa.delete(_COUNTS).where(_COUNTS.c.day < (now.date() - COUNTS_KEPT).toordinal()))


def pending_reviews(connection: Connection) -> Sequence[Reviewed]:
    """Every request that waits for a person, oldest first."""
    query = sa.select(_REVIEWS).where(_REVIEWS.c.review == Review.PENDING.value)
    rows = connection.execute(query.order_by(_REVIEWS.c.expires_at, _REVIEWS.c.request)).all()
    return tuple(_reviewed(row) for row in rows)


def kept_answer(row: "Row[Any] | None") -> KeptAnswer | None:
    """The answer in a row of request, answer and expiry."""
    return None if row is None else KeptAnswer(row.request, row.answer, moment(row.expires_at))


def _reviewed(row: "Row[Any]") -> Reviewed:
    return Reviewed(
        row.request,
        Review(row.review),
        row.officer,
        row.record_id,
        row.legal_basis,
        row.purpose,
        Personal(row.case_reference),
        moment(row.expires_at),
    )


def _count_key(counted: Counted) -> dict[str, Any]:
    officer = _AGENCY if counted.officer is None else counted.officer
    return {"what": counted.what, "officer": officer, "day": counted.day.toordinal()}


def seconds(moment: datetime) -> int:
    """The moment as databases keep it."""
    return int(moment.timestamp())


def moment(seconds: int) -> datetime:
    """The exact inverse of `seconds`."""
    return datetime.fromtimestamp(seconds, UTC)
