"""Status lists and standings in the issuer's database: `StatusBook` on the connection of an issuer's transaction.

A thief of these tables can say which indices belong to one order, and so to one person whose name is not here: an index
next to a presentation that he has from elsewhere links that presentation to the person's others (docs/threat-model.md).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from diptych.adapters.storage.engine import hold, insert_unless_there
from diptych.formats.order.standing import Standing
from diptych.formats.status_list.lists import Status
from diptych.roles.issuer.status_model import (
    LIST_SIZE,
    ListCount,
    OrderStanding,
    PublishedList,
    StatusEntry,
    ToldStanding,
)

METADATA = sa.MetaData()
_LISTS = sa.Table(
    "status_lists",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("cwt", sa.LargeBinary),
    sa.Column("jwt", sa.LargeBinary),
    sa.Column("issued_at", sa.BigInteger),
)
_ENTRIES = sa.Table(
    "status_entries",
    METADATA,
    sa.Column("list_number", sa.Integer, primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("order_id", sa.LargeBinary),
    sa.Column("status", sa.Integer),
    sa.Column("expires_at", sa.BigInteger),
)
_ORDERS = sa.table("orders", sa.column("order_id"))  # its own module's: see `storage/issuer`
_STANDINGS = sa.Table(
    "order_standings",
    METADATA,
    sa.Column("order_id", sa.LargeBinary, primary_key=True),
    sa.Column("standing", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("said_at", sa.BigInteger),
    sa.Column("digest", sa.LargeBinary),
    sa.Column("counter", sa.Integer),
    sa.Column("is_in_force", sa.Boolean),
)
_TOLD = sa.Table(
    "told_standings",
    METADATA,
    sa.Column("asked_by", sa.LargeBinary, primary_key=True),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("until", sa.BigInteger),
)


class DatabaseStatusBook:
    """`StatusBook` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self) -> None:
        hold(self._connection, "issuer status lists")

    def numbers(self) -> Sequence[int]:
        return tuple(self._connection.execute(sa.select(_LISTS.c.number).order_by(_LISTS.c.number)).scalars())

    def published(self, number: int) -> PublishedList | None:
        row = self._connection.execute(sa.select(_LISTS).where(_LISTS.c.number == number)).first()
        return None if row is None else PublishedList(bytes(row.cwt), bytes(row.jwt), _moment(row.issued_at))

    def publish(self, number: int, version: PublishedList) -> None:
        values = {"cwt": version.cwt, "jwt": version.jwt, "issued_at": _seconds(version.issued_at)}
        updated = self._connection.execute(sa.update(_LISTS).where(_LISTS.c.number == number).values(values))
        if updated.rowcount == 0:
            self._connection.execute(sa.insert(_LISTS).values(number=number, **values))

    def assigned(self, number: int) -> int:
        query = sa.select(sa.func.count()).select_from(_ENTRIES).where(_ENTRIES.c.list_number == number)
        return int(self._connection.execute(query).scalar_one())

    def assign(self, entry: StatusEntry) -> bool:
        return insert_unless_there(
            self._connection,
            _ENTRIES,
            {
                "list_number": entry.list_number,
                "place": entry.index,
                "order_id": entry.order_id,
                "status": int(Status.VALID),
                "expires_at": _seconds(entry.expires_at),
            },
        )

    def flipped(self, number: int) -> Mapping[int, Status]:
        query = sa.select(_ENTRIES.c.place, _ENTRIES.c.status).where(
            _ENTRIES.c.list_number == number, _ENTRIES.c.status != int(Status.VALID)
        )
        return {row.place: Status(row.status) for row in self._connection.execute(query)}

    def flip(self, order_id: bytes, status: Status) -> None:
        self._connection.execute(sa.update(_ENTRIES).where(_ENTRIES.c.order_id == order_id).values(status=int(status)))

    def is_listed(self, order_id: bytes) -> bool:
        query = sa.select(_ENTRIES.c.place).where(_ENTRIES.c.order_id == order_id).limit(1)
        return self._connection.execute(query).first() is not None

    def standing(self, order_id: bytes) -> OrderStanding | None:
        return next(iter(self._standings(_STANDINGS.c.order_id == order_id)), None)

    def save_standing(self, standing: OrderStanding) -> None:
        values = {
            "standing": str(standing.standing),
            "reason": standing.reason,
            "said_at": _seconds(standing.said_at),
            "digest": standing.digest,
            "counter": standing.counter,
            "is_in_force": standing.is_in_force,
        }
        updated = self._connection.execute(
            sa.update(_STANDINGS).where(_STANDINGS.c.order_id == standing.order_id).values(values)
        )
        if updated.rowcount == 0:
            self._connection.execute(sa.insert(_STANDINGS).values(order_id=standing.order_id, **values))

    def waiting(self) -> Sequence[OrderStanding]:
        return self._standings(sa.not_(_STANDINGS.c.is_in_force))

    def keep_told(self, told: ToldStanding) -> None:
        values = {"asked_by": told.asked_by, "sealed": told.sealed, "until": _seconds(told.until)}
        self._connection.execute(sa.delete(_TOLD).where(_TOLD.c.asked_by == told.asked_by))
        self._connection.execute(sa.insert(_TOLD).values(values))

    def told(self, asked_by: bytes) -> bytes | None:
        query = sa.select(_TOLD.c.sealed).where(_TOLD.c.asked_by == asked_by)
        sealed = self._connection.execute(query).scalar()
        return None if sealed is None else bytes(sealed)

    def counts(self) -> Sequence[ListCount]:
        by_list: dict[int, dict[int, int]] = {}
        query = sa.select(_ENTRIES.c.list_number, _ENTRIES.c.status, sa.func.count().label("many")).group_by(
            _ENTRIES.c.list_number, _ENTRIES.c.status
        )
        for row in self._connection.execute(query):
            by_list.setdefault(row.list_number, {})[row.status] = row.many
        found: list[ListCount] = []
        for row in self._connection.execute(sa.select(_LISTS).order_by(_LISTS.c.number)):
            many = by_list.get(row.number, {})
            found.append(
                ListCount(
                    row.number,
                    LIST_SIZE,
                    sum(many.values()),
                    many.get(int(Status.SUSPENDED), 0),
                    many.get(int(Status.INVALID), 0),
                    _moment(row.issued_at),
                )
            )
        return tuple(found)

    def forget(self, now: datetime) -> None:
        self._connection.execute(sa.delete(_TOLD).where(_TOLD.c.until <= _seconds(now)))
        is_over = sa.and_(_ENTRIES.c.expires_at <= _seconds(now), _ENTRIES.c.order_id.is_not(None))
        self._connection.execute(sa.update(_ENTRIES).where(is_over).values(order_id=None))
        is_linked = sa.exists().where(_ENTRIES.c.order_id == _STANDINGS.c.order_id)
        is_kept = sa.exists().where(_ORDERS.c.order_id == _STANDINGS.c.order_id)
        self._connection.execute(sa.delete(_STANDINGS).where(_STANDINGS.c.is_in_force, ~is_linked, ~is_kept))
        last = sa.select(sa.func.max(_LISTS.c.number)).scalar_subquery()
        is_alive = sa.exists().where(_ENTRIES.c.list_number == _LISTS.c.number, _ENTRIES.c.order_id.is_not(None))
        over = tuple(
            self._connection.execute(sa.select(_LISTS.c.number).where(_LISTS.c.number < last, ~is_alive)).scalars()
        )
        if over:
            self._connection.execute(sa.delete(_ENTRIES).where(_ENTRIES.c.list_number.in_(over)))
            self._connection.execute(sa.delete(_LISTS).where(_LISTS.c.number.in_(over)))

    def _standings(self, condition: sa.ColumnElement[bool]) -> tuple[OrderStanding, ...]:
        rows = self._connection.execute(sa.select(_STANDINGS).where(condition).order_by(_STANDINGS.c.order_id)).all()
        return tuple(_standing(row) for row in rows)


def _standing(row: Row[tuple[object, ...]]) -> OrderStanding:
    return OrderStanding(
        bytes(row.order_id),
        Standing(row.standing),
        row.reason,
        _moment(row.said_at),
        bytes(row.digest),
        row.counter,
        bool(row.is_in_force),
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
