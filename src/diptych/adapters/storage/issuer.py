"""The issuer's memory in a database. A thief of it has ciphertext, wraps and hashes, and nothing that opens them.

Times are whole seconds since 1970, UTC. Everything about an order is decided while its row is locked, and no request
needs two orders, so that requests wait for each other and never in a circle. What the rows mean, and when they go, is
said in `roles/issuer`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError

from diptych.adapters.storage.engine import hold, hold_rows, insert_unless_there, transaction
from diptych.adapters.storage.issuer_status import METADATA, DatabaseStatusBook
from diptych.adapters.storage.public_state import DatabaseStates, with_public_state
from diptych.errors import Conflict
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.roles.issuer.model import (
    AccessGrant,
    Enrolment,
    Incident,
    KeptBatch,
    OrderState,
    QueuedAct,
    RedeemedOrder,
    RefreshGrant,
    StoredOrder,
)

ROLE = "issuer"

_METADATA = with_public_state(METADATA)
_ORDERS = sa.Table(
    "orders",
    _METADATA,
    sa.Column("order_id", sa.LargeBinary, primary_key=True),
    sa.Column("digest", sa.LargeBinary),
    sa.Column("code_hash", sa.LargeBinary),
    sa.Column("state", sa.Text),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("sealed_full", sa.LargeBinary),
    sa.Column("sealed_renewal", sa.LargeBinary),
    sa.Column("code_wrap_full", sa.LargeBinary),
    sa.Column("code_wrap_renewal", sa.LargeBinary),
    sa.Column("tries", sa.Integer),
    sa.Column("redeemed_by", sa.Text),
    sa.Column("renewable_until", sa.BigInteger),
    sa.Column("chain", sa.LargeBinary),
    sa.Column("chain_counter", sa.BigInteger),
)
_ACCESS = sa.Table(
    "access_grants",
    _METADATA,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("order_id", sa.LargeBinary),
    sa.Column("jkt", sa.Text),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("refresh_hash", sa.LargeBinary),
    sa.Column("wrap_full", sa.LargeBinary),
    sa.Column("wrap_renewal", sa.LargeBinary),
)
_REFRESH = sa.Table(
    "refresh_grants",
    _METADATA,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("order_id", sa.LargeBinary),
    sa.Column("jkt", sa.Text),
    sa.Column("predecessor", sa.LargeBinary),
    sa.Column("wrap_renewal", sa.LargeBinary),
)
_USED_ONCE = sa.Table(
    "used_once",
    _METADATA,
    sa.Column("value", sa.LargeBinary, primary_key=True),
    sa.Column("expires_at", sa.BigInteger),
)
_ACTS = sa.Table(
    "acts",
    _METADATA,
    sa.Column("order_id", sa.LargeBinary, primary_key=True),
    sa.Column("counter", sa.BigInteger, primary_key=True),
    sa.Column("entry", sa.LargeBinary),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("is_recorded", sa.Boolean),
)
_BATCHES = sa.Table(
    "batches",
    _METADATA,
    sa.Column("order_id", sa.LargeBinary, primary_key=True),
    sa.Column("request", sa.LargeBinary, primary_key=True),
    sa.Column("counter", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("sealed", sa.LargeBinary),
)
_INCIDENTS = sa.Table(
    "incidents",
    _METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("order_id", sa.LargeBinary),
    sa.Column("kind", sa.Text),
    sa.Column("at", sa.BigInteger),
)
_ENROLMENTS = sa.Table(
    "enrolments",
    _METADATA,
    sa.Column("order_id", sa.LargeBinary, primary_key=True),
    sa.Column("type_id", sa.Text, primary_key=True),
    sa.Column("commitment", sa.LargeBinary),
    sa.Column("revocation_id", sa.LargeBinary),
    sa.Column("valid_until", sa.BigInteger),
    sa.Column("is_revoked", sa.Boolean),
)


class DatabaseIssuerStore:
    """`IssuerStore` over an opened database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator["_DatabaseTransaction"]:
        with transaction(self._engine) as connection:
            yield _DatabaseTransaction(connection)

    def forget_expired(self, now: datetime) -> None:
        moment = _seconds(now)
        unredeemed = _ORDERS.c.state.in_([OrderState.OFFERED, OrderState.VOID])
        is_waiting = sa.exists().where(_ACTS.c.order_id == _ORDERS.c.order_id, _ACTS.c.is_recorded.is_(False))
        over = sa.and_(
            sa.or_(sa.and_(unredeemed, _ORDERS.c.expires_at <= moment), _ORDERS.c.renewable_until <= moment),
            ~is_waiting,
        )
        over_ids = sa.select(_ORDERS.c.order_id).where(over)
        has_late_code = sa.and_(_ORDERS.c.expires_at <= moment, _ORDERS.c.code_wrap_full.is_not(None))
        opened_by_token = sa.exists().where(_ACCESS.c.order_id == _ORDERS.c.order_id, _ACCESS.c.wrap_full.is_not(None))
        has_late_token = sa.exists().where(_ACCESS.c.order_id == _ORDERS.c.order_id, _ACCESS.c.expires_at <= moment)
        is_closed = sa.and_(_ORDERS.c.code_wrap_full.is_(None), _ORDERS.c.sealed_full.is_not(None))
        due = sa.or_(over, has_late_code, sa.and_(is_closed, ~opened_by_token), has_late_token)
        with transaction(self._engine) as connection:
            # One sweep at a time, and the orders' rows before those that hang on them, as requests do.
            hold(connection, "issuer sweep")
            hold_rows(connection, sa.select(_ORDERS.c.order_id).where(due))
            connection.execute(sa.delete(_ACCESS).where(_ACCESS.c.expires_at <= moment))
            for table in (_ACCESS, _REFRESH, _BATCHES, _ACTS):
                connection.execute(sa.delete(table).where(table.c.order_id.in_(over_ids)))
            connection.execute(sa.delete(_ORDERS).where(over))
            connection.execute(
                sa.update(_ORDERS).where(has_late_code).values(code_wrap_full=None, code_wrap_renewal=None)
            )
            connection.execute(sa.update(_ORDERS).where(is_closed, ~opened_by_token).values(sealed_full=None))
            connection.execute(sa.delete(_BATCHES).where(_BATCHES.c.expires_at <= moment))
            connection.execute(sa.delete(_ENROLMENTS).where(_ENROLMENTS.c.valid_until <= moment))
            DatabaseStatusBook(connection).forget(now)
            # Last: whoever uses one of these again waits for the sweep, which then waits for nobody.
            connection.execute(sa.delete(_USED_ONCE).where(_USED_ONCE.c.expires_at <= moment))

    def redeemed_orders(self, *, after: bytes, most: int) -> Sequence[RedeemedOrder]:
        query = (
            sa.select(_ORDERS.c.order_id, _ORDERS.c.expires_at, _ORDERS.c.renewable_until)
            .where(_ORDERS.c.order_id > after, _ORDERS.c.renewable_until.is_not(None))
            .where(_ORDERS.c.state != OrderState.VOID.value)
            .order_by(_ORDERS.c.order_id)
            .limit(most)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(query).all()
        return tuple(
            RedeemedOrder(bytes(row.order_id), _moment(row.expires_at), _moment(row.renewable_until)) for row in rows
        )

    def unrecorded_acts(self, *, most: int) -> Sequence[QueuedAct]:
        query = sa.select(_ACTS).where(_ACTS.c.is_recorded.is_(False)).order_by(_ACTS.c.order_id, _ACTS.c.counter)
        with transaction(self._engine) as connection:
            return tuple(_act(row) for row in connection.execute(query.limit(most)).all())

    def incidents(self) -> Sequence[Incident]:
        with transaction(self._engine) as connection:
            rows = connection.execute(sa.select(_INCIDENTS).order_by(_INCIDENTS.c.number)).all()
        return tuple(Incident(bytes(row.order_id), row.kind, _moment(row.at)) for row in rows)

    def standing_ids(self, now: datetime, *, after: bytes, most: int) -> Sequence[bytes]:
        query = (
            sa.select(_ENROLMENTS.c.revocation_id)
            .where(_ENROLMENTS.c.revocation_id > after, _ENROLMENTS.c.valid_until > _seconds(now))
            .where(_ENROLMENTS.c.is_revoked.is_(False))
            .order_by(_ENROLMENTS.c.revocation_id)
            .limit(most)
        )
        with transaction(self._engine) as connection:
            return tuple(bytes(row.revocation_id) for row in connection.execute(query))


class _DatabaseTransaction(DatabaseStates):
    """`IssuerTransaction` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held: set[bytes] = set()
        """The orders whose rows are locked."""
        self.status = DatabaseStatusBook(connection)

    def order(self, order_id: bytes) -> StoredOrder | None:
        found = self._order_where(_ORDERS.c.order_id == order_id)
        if found is None:
            # There is no row to lock: of two who bring the same order, the second finds the first's.
            hold(self._connection, f"issuer order {order_id.hex()}")
            found = self._order_where(_ORDERS.c.order_id == order_id)
        return found

    def order_by_code(self, code_hash: bytes) -> StoredOrder | None:
        return self._order_where(_ORDERS.c.code_hash == code_hash)

    def save_order(self, order: StoredOrder) -> None:
        values = {
            "digest": order.digest,
            "code_hash": order.code_hash,
            "state": str(order.state),
            "expires_at": _seconds(order.expires_at),
            "sealed_full": order.sealed_full,
            "sealed_renewal": order.sealed_renewal,
            "code_wrap_full": order.code_wrap_full,
            "code_wrap_renewal": order.code_wrap_renewal,
            "tries": order.tries,
            "redeemed_by": order.redeemed_by,
            "renewable_until": None if order.renewable_until is None else _seconds(order.renewable_until),
            "chain": None if order.chain is None else order.chain.secret.reveal(),
            "chain_counter": None if order.chain is None else order.chain.counter,
        }
        try:
            updated = self._connection.execute(
                sa.update(_ORDERS).where(_ORDERS.c.order_id == order.order_id).values(values)
            )
            if updated.rowcount == 0:
                self._connection.execute(sa.insert(_ORDERS).values(order_id=order.order_id, **values))
        except IntegrityError as error:
            raise Conflict("order.code", "another order has the same code") from error

    def access_grant(self, token_hash: bytes) -> AccessGrant | None:
        if not self._hold_order_of(_ACCESS, token_hash):
            return None
        row = self._connection.execute(sa.select(_ACCESS).where(_ACCESS.c.token_hash == token_hash)).first()
        if row is None:
            return None
        return AccessGrant(
            token_hash=bytes(row.token_hash),
            order_id=bytes(row.order_id),
            jkt=row.jkt,
            expires_at=_moment(row.expires_at),
            refresh_hash=bytes(row.refresh_hash),
            wrap_full=_bytes(row.wrap_full),
            wrap_renewal=bytes(row.wrap_renewal),
        )

    def save_access_grant(self, grant: AccessGrant) -> None:
        self._connection.execute(
            sa.insert(_ACCESS).values(
                token_hash=grant.token_hash,
                order_id=grant.order_id,
                jkt=grant.jkt,
                expires_at=_seconds(grant.expires_at),
                refresh_hash=grant.refresh_hash,
                wrap_full=grant.wrap_full,
                wrap_renewal=grant.wrap_renewal,
            )
        )

    def refresh_grant(self, token_hash: bytes) -> RefreshGrant | None:
        if not self._hold_order_of(_REFRESH, token_hash):
            return None
        return next(iter(self._refresh_where(_REFRESH.c.token_hash == token_hash)), None)

    def save_refresh_grant(self, grant: RefreshGrant) -> None:
        values = {
            "order_id": grant.order_id,
            "jkt": grant.jkt,
            "predecessor": grant.predecessor,
            "wrap_renewal": grant.wrap_renewal,
        }
        updated = self._connection.execute(
            sa.update(_REFRESH).where(_REFRESH.c.token_hash == grant.token_hash).values(values)
        )
        if updated.rowcount == 0:
            self._connection.execute(sa.insert(_REFRESH).values(token_hash=grant.token_hash, **values))

    def forget_access_of(self, refresh_hash: bytes) -> None:
        self._connection.execute(sa.delete(_ACCESS).where(_ACCESS.c.refresh_hash == refresh_hash))

    def successors(self, refresh_hash: bytes) -> Sequence[RefreshGrant]:
        return self._refresh_where(_REFRESH.c.predecessor == refresh_hash)

    def refresh_grants(self, order_id: bytes) -> Sequence[RefreshGrant]:
        return self._refresh_where(_REFRESH.c.order_id == order_id)

    def forget_grants(self, order_id: bytes) -> None:
        for table in (_ACCESS, _REFRESH, _BATCHES):
            self._connection.execute(sa.delete(table).where(table.c.order_id == order_id))

    def acts(self, order_id: bytes) -> Sequence[QueuedAct]:
        query = sa.select(_ACTS).where(_ACTS.c.order_id == order_id).order_by(_ACTS.c.counter)
        return tuple(_act(row) for row in self._connection.execute(query).all())

    def save_act(self, act: QueuedAct) -> None:
        self._save(
            _ACTS,
            {"order_id": act.order_id, "counter": act.counter},
            {"entry": act.entry, "sealed": act.sealed, "is_recorded": act.is_recorded},
        )

    def batch(self, order_id: bytes, request: bytes) -> KeptBatch | None:
        query = sa.select(_BATCHES).where(_BATCHES.c.order_id == order_id, _BATCHES.c.request == request)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        return KeptBatch(
            bytes(row.order_id), bytes(row.request), row.counter, _moment(row.expires_at), bytes(row.sealed)
        )

    def save_batch(self, batch: KeptBatch) -> None:
        self._save(
            _BATCHES,
            {"order_id": batch.order_id, "request": batch.request},
            {"counter": batch.counter, "expires_at": _seconds(batch.expires_at), "sealed": batch.sealed},
        )

    def use_once(self, value: bytes, *, expires_at: datetime) -> bool:
        return insert_unless_there(self._connection, _USED_ONCE, {"value": value, "expires_at": _seconds(expires_at)})

    def record(self, incident: Incident) -> None:
        self._connection.execute(
            sa.insert(_INCIDENTS).values(order_id=incident.order_id, kind=incident.kind, at=_seconds(incident.at))
        )

    def _save(self, table: sa.Table, key: dict[str, object], values: dict[str, object]) -> None:
        """Insert, or replace the row of this key."""
        of_key = [table.c[name] == value for name, value in key.items()]
        if self._connection.execute(sa.update(table).where(*of_key).values(values)).rowcount == 0:
            self._connection.execute(sa.insert(table).values({**key, **values}))

    def enrolments(self, order_id: bytes) -> Sequence[Enrolment]:
        query = sa.select(_ENROLMENTS).where(_ENROLMENTS.c.order_id == order_id).order_by(_ENROLMENTS.c.type_id)
        return tuple(
            Enrolment(
                order_id=bytes(row.order_id),
                type_id=row.type_id,
                commitment=bytes(row.commitment),
                revocation_id=bytes(row.revocation_id),
                valid_until=_moment(row.valid_until),
                is_revoked=row.is_revoked,
            )
            for row in self._connection.execute(query)
        )

    def save_enrolment(self, enrolment: Enrolment) -> None:
        values = {
            "commitment": enrolment.commitment,
            "revocation_id": enrolment.revocation_id,
            "valid_until": _seconds(enrolment.valid_until),
            "is_revoked": enrolment.is_revoked,
        }
        self._save(_ENROLMENTS, {"order_id": enrolment.order_id, "type_id": enrolment.type_id}, values)

    def _order_where(self, condition: sa.ColumnElement[bool]) -> StoredOrder | None:
        row = self._connection.execute(sa.select(_ORDERS).where(condition).with_for_update()).first()
        if row is None:
            return None
        self._held.add(bytes(row.order_id))
        return _order(row)

    def _hold_order_of(self, table: sa.Table, token_hash: bytes) -> bool:
        """Lock the row of a token's order, if the token is known: its grant is to be read only then."""
        order_id = self._connection.execute(
            sa.select(table.c.order_id).where(table.c.token_hash == token_hash)
        ).scalar()
        if order_id is None:
            return False
        if bytes(order_id) not in self._held:
            hold_rows(self._connection, sa.select(_ORDERS.c.order_id).where(_ORDERS.c.order_id == order_id))
            self._held.add(bytes(order_id))
        return True

    def _refresh_where(self, condition: sa.ColumnElement[bool]) -> tuple[RefreshGrant, ...]:
        rows = self._connection.execute(sa.select(_REFRESH).where(condition).order_by(_REFRESH.c.token_hash)).all()
        return tuple(
            RefreshGrant(
                token_hash=bytes(row.token_hash),
                order_id=bytes(row.order_id),
                jkt=row.jkt,
                predecessor=_bytes(row.predecessor),
                wrap_renewal=_bytes(row.wrap_renewal),
            )
            for row in rows
        )


def _order(row: Row[tuple[object, ...]]) -> StoredOrder:
    return StoredOrder(
        order_id=bytes(row.order_id),
        digest=bytes(row.digest),
        code_hash=bytes(row.code_hash),
        state=OrderState(row.state),
        expires_at=_moment(row.expires_at),
        sealed_full=_bytes(row.sealed_full),
        sealed_renewal=_bytes(row.sealed_renewal),
        code_wrap_full=_bytes(row.code_wrap_full),
        code_wrap_renewal=_bytes(row.code_wrap_renewal),
        tries=row.tries,
        redeemed_by=row.redeemed_by,
        renewable_until=None if row.renewable_until is None else _moment(row.renewable_until),
        chain=None if row.chain is None else ChainElement(Secret(row.chain), row.chain_counter),
    )


def _act(row: Row[tuple[object, ...]]) -> QueuedAct:
    return QueuedAct(bytes(row.order_id), row.counter, bytes(row.entry), bytes(row.sealed), bool(row.is_recorded))


def _bytes(value: bytes | None) -> bytes | None:
    return None if value is None else bytes(value)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
