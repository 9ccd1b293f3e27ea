"""How far a role has come in public, in its own database: one row, which the migration that makes the table makes."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy import Connection

from diptych.protocols.reading.states import KeptState

_STATE = sa.Table(
    "public_state",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("counter", sa.BigInteger),
    sa.Column("day", sa.Text),
    sa.Column("is_recorded", sa.Boolean),
    sa.Column("log", sa.Text),
    sa.Column("seen", sa.BigInteger),
    sa.Column("is_restored", sa.Boolean),
)


def with_public_state(metadata: sa.MetaData) -> sa.MetaData:
    """The tables of a role's database, and this one."""
    _STATE.to_metadata(metadata)
    return metadata


def declare_restored(connection: Connection) -> None:
    """The operator put an old database back: what the log shows of the time since does not stop the next start."""
    connection.execute(sa.update(_STATE).values(is_restored=True))


class DatabaseStates:
    """`StateKeeper` over a connection inside a transaction."""

    _connection: Connection

    def kept_state(self) -> KeptState:
        row = self._connection.execute(sa.select(_STATE).with_for_update()).one()
        return KeptState(
            counter=row.counter,
            day=date.fromisoformat(row.day),
            is_recorded=bool(row.is_recorded),
            log=row.log,
            seen=row.seen,
            is_restored=bool(row.is_restored),
        )

    def keep_state(self, kept: KeptState) -> None:
        values = {
            "counter": kept.counter,
            "day": kept.day.isoformat(),
            "is_recorded": kept.is_recorded,
            "log": kept.log,
            "seen": kept.seen,
            "is_restored": kept.is_restored,
        }
        self._connection.execute(sa.update(_STATE).values(values))
