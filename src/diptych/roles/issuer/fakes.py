"""The issuer's memory in memory, for tests and journeys; it passes the same contract as the database.

It can be told to fail before or after saving, as a database whose answer is lost does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Literal, TypeVar

from diptych.errors import Conflict, Unavailable
from diptych.protocols.reading.states import KeptState
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
from diptych.roles.issuer.status_fakes import MemoryStatusBook

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class _Tables:
    orders: dict[bytes, StoredOrder] = field(default_factory=dict)
    access: dict[bytes, AccessGrant] = field(default_factory=dict)
    refresh: dict[bytes, RefreshGrant] = field(default_factory=dict)
    seen: dict[bytes, datetime] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    acts: dict[tuple[bytes, int], QueuedAct] = field(default_factory=dict)
    batches: dict[tuple[bytes, bytes], KeptBatch] = field(default_factory=dict)
    enrolments: dict[tuple[bytes, str], Enrolment] = field(default_factory=dict)
    status: MemoryStatusBook = field(default_factory=MemoryStatusBook)
    states: list[KeptState] = field(default_factory=lambda: [KeptState()])

    def copy(self) -> "_Tables":
        orders = dict(self.orders)
        return _Tables(
            orders,
            dict(self.access),
            dict(self.refresh),
            dict(self.seen),
            list(self.incidents),
            dict(self.acts),
            dict(self.batches),
            dict(self.enrolments),
            self.status.copy(orders.keys()),
            list(self.states),
        )


class MemoryIssuerStore:
    """`IssuerStore` over dictionaries. Not for threads."""

    def __init__(self) -> None:
        self._tables = _Tables()
        self._fail: Literal["before", "after"] | None = None

    def fail_once(self, when: Literal["before", "after"]) -> None:
        """Let the next transaction raise `Unavailable` as it ends, before or after it was saved."""
        self._fail = when

    def contents(self) -> object:
        """Everything remembered, to compare before and after."""
        return self._tables.copy()

    @contextmanager
    def transaction(self) -> Iterator["_MemoryTransaction"]:
        tables = self._tables.copy()
        yield _MemoryTransaction(tables)
        fail, self._fail = self._fail, None
        if fail == "before":
            raise Unavailable("storage", "the store failed before saving")
        self._tables = tables
        if fail == "after":
            raise Unavailable("storage", "the store failed after saving")

    def forget_expired(self, now: datetime) -> None:
        with self.transaction() as state:
            tables = state.tables
            _drop(tables.access, [key for key, grant in tables.access.items() if grant.expires_at <= now])
            _drop(tables.seen, [key for key, expires_at in tables.seen.items() if expires_at <= now])
            _drop(tables.batches, [key for key, batch in tables.batches.items() if batch.expires_at <= now])
            for key, enrolment in list(tables.enrolments.items()):
                if enrolment.valid_until <= now:
                    del tables.enrolments[key]
            for order in list(tables.orders.values()):
                if _is_over(order, now) and all(act.is_recorded for act in state.acts(order.order_id)):
                    state.forget_grants(order.order_id)
                    _drop(tables.acts, [key for key in tables.acts if key[0] == order.order_id])
                    del tables.orders[order.order_id]
                else:
                    tables.orders[order.order_id] = _without_what_nothing_opens(order, tables, now)
            state.status.forget(now)

    def redeemed_orders(self, *, after: bytes, most: int) -> Sequence[RedeemedOrder]:
        found = [
            RedeemedOrder(order.order_id, order.expires_at, order.renewable_until)
            for order in self._tables.orders.values()
            if order.order_id > after and order.renewable_until is not None and order.state is not OrderState.VOID
        ]
        return tuple(sorted(found, key=lambda order: order.order_id)[:most])

    def unrecorded_acts(self, *, most: int) -> Sequence[QueuedAct]:
        waiting = (act for _, act in sorted(self._tables.acts.items()) if not act.is_recorded)
        return tuple(islice(waiting, most))

    def incidents(self) -> Sequence[Incident]:
        return tuple(self._tables.incidents)

    def standing_ids(self, now: datetime, *, after: bytes, most: int) -> Sequence[bytes]:
        found = (one for one in self._tables.enrolments.values() if not one.is_revoked and one.valid_until > now)
        return tuple(sorted(one.revocation_id for one in found if one.revocation_id > after)[:most])


class _MemoryTransaction:
    """`IssuerTransaction` on a copy of the tables that is kept if all goes well."""

    def __init__(self, tables: _Tables) -> None:
        self.tables = tables

    @property
    def status(self) -> MemoryStatusBook:
        return self.tables.status

    def order(self, order_id: bytes) -> StoredOrder | None:
        return self.tables.orders.get(order_id)

    def order_by_code(self, code_hash: bytes) -> StoredOrder | None:
        return next((order for order in self.tables.orders.values() if order.code_hash == code_hash), None)

    def save_order(self, order: StoredOrder) -> None:
        other = self.order_by_code(order.code_hash)
        if other is not None and other.order_id != order.order_id:
            raise Conflict("order.code", "another order has the same code")
        self.tables.orders[order.order_id] = order

    def access_grant(self, token_hash: bytes) -> AccessGrant | None:
        return self.tables.access.get(token_hash)

    def save_access_grant(self, grant: AccessGrant) -> None:
        self.tables.access[grant.token_hash] = grant

    def refresh_grant(self, token_hash: bytes) -> RefreshGrant | None:
        return self.tables.refresh.get(token_hash)

    def save_refresh_grant(self, grant: RefreshGrant) -> None:
        self.tables.refresh[grant.token_hash] = grant

    def forget_access_of(self, refresh_hash: bytes) -> None:
        _drop(self.tables.access, [k for k, grant in self.tables.access.items() if grant.refresh_hash == refresh_hash])

    def successors(self, refresh_hash: bytes) -> Sequence[RefreshGrant]:
        return tuple(grant for grant in self.tables.refresh.values() if grant.predecessor == refresh_hash)

    def refresh_grants(self, order_id: bytes) -> Sequence[RefreshGrant]:
        return tuple(grant for grant in self.tables.refresh.values() if grant.order_id == order_id)

    def forget_grants(self, order_id: bytes) -> None:
        _drop(self.tables.access, [k for k, grant in self.tables.access.items() if grant.order_id == order_id])
        _drop(self.tables.refresh, [k for k, grant in self.tables.refresh.items() if grant.order_id == order_id])
        _drop(self.tables.batches, [key for key in self.tables.batches if key[0] == order_id])

    def acts(self, order_id: bytes) -> Sequence[QueuedAct]:
        return tuple(act for (owner, _), act in sorted(self.tables.acts.items()) if owner == order_id)

    def save_act(self, act: QueuedAct) -> None:
        self.tables.acts[act.order_id, act.counter] = act

    def batch(self, order_id: bytes, request: bytes) -> KeptBatch | None:
        return self.tables.batches.get((order_id, request))

    def save_batch(self, batch: KeptBatch) -> None:
        self.tables.batches[batch.order_id, batch.request] = batch

    def use_once(self, value: bytes, *, expires_at: datetime) -> bool:
        if value in self.tables.seen:
            return False
        self.tables.seen[value] = expires_at
        return True

    def record(self, incident: Incident) -> None:
        self.tables.incidents.append(incident)

    def enrolments(self, order_id: bytes) -> Sequence[Enrolment]:
        found = (one for one in self.tables.enrolments.values() if one.order_id == order_id)
        return tuple(sorted(found, key=lambda one: one.type_id))

    def save_enrolment(self, enrolment: Enrolment) -> None:
        self.tables.enrolments[enrolment.order_id, enrolment.type_id] = enrolment

    def kept_state(self) -> KeptState:
        return self.tables.states[-1]

    def keep_state(self, kept: KeptState) -> None:
        self.tables.states[:] = [kept]


def _without_what_nothing_opens(order: StoredOrder, tables: _Tables, now: datetime) -> StoredOrder:
    kept = order if order.expires_at > now else replace(order, code_wrap_full=None, code_wrap_renewal=None)
    has_token = any(
        grant.order_id == order.order_id and grant.wrap_full is not None for grant in tables.access.values()
    )
    return kept if has_token or kept.code_wrap_full is not None else replace(kept, sealed_full=None)


def _is_over(order: StoredOrder, now: datetime) -> bool:
    if order.renewable_until is not None and order.renewable_until <= now:
        return True
    return order.state in (OrderState.OFFERED, OrderState.VOID) and order.expires_at <= now


def _drop(table: dict[K, V], keys: list[K]) -> None:
    for key in keys:
        del table[key]
