"""The trustee's memory in a database: sealed masks, who may act, what was answered and counted.

A thief of it learns which records are here, their versions and times, and which officer did what when; of a mask,
nothing without the key of its month, which lies elsewhere. What may follow what is left to `roles/trustee`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row

from diptych.adapters.storage.engine import Location, hold, open_database, transaction
from diptych.adapters.storage.standing import DatabaseStanding
from diptych.crypto.lookup_prf import KeyShare, parse_key_share
from diptych.formats.mandate.trustee_set import TrusteeSet, parse_trustee_set
from diptych.private import Personal, Secret
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.protocols.opening.decision import Deferral
from diptych.roles.trustee.fakes import COUNTS_KEPT
from diptych.roles.trustee.model import (
    Counted,
    KeptAnswer,
    Review,
    Reviewed,
    SealedSecrets,
    StoredCeremony,
    StoredDeposit,
    StoredPrekey,
    StoredRecord,
    StoredVersion,
)

ROLE = "trustee"
KEPT_CONNECTIONS = 4

_METADATA = sa.MetaData()


def _table(name: str, *columns: str, key: int = 1) -> sa.Table:
    """What statements need to know of a table; its types are the migration's."""
    return sa.Table(name, _METADATA, *(sa.Column(column, primary_key=at < key) for at, column in enumerate(columns)))


_VERSION = ("number", "predecessor", "retention", "epoch", "index", "share_hash", "period", "sealed")
_PREKEYS = _table("prekeys", "prekey_id", "officer", "request", "expires", "seeds", "answer")
_DEPOSITS = _table("deposits", "record_id", "record_hash", *_VERSION, "digest", "acknowledgement", "expires_at", key=2)
_RECORDS = _table("records", "record_id", "record_hash", *_VERSION, "is_erased")
_ACKNOWLEDGEMENTS = _table("acknowledgements", "deposit", "record_id", "acknowledgement")
_DELETIONS = _table("deletions", "order", "record_id", "statement")
_ANSWERS = _table("answers", "request", "answer", "expires_at")
_NONCES = _table("nonces", "nonce", "request", "answer", "expires_at")
_COUNTS = _table("counts", "what", "officer", "day", "count", key=3)
_DEFERRALS = _table("deferrals", "request", "record_id", "entry_hash", "disclose_on")
_REVIEWS = _table(
    "reviews",
    "request",
    "review",
    "officer",
    "record_id",
    "legal_basis",
    "purpose",
    "case_reference",
    "expires_at",
)
_TRUSTEE_SET = _table("trustee_set", "id", "trustee_set")
_SHARES = _table("shares", "purpose", "generation", "share", key=2)
_CEREMONIES = _table("ceremonies", "call", "seed", "recipient", "channel", "said")
_ENDED = _table("ended_ceremonies", "call", "said")
_AGENCY = b""


def open_trustee_store(location: Location) -> "DatabaseTrusteeStore":
    """The store in this database, created if there is none."""
    return DatabaseTrusteeStore(open_database(location, ROLE, keeps=KEPT_CONNECTIONS))


