"""The log's database: every entry in its final order, and the last checkpoint that was signed.

What is in it is public but for the order of the newest entries; what must never happen to it is to be restored old.
What the rows mean is left to `roles/log`.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from diptych.adapters.storage.engine import Location, hold, open_database, transaction
from diptych.errors import Conflict
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.roles.log.model import LabelPlan

ROLE = "log"
KEY_BYTES = 16
"""Of an entry's SHA-256, to recognise it by. Two entries with one key are told apart, and the second is refused."""
AT_ONCE = 500
KEPT_CONNECTIONS = 2

_METADATA = sa.MetaData()
_ENTRY = sa.Table(
    "entry",
    _METADATA,
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("key", sa.LargeBinary),
    sa.Column("act", sa.LargeBinary),
)
_INSERT = {
    "qmark": "INSERT INTO entry (position, key, act) VALUES (?, ?, ?)",
    "pyformat": "INSERT INTO entry (position, key, act) VALUES (%s, %s, %s)",
}
_SIGNED = sa.Table(
    "signed",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("size", sa.BigInteger),
    sa.Column("note", sa.LargeBinary),
)
_LABEL_PLAN = sa.Table(
    "label_plan",
    _METADATA,
    sa.Column("entries", sa.BigInteger, primary_key=True),
    sa.Column("moment", sa.BigInteger),
)


def open_log_store(location: Location) -> "DatabaseLogStore":
    """The store in this database, created if there is none."""
    return DatabaseLogStore(open_database(location, ROLE, keeps=KEPT_CONNECTIONS, many_pages=True))


class DatabaseLogStore:
    """`LogStore` in SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # While one stays open, SQLite does not fold its journal into the file after every transaction.
        self._kept = engine.connect()

    def close(self) -> None:
        """Let go of the connections that are kept."""
        self._kept.close()
        self._engine.dispose()

    def size(self) -> int:
        with transaction(self._engine) as connection:
            return _size(connection)

    def append(self, entries: Sequence[bytes], *, size: int) -> Sequence[int]:
        keys = [_key(entry) for entry in entries]
        by_key = dict(zip(keys, entries, strict=True))
        if len(by_key) != len(set(entries)):
            raise Conflict("log.entry.key", "two entries that cannot be told apart")
        with transaction(self._engine) as connection:
            hold(connection, "log")
            if _size(connection) != size:
                raise Conflict("log.size", "the log has grown meanwhile: another process writes it")
            positions = _insert(connection, by_key, size)
        return [positions[key] for key in keys]

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        position = _ENTRY.c.position
        query = sa.select(_ENTRY.c.act).where(position >= start, position < end).order_by(position)
        with transaction(self._engine) as connection:
            return list(connection.execute(query).scalars())

    def signed(self) -> SignedCheckpoint | None:
        with transaction(self._engine) as connection:
            note = connection.execute(sa.select(_SIGNED.c.note)).scalar()
        return None if note is None else parse_signed_checkpoint(note)

    def sign(self, signed: SignedCheckpoint, *, after: SignedCheckpoint | None) -> None:
        size = signed.checkpoint.size
        values = {"size": size, "note": signed.encode()}
        with transaction(self._engine) as connection:
            hold(connection, "log")
            last = connection.execute(sa.select(_SIGNED.c.size)).scalar()
            if last != (None if after is None else after.checkpoint.size) or (last is not None and size <= last):
                raise Conflict("log.signed", "another checkpoint was signed meanwhile")
            if last is None:
                connection.execute(sa.insert(_SIGNED).values(id=1, **values))
            else:
                connection.execute(sa.update(_SIGNED).values(values))

    def plan_label_tree(self, plan: LabelPlan) -> None:
        with transaction(self._engine) as connection:
            hold(connection, "log")
            last = connection.execute(sa.select(sa.func.max(_LABEL_PLAN.c.entries))).scalar()
            if last is not None and plan.entries <= last:
                raise Conflict("log.label_plan", "a label tree over more entries was planned")
            moment = int(plan.moment.timestamp())
            connection.execute(sa.insert(_LABEL_PLAN).values(entries=plan.entries, moment=moment))

    def label_plans(self) -> Sequence[LabelPlan]:
        query = sa.select(_LABEL_PLAN.c.entries, _LABEL_PLAN.c.moment).order_by(_LABEL_PLAN.c.entries)
        with transaction(self._engine) as connection:
            return [LabelPlan(entries, datetime.fromtimestamp(at, UTC)) for entries, at in connection.execute(query)]


def _size(connection: Connection) -> int:
    last = connection.execute(sa.select(sa.func.max(_ENTRY.c.position))).scalar()
    return 0 if last is None else last + 1


def _insert(connection: Connection, by_key: dict[bytes, bytes], size: int) -> dict[bytes, int]:
    """The position of every entry, the new ones kept from `size` on."""
    try:
        # As a rule all are new, and the index that inserting reads anyway says so.
        with connection.begin_nested():
            return _insert_new(connection, by_key, size)
    except IntegrityError:
        known = _positions(connection, by_key)
        new = {key: act for key, act in by_key.items() if key not in known}
        return known | _insert_new(connection, new, size)


def _insert_new(connection: Connection, by_key: dict[bytes, bytes], size: int) -> dict[bytes, int]:
    rows = [(size + i, key, act) for i, (key, act) in enumerate(by_key.items())]
    if rows:
        # The driver's own statement: building one parameter set a row costs more than inserting it.
        connection.exec_driver_sql(_INSERT[connection.dialect.paramstyle], rows)
    return {key: position for position, key, _ in rows}


def _positions(connection: Connection, by_key: dict[bytes, bytes]) -> dict[bytes, int]:
    """Those of entries that are kept already."""
    keys, found = list(by_key), dict[bytes, int]()
    for start in range(0, len(keys), AT_ONCE):
        query = sa.select(_ENTRY.c.key, _ENTRY.c.act, _ENTRY.c.position).where(
            _ENTRY.c.key.in_(keys[start : start + AT_ONCE])
        )
        for key, act, position in connection.execute(query):
            if act != by_key[key]:
                raise Conflict("log.entry.key", "an entry that cannot be told from another one")
            found[key] = position
    return found


def _key(entry: bytes) -> bytes:
    return hashlib.sha256(entry).digest()[:KEY_BYTES]
