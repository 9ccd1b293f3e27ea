"""The witness's memory in a database: one checkpoint for each log, which never goes back.

Everything in it is public. What must never happen to it is to be restored old; what may follow what is left to
`roles/witness`.
"""

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from diptych.adapters.storage.engine import Location, hold, open_database, transaction
from diptych.errors import Conflict
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.roles.witness.model import Cosigned

ROLE = "witness"
KEPT_CONNECTIONS = 4

_METADATA = sa.MetaData()
_COSIGNED = sa.Table(
    "cosigned",
    _METADATA,
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("note", sa.LargeBinary),
    sa.Column("timestamp", sa.BigInteger),
)


def open_witness_store(location: Location) -> "DatabaseWitnessStore":
    """The store in this database, created if there is none."""
    return DatabaseWitnessStore(open_database(location, ROLE, keeps=KEPT_CONNECTIONS))


class DatabaseWitnessStore:
    """`WitnessStore` in SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # While one stays open, SQLite does not fold its journal into the file after every transaction.
        self._kept = engine.connect()

    def close(self) -> None:
        """Let go of the connections that are kept."""
        self._kept.close()
        self._engine.dispose()

    def latest(self, origin: str) -> Cosigned | None:
        with transaction(self._engine) as connection:
            return _latest(connection, origin)

    def keep(self, origin: str, *, after: Cosigned | None, cosigned: Cosigned) -> None:
        values = {"note": cosigned.signed.encode(), "timestamp": cosigned.timestamp}
        with transaction(self._engine) as connection:
            hold(connection, f"witness of {origin}")
            if _latest(connection, origin) != after:
                raise Conflict("witness.changed", "another checkpoint was cosigned meanwhile")
            if after is None:
                connection.execute(sa.insert(_COSIGNED).values(origin=origin, **values))
            else:
                connection.execute(sa.update(_COSIGNED).where(_COSIGNED.c.origin == origin).values(values))


def _latest(connection: Connection, origin: str) -> Cosigned | None:
    query = sa.select(_COSIGNED.c.note, _COSIGNED.c.timestamp).where(_COSIGNED.c.origin == origin)
    row = connection.execute(query).first()
    return None if row is None else Cosigned(parse_signed_checkpoint(row.note), row.timestamp)