class DatabaseTrusteeStore:
    """`TrusteeStore` in SQLite or PostgreSQL.

    SQLite's `secure_delete` overwrites prekeys and masks that go; PostgreSQL does so when it vacuums, and its
    write-ahead log keeps them longer. A prekey is useless without the traffic of its hour, a mask without the key of
    its month.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Let go of the connections that are kept."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator["_Transaction"]:
        with transaction(self._engine) as connection:
            hold(connection, "trustee")  # quotas, checkpoints and chains are decided upon one after the other
            yield _Transaction(connection)

    def forget_expired(self, now: datetime) -> None:
        with transaction(self._engine) as connection:
            hold(connection, "trustee")
            for column in (
                _PREKEYS.c.expires,
                _DEPOSITS.c.expires_at,
                _ANSWERS.c.expires_at,
                _NONCES.c.expires_at,
                _REVIEWS.c.expires_at,
            ):
                connection.execute(sa.delete(column.table).where(column <= _seconds(now)))
            connection.execute(sa.delete(_COUNTS).where(_COUNTS.c.day < (now.date() - COUNTS_KEPT).toordinal()))
            known = sa.union(sa.select(_RECORDS.c.record_id), sa.select(_DEPOSITS.c.record_id))
            connection.execute(sa.delete(_ACKNOWLEDGEMENTS).where(_ACKNOWLEDGEMENTS.c.record_id.not_in(known)))

    def reviews(self) -> Sequence[Reviewed]:
        query = sa.select(_REVIEWS).where(_REVIEWS.c.review == Review.PENDING.value)
        with transaction(self._engine) as connection:
            rows = connection.execute(query.order_by(_REVIEWS.c.expires_at, _REVIEWS.c.request)).all()
        return tuple(_reviewed(row) for row in rows)


class _Transaction(DatabaseStanding):
    """`TrusteeTransaction` over a connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._connection = connection

    def prekey(self, prekey_id: bytes) -> StoredPrekey | None:
        return _prekey(self._row(_PREKEYS, prekey_id=prekey_id))

    def prekey_for(self, request: bytes) -> StoredPrekey | None:
        return _prekey(self._row(_PREKEYS, request=request))

    def save_prekey(self, prekey: StoredPrekey) -> None:
        values = {
            "officer": prekey.officer,
            "request": prekey.request,
            "expires": _seconds(prekey.expires),
            "seeds": prekey.seeds.reveal(),
            "answer": prekey.answer,
        }
        self._replace(_PREKEYS, {"prekey_id": prekey.prekey_id}, values)

    def drop_prekey(self, prekey_id: bytes) -> None:
        self._drop(_PREKEYS, prekey_id=prekey_id)

    def deposit(self, record_id: bytes, record_hash: bytes) -> StoredDeposit | None:
        row = self._row(_DEPOSITS, record_id=record_id, record_hash=record_hash)
        if row is None:
            return None
        return StoredDeposit(_held(row), row.digest, row.acknowledgement, _moment(row.expires_at))

    def save_deposit(self, deposit: StoredDeposit) -> None:
        version = deposit.held.version
        values = {
            **_held_values(deposit.held),
            "digest": deposit.digest,
            "acknowledgement": deposit.acknowledgement,
            "expires_at": _seconds(deposit.expires_at),
        }
        key = {"record_id": version.record_id, "record_hash": version.record_hash}
        self._replace(_DEPOSITS, key, values)
        acknowledged = {"record_id": version.record_id, "acknowledgement": deposit.acknowledgement}
        self._replace(_ACKNOWLEDGEMENTS, {"deposit": deposit.digest}, acknowledged)

    def drop_deposits(self, record_id: bytes) -> None:
        self._drop(_DEPOSITS, record_id=record_id)

    def acknowledgement(self, deposit: bytes) -> bytes | None:
        row = self._row(_ACKNOWLEDGEMENTS, deposit=deposit)
        return None if row is None else row.acknowledgement

    def record(self, record_id: bytes) -> StoredRecord | None:
        row = self._row(_RECORDS, record_id=record_id)
        if row is None:
            return None
        return StoredRecord(_held(row), is_erased=bool(row.is_erased))

    def save_record(self, record: StoredRecord) -> None:
        values = {
            "record_hash": record.held.version.record_hash,
            **_held_values(record.held),
            "is_erased": record.is_erased,
        }
        self._replace(_RECORDS, {"record_id": record.held.version.record_id}, values)

    def deletion(self, order: bytes) -> bytes | None:
        row = self._row(_DELETIONS, order=order)
        return None if row is None else row.statement

    def save_deletion(self, order: bytes, record_id: bytes, statement: bytes) -> None:
        self._replace(_DELETIONS, {"order": order}, {"record_id": record_id, "statement": statement})

    def answer(self, request: bytes) -> KeptAnswer | None:
        return _answer(self._row(_ANSWERS, request=request))

    def save_answer(self, answer: KeptAnswer) -> None:
        values = {"answer": answer.answer, "expires_at": _seconds(answer.expires_at)}
        self._replace(_ANSWERS, {"request": answer.request}, values)

    def nonce(self, nonce: bytes) -> KeptAnswer | None:
        return _answer(self._row(_NONCES, nonce=nonce))

    def save_nonce(self, nonce: bytes, answer: KeptAnswer) -> None:
        values = {"request": answer.request, "answer": answer.answer, "expires_at": _seconds(answer.expires_at)}
        self._replace(_NONCES, {"nonce": nonce}, values)

    def count(self, counted: Counted) -> int:
        row = self._row(_COUNTS, **_count_key(counted))
        return 0 if row is None else int(row._mapping["count"])  # a row's own `count` is a method

    def count_one(self, counted: Counted) -> None:
        self._replace(_COUNTS, _count_key(counted), {"count": self.count(counted) + 1})

    def deferral(self, request: bytes) -> Deferral | None:
        row = self._row(_DEFERRALS, request=request)
        if row is None:
            return None
        return Deferral(row.request, row.record_id, row.entry_hash, date.fromordinal(row.disclose_on))

    def save_deferral(self, deferral: Deferral) -> None:
        values = {
            "record_id": deferral.record_id,
            "entry_hash": deferral.entry_hash,
            "disclose_on": deferral.disclose_on.toordinal(),
        }
        self._replace(_DEFERRALS, {"request": deferral.request}, values)

    def drop_deferral(self, request: bytes) -> None:
        self._drop(_DEFERRALS, request=request)

    def oldest_deferral(self) -> date | None:
        found = self._connection.execute(sa.select(sa.func.min(_DEFERRALS.c.disclose_on))).scalar()
        return None if found is None else date.fromordinal(found)

    def review(self, request: bytes) -> Reviewed | None:
        row = self._row(_REVIEWS, request=request)
        return None if row is None else _reviewed(row)

    def save_review(self, review: Reviewed) -> None:
        values = {
            "review": review.review.value,
            "officer": review.officer,
            "record_id": review.record_id,
            "legal_basis": review.legal_basis,
            "purpose": review.purpose,
            "case_reference": review.case.reveal(),
            "expires_at": _seconds(review.expires_at),
        }
        self._replace(_REVIEWS, {"request": review.request}, values)

    def trustee_set(self) -> TrusteeSet | None:
        return self._one(sa.select(_TRUSTEE_SET.c.trustee_set), parse_trustee_set)

    def save_trustee_set(self, trustee_set: TrusteeSet) -> None:
        self._replace(_TRUSTEE_SET, {"id": 1}, {"trustee_set": trustee_set.encode()})

    def shares(self, purpose: str) -> Sequence[KeyShare]:
        query = sa.select(_SHARES.c.share).where(_SHARES.c.purpose == purpose).order_by(_SHARES.c.generation.desc())
        return tuple(parse_key_share(Secret(share)) for share in self._connection.execute(query).scalars())

    def save_share(self, share: KeyShare) -> None:
        key = {"purpose": share.purpose, "generation": share.generation}
        self._replace(_SHARES, key, {"share": share.encode().reveal()})

    def drop_shares(self, purpose: str, *, before: int) -> None:
        old = sa.and_(_SHARES.c.purpose == purpose, _SHARES.c.generation < before)
        self._connection.execute(sa.delete(_SHARES).where(old))

    def ceremony(self, call: bytes) -> StoredCeremony | None:
        row = self._row(_CEREMONIES, call=call)
        if row is None:
            return None
        return StoredCeremony(row.call, Secret(row.seed), Secret(row.recipient), row.channel, row.said)

    def save_ceremony(self, ceremony: StoredCeremony) -> None:
        values = {
            "seed": ceremony.seed.reveal(),
            "recipient": ceremony.recipient.reveal(),
            "channel": ceremony.channel,
            "said": ceremony.said,
        }
        self._replace(_CEREMONIES, {"call": ceremony.call}, values)

    def end_ceremony(self, call: bytes, said: bytes) -> None:
        self._drop(_CEREMONIES, call=call)
        self._replace(_ENDED, {"call": call}, {"said": said})

    def ended_ceremony(self, call: bytes) -> bytes | None:
        row = self._row(_ENDED, call=call)
        return None if row is None else row.said

    def _row(self, table: sa.Table, **key: object) -> "Row[Any] | None":  # Any: rows have the columns' types
        where = sa.and_(*(table.c[name] == value for name, value in key.items()))
        return self._connection.execute(sa.select(table).where(where)).first()

    def _drop(self, table: sa.Table, **key: bytes) -> None:
        self._connection.execute(sa.delete(table).where(*(table.c[name] == value for name, value in key.items())))


