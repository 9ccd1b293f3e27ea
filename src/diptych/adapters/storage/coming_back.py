"""What an old database must not bring back to life: left out of every backup, and made void after a restore.

A database that comes back is a past moment. Since then codes were spent, transaction codes guessed at, tokens
replaced, orders made void: all of that is forgotten. So nothing that was open then may be open now. Orders that came
after that moment are unknown altogether; that is for the operator to know (docs/operations/issuer.md).
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from diptych.adapters.storage.engine import Location, open_database, transaction
from diptych.adapters.storage.public_state import declare_restored
from diptych.roles.issuer.model import RESTORED, OrderState

_ORDERS = sa.table("orders", sa.column("order_id"), sa.column("state"), sa.column("sealed_renewal"))
_REFRESH = sa.table("refresh_grants", sa.column("order_id"), sa.column("wrap_renewal"))
_INCIDENTS = sa.table("incidents", sa.column("order_id"), sa.column("kind"), sa.column("at"))

_LISTS = sa.table("status_lists", sa.column("number"), sa.column("cwt"), sa.column("jwt"), sa.column("issued_at"))
STATUS_LISTS_APART = 1000

# What only short-lived tokens and codes open, and the tokens themselves.
_OF_ISSUER = (
    "DELETE FROM access_grants",
    "DELETE FROM used_once",
    "UPDATE orders SET sealed_full = NULL, code_wrap_full = NULL, code_wrap_renewal = NULL",
)
# Questions under way, with the keys that open their answers.
_OF_VERIFIER = ("DELETE FROM presentation",)


@dataclass(frozen=True)
class Voided:
    """How many orders were made void, and how many can still be renewed."""

    orders: int
    renewable: int


def forget_live(role: str, copy: sqlite3.Connection) -> None:
    """Delete from the copy of a role's database what no backup may keep."""
    for statement in {"issuer": _OF_ISSUER, "verifier": _OF_VERIFIER}.get(role, ()):
        copy.execute(statement)


def make_void(location: Location, *, keep_renewals: bool, now: datetime) -> Voided:
    """After an issuer's database has come back: every order is void, unless renewals are kept. Again is once.

    No code of before opens anything, kept renewals or not: transaction codes may have been guessed at since, and the
    tries are forgotten. Kept renewals need the wallet's token and its DPoP key; a token that was replaced since then
    comes back with them, and an order that was made void since then does too. What the public log shows of the time
    since does not stop the issuer's next start.
    """
    engine = open_database(location, "issuer")
    try:
        with transaction(engine) as connection:
            for statement in _OF_ISSUER:
                connection.execute(sa.text(statement))
            is_open = _ORDERS.c.state != OrderState.VOID
            if keep_renewals:
                kept = sa.select(_REFRESH.c.order_id).where(_REFRESH.c.wrap_renewal.is_not(None))
                is_open &= (_ORDERS.c.state == OrderState.OFFERED) | _ORDERS.c.order_id.not_in(kept)
            found = sa.select(_ORDERS.c.order_id, sa.literal(RESTORED), sa.literal(int(now.timestamp()))).where(is_open)
            connection.execute(sa.insert(_INCIDENTS).from_select(["order_id", "kind", "at"], found))
            void = {"state": OrderState.VOID.value, "sealed_renewal": None}
            voided = connection.execute(sa.update(_ORDERS).where(is_open).values(void)).rowcount
            # What is left can be renewed, and its code opens nothing.
            live = _ORDERS.c.state != OrderState.VOID
            renewable = connection.execute(
                sa.update(_ORDERS).where(live).values(state=OrderState.CLOSED.value)
            ).rowcount
            dead = sa.select(_ORDERS.c.order_id).where(_ORDERS.c.state == OrderState.VOID)
            connection.execute(sa.delete(_REFRESH).where(_REFRESH.c.order_id.in_(dead)))
            _begin_status_list(connection)
            declare_restored(connection)
    finally:
        engine.dispose()
    return Voided(voided, renewable)


def _begin_status_list(connection: sa.Connection) -> None:
    """A list in which no index was given: which ones were given in the old lists since, is forgotten.

    It is published before anything is issued, because its version is as old as can be. Lists may have been begun since,
    so its number is far from theirs.
    """
    last = connection.execute(sa.select(_LISTS).order_by(_LISTS.c.number.desc()).limit(1)).first()
    if last is not None and last.issued_at > 0:
        number = last.number + STATUS_LISTS_APART
        connection.execute(sa.insert(_LISTS).values(number=number, cwt=b"", jwt=b"", issued_at=0))


def end_questions(location: Location) -> None:
    """After a verifier's database has come back: no question of before is answered any more."""
    engine = open_database(location, "verifier")
    try:
        with transaction(engine) as connection:
            for statement in _OF_VERIFIER:
                connection.execute(sa.text(statement))
    finally:
        engine.dispose()
