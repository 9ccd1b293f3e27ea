"""The registry's memory in a database: sealed records, tags, acts on their way into the log, deliveries, requests.

A thief of it has ciphertext, tags that nobody reverses without trustees and pepper, and the labels of acts to come.
What may follow what is left to `roles/registry`.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, Row

from diptych.adapters.storage.engine import (
    Location,
    hold,
    insert_unless_there,
    leave_nothing,
    open_database,
    transaction,
)
from diptych.adapters.storage.holder import (
    BYTES,
    NUMBER,
    SMALL,
    SWITCH,
    TEXT,
    DatabaseHolder,
    forget_answers,
    holder_metadata,
    moment,
    seconds,
    table_of,
)
from diptych.adapters.storage.public_state import DatabaseStates, with_public_state
from diptych.formats.mandate.trustee_set import TrusteeSet, parse_trustee_set
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.roles.registry.model import (
    Announcement,
    Delivery,
    Hits,
    Message,
    QueuedAct,
    StoredChange,
    StoredRecord,
    StoredRequest,
)

ROLE = "registry"
KEPT_CONNECTIONS = 4
ID_BYTES = 16

_METADATA = with_public_state(holder_metadata())
_RECORDS = table_of(
    _METADATA,
    "records",
    1,
    record_id=BYTES,
    number=NUMBER,
    record_hash=BYTES,
    encoded=BYTES,
    document_type=TEXT,
    act_id=BYTES,
    next_counter=NUMBER,
    next_element=BYTES,
    seen_counter=NUMBER,
    seen_element=BYTES,
    is_erased=SWITCH,
)
_TAGS = table_of(
    _METADATA,
    "tags",
    3,
    purpose=TEXT,
    tag=BYTES,
    record_id=BYTES,
)
_ACTS = table_of(
    _METADATA,
    "acts",
    1,
    position=SMALL,
    act_id=BYTES,
    record_id=BYTES,
    label=BYTES,
    entry=BYTES,
    act=BYTES,
    salt=BYTES,
    sealed=BYTES,
    receipt=BYTES,
    is_recorded=SWITCH,
)
_DELIVERIES = table_of(
    _METADATA,
    "deliveries",
    1,
    position=SMALL,
    act_id=BYTES,
    holder=SMALL,
    message=TEXT,
    content=BYTES,
)
_REQUESTS = table_of(
    _METADATA,
    "requests",
    1,
    digest=BYTES,
    record_id=BYTES,
    encoded=BYTES,
    act_id=BYTES,
    expires_at=NUMBER,
    disclose_on=SMALL,
    outcome_act=BYTES,
    disclosed_act=BYTES,
)
_HITS = table_of(
    _METADATA,
    "hits",
    1,
    nonce=BYTES,
    request=BYTES,
    matches=BYTES,
    expires_at=NUMBER,
)
_TRUSTEE_SET = table_of(
    _METADATA,
    "trustee_set",
    1,
    id=SMALL,
    trustee_set=BYTES,
    encoded=BYTES,
    act_id=BYTES,
)
_ANNOUNCEMENTS = table_of(
    _METADATA,
    "announcements",
    1,
    position=SMALL,
    act_id=BYTES,
    message=TEXT,
    content=BYTES,
)
_CHANGE = table_of(
    _METADATA,
    "change",
    1,
    id=SMALL,
    digest=BYTES,
    encoded=BYTES,
)
_CHANGE_KEYS = table_of(
    _METADATA,
    "change_keys",
    1,
    position=SMALL,
    statement=BYTES,
)
_CHANNELS = table_of(
    _METADATA,
    "channels",
    1,
    purpose=TEXT,
    channel=BYTES,
)
_TAKERS = table_of(
    _METADATA,
    "takers",
    3,
    record_id=BYTES,
    record_hash=BYTES,
    index=SMALL,
)


def open_registry_store(location: Location) -> "DatabaseRegistryStore":
    """The store in this database, created if there is none."""
    return DatabaseRegistryStore(open_database(location, ROLE, keeps=KEPT_CONNECTIONS, keeps_file=True))


class DatabaseRegistryStore:
    """`RegistryStore` in SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Let go of the connections that are kept."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator["_Transaction"]:
        with transaction(self._engine) as connection:
            hold(connection, ROLE)  # of two offices that enrol one person at once, one sees the other's tags
            yield _Transaction(connection)

    def unrecorded(self, *, most: int) -> Sequence[QueuedAct]:
        query = sa.select(_ACTS).where(_ACTS.c.is_recorded == sa.false()).order_by(_ACTS.c.position).limit(most)
        with transaction(self._engine) as connection:
            return tuple(_act(row) for row in connection.execute(query))

    def deliveries(self, *, most: int) -> Sequence[Delivery]:
        joined = _DELIVERIES.outerjoin(_ACTS, _ACTS.c.act_id == _DELIVERIES.c.act_id)
        query = (
            sa.select(_DELIVERIES)
            .select_from(joined)
            .where(sa.or_(_ACTS.c.is_recorded == sa.true(), _ACTS.c.act_id.is_(None)))
            .order_by(_ACTS.c.act_id.is_not(None), _DELIVERIES.c.position)
            .limit(most)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(query).all()
        return tuple(Delivery(row.act_id, row.holder, Message(row.message), row.content) for row in rows)

    def records_after(self, record_id: bytes, *, most: int) -> Sequence[StoredRecord]:
        query = (
            sa.select(_RECORDS)
            .where(_RECORDS.c.record_id > record_id, _RECORDS.c.is_erased == sa.false())
            .order_by(_RECORDS.c.record_id)
            .limit(most)
        )
        with transaction(self._engine) as connection:
            return tuple(_record(row) for row in connection.execute(query))

    def sealed_act(self, label: bytes) -> bytes | None:
        query = sa.select(_ACTS.c.sealed).where(_ACTS.c.label == label, _ACTS.c.sealed.is_not(None))
        with transaction(self._engine) as connection:
            found: bytes | None = connection.execute(query).scalar()
        return found

    def forget_expired(self, now: datetime) -> None:
        with transaction(self._engine) as connection:
            hold(connection, ROLE)
            forget_answers(connection, now)
            hits = connection.execute(sa.delete(_HITS).where(_HITS.c.expires_at <= seconds(now)))
            is_watched = sa.and_(_REQUESTS.c.disclose_on.is_not(None), _REQUESTS.c.disclosed_act.is_(None))
            over = sa.select(_REQUESTS.c.act_id).where(_REQUESTS.c.expires_at <= seconds(now), sa.not_(is_watched))
            said = sa.and_(_ACTS.c.act_id.in_(over), _ACTS.c.act.is_not(None))
            acts = connection.execute(sa.update(_ACTS).where(said).values(act=None, salt=None))
            if hits.rowcount or acts.rowcount:
                leave_nothing(connection)


class _Transaction(DatabaseHolder, DatabaseStates):
    """`RegistryTransaction` over a connection."""

    def record(self, record_id: bytes) -> StoredRecord | None:
        row = self.row(_RECORDS, record_id=record_id)
        return None if row is None else _record(row)

    def save_record(self, record: StoredRecord) -> None:
        values = {
            "number": record.number,
            "record_hash": record.record_hash,
            "encoded": record.encoded,
            "document_type": record.document_type,
            "act_id": record.act_id,
            "next_counter": record.next_element.counter,
            "next_element": record.next_element.secret.reveal(),
            "seen_counter": record.seen_from.counter,
            "seen_element": record.seen_from.secret.reveal(),
            "is_erased": record.is_erased,
        }
        self.replace(_RECORDS, {"record_id": record.record_id}, values)
        if record.is_erased:
            leave_nothing(self._connection)

    def tagged(self, purpose: str, tags: Collection[bytes]) -> Sequence[bytes]:
        query = sa.select(_TAGS.c.record_id).where(_TAGS.c.purpose == purpose, _TAGS.c.tag.in_(list(tags)))
        return sorted(set(self._connection.execute(query).scalars()))

    def save_tags(self, purpose: str, tags: Collection[bytes], record_id: bytes) -> None:
        own = sa.and_(_TAGS.c.purpose == purpose, _TAGS.c.record_id == record_id)
        if self._connection.execute(sa.delete(_TAGS).where(own)).rowcount:
            leave_nothing(self._connection)
        for tag in set(tags):
            row = {"purpose": purpose, "tag": tag, "record_id": record_id}
            self._connection.execute(sa.insert(_TAGS).values(row))

    def drop_tags(self, record_id: bytes) -> None:
        leave_nothing(self._connection)
        self.drop(_TAGS, record_id=record_id)

    def act(self, act_id: bytes) -> QueuedAct | None:
        row = self.row(_ACTS, act_id=act_id)
        return None if row is None else _act(row)

    def save_act(self, act: QueuedAct) -> None:
        values = {
            "record_id": act.record_id,
            "label": act.label,
            "entry": act.entry,
            "act": act.act,
            "salt": None if act.salt is None else act.salt.reveal(),
            "sealed": act.sealed,
            "receipt": act.receipt,
            "is_recorded": act.is_recorded,
        }
        self.replace(_ACTS, {"act_id": act.act_id}, values)

    def deliver(self, delivery: Delivery) -> None:
        values = {
            "act_id": delivery.act_id,
            "holder": delivery.holder,
            "message": delivery.message.value,
            "content": delivery.content,
        }
        insert_unless_there(self._connection, _DELIVERIES, values)

    def delivered(self, delivery: Delivery) -> None:
        own = sa.and_(_DELIVERIES.c.act_id == delivery.act_id, _DELIVERIES.c.holder == delivery.holder)
        self._connection.execute(sa.delete(_DELIVERIES).where(own))

    def request(self, digest: bytes) -> StoredRequest | None:
        row = self.row(_REQUESTS, digest=digest)
        return None if row is None else _request(row)

    def save_request(self, request: StoredRequest) -> None:
        values = {
            "record_id": request.record_id,
            "encoded": request.encoded,
            "act_id": request.act_id,
            "expires_at": seconds(request.expires_at),
            "disclose_on": None if request.disclose_on is None else request.disclose_on.toordinal(),
            "outcome_act": request.outcome_act,
            "disclosed_act": request.disclosed_act,
        }
        self.replace(_REQUESTS, {"digest": request.digest}, values)

    def due_disclosures(self, day: date) -> Sequence[StoredRequest]:
        query = sa.select(_REQUESTS).where(
            _REQUESTS.c.disclosed_act.is_(None), _REQUESTS.c.disclose_on <= day.toordinal()
        )
        return tuple(_request(row) for row in self._connection.execute(query).all())

    def hits(self, nonce: bytes) -> Hits | None:
        row = self.row(_HITS, nonce=nonce)
        if row is None:
            return None
        ids = [row.matches[at : at + ID_BYTES] for at in range(0, len(row.matches), ID_BYTES)]
        return Hits(row.request, tuple(zip(ids[::2], ids[1::2], strict=True)), moment(row.expires_at))

    def save_hits(self, nonce: bytes, hits: Hits) -> None:
        matches = b"".join(record_id + act_id for record_id, act_id in hits.matches)
        values = {"request": hits.request, "matches": matches, "expires_at": seconds(hits.expires_at)}
        self.replace(_HITS, {"nonce": nonce}, values)

    def trustee_set(self) -> TrusteeSet | None:
        return self._one(sa.select(_TRUSTEE_SET.c.trustee_set), parse_trustee_set)

    def save_trustee_set(self, trustee_set: TrusteeSet, encoded: bytes, act_id: bytes) -> None:
        values = {"trustee_set": trustee_set.encode(), "encoded": encoded, "act_id": act_id}
        self.replace(_TRUSTEE_SET, {"id": 1}, values)

    def signed_trustee_set(self) -> tuple[bytes, bytes] | None:
        row = self._connection.execute(sa.select(_TRUSTEE_SET)).first()
        return None if row is None else (row.encoded, row.act_id)

    def announce(self, announcement: Announcement) -> None:
        values = {
            "act_id": announcement.act_id,
            "message": announcement.message.value,
            "content": announcement.content,
        }
        insert_unless_there(self._connection, _ANNOUNCEMENTS, values)

    def announcements(self) -> Sequence[Announcement]:
        rows = self._connection.execute(sa.select(_ANNOUNCEMENTS).order_by(_ANNOUNCEMENTS.c.position)).all()
        return tuple(Announcement(row.act_id, Message(row.message), row.content) for row in rows)

    def change(self) -> StoredChange | None:
        row = self._connection.execute(sa.select(_CHANGE)).first()
        if row is None:
            return None
        keys = self._connection.execute(sa.select(_CHANGE_KEYS.c.statement).order_by(_CHANGE_KEYS.c.position)).scalars()
        return StoredChange(row.digest, row.encoded, tuple(keys))

    def save_change(self, change: StoredChange) -> None:
        self.replace(_CHANGE, {"id": 1}, {"digest": change.digest, "encoded": change.encoded})
        self._connection.execute(sa.delete(_CHANGE_KEYS))
        for position, key in enumerate(change.keys):
            self._connection.execute(sa.insert(_CHANGE_KEYS).values(position=position, statement=key))

    def end_change(self) -> None:
        for table in (_CHANGE, _CHANGE_KEYS, _CHANNELS):
            self._connection.execute(sa.delete(table))

    def channel(self, purpose: str) -> bytes | None:
        row = self.row(_CHANNELS, purpose=purpose)
        return None if row is None else row.channel

    def save_channel(self, purpose: str, channel: bytes) -> None:
        self.replace(_CHANNELS, {"purpose": purpose}, {"channel": channel})

    def takers(self, record_id: bytes, record_hash: bytes) -> Collection[int]:
        own = sa.and_(_TAKERS.c.record_id == record_id, _TAKERS.c.record_hash == record_hash)
        return set(self._connection.execute(sa.select(_TAKERS.c.index).where(own)).scalars())

    def save_taker(self, record_id: bytes, record_hash: bytes, index: int) -> None:
        older = sa.and_(_TAKERS.c.record_id == record_id, _TAKERS.c.record_hash != record_hash)
        self._connection.execute(sa.delete(_TAKERS).where(older))
        insert_unless_there(
            self._connection, _TAKERS, {"record_id": record_id, "record_hash": record_hash, "index": index}
        )


def _record(row: "Row[Any]") -> StoredRecord:  # Any: rows have the columns' types
    return StoredRecord(
        row.record_id,
        row.number,
        row.record_hash,
        row.encoded,
        row.document_type,
        row.act_id,
        ChainElement(Secret(row.next_element), row.next_counter),
        ChainElement(Secret(row.seen_element), row.seen_counter),
        is_erased=bool(row.is_erased),
    )


def _act(row: "Row[Any]") -> QueuedAct:
    return QueuedAct(
        row.act_id,
        row.record_id,
        row.label,
        row.entry,
        row.act,
        None if row.salt is None else Secret(row.salt),
        row.sealed,
        row.receipt,
    )


def _request(row: "Row[Any]") -> StoredRequest:
    return StoredRequest(
        row.digest,
        row.record_id,
        row.encoded,
        row.act_id,
        moment(row.expires_at),
        None if row.disclose_on is None else date.fromordinal(row.disclose_on),
        row.outcome_act,
        row.disclosed_act,
    )