def _held(row: "Row[Any]") -> StoredVersion:
    return StoredVersion(
        RecordVersion(row.record_id, row.number, row.predecessor, row.record_hash),
        row.retention,
        row.epoch,
        row._mapping["index"],  # a row's own `index` is a method
        row.share_hash,
        SealedSecrets(row.period, row.sealed),
    )


def _held_values(held: StoredVersion) -> Mapping[str, object]:
    return {
        "number": held.version.number,
        "predecessor": held.version.predecessor,
        "retention": held.retention,
        "epoch": held.epoch,
        "index": held.index,
        "share_hash": held.share_hash,
        "period": held.secrets.period,
        "sealed": held.secrets.sealed,
    }


def _prekey(row: "Row[Any] | None") -> StoredPrekey | None:
    if row is None:
        return None
    return StoredPrekey(row.prekey_id, row.officer, row.request, _moment(row.expires), Secret(row.seeds), row.answer)


def _answer(row: "Row[Any] | None") -> KeptAnswer | None:
    return None if row is None else KeptAnswer(row.request, row.answer, _moment(row.expires_at))


def _reviewed(row: "Row[Any]") -> Reviewed:
    return Reviewed(
        row.request,
        Review(row.review),
        row.officer,
        row.record_id,
        row.legal_basis,
        row.purpose,
        Personal(row.case_reference),
        _moment(row.expires_at),
    )


def _count_key(counted: Counted) -> dict[str, Any]:
    officer = _AGENCY if counted.officer is None else counted.officer
    return {"what": counted.what, "officer": officer, "day": counted.day.toordinal()}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
