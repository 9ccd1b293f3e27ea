"""How a role's database is opened, written in transactions, and brought up to date.

SQLite here: WAL with synchronous=FULL, so that what is committed survives kill -9 and a power cut, and
secure_delete, so that what is deleted is overwritten. Transactions take the write lock when they begin: two
writers queue instead of failing halfway.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from diptych.errors import Unavailable

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS = 10_000

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
)


def open_database(path: Path, role: str) -> Engine:
    """The engine of `role`'s database file, created or migrated to the newest schema first."""
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=NullPool)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _take_write_lock)
    _migrate(engine, role)
    path.chmod(0o600)
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One all-or-nothing write: durable when the block ends, undone when it raises.

    A database that is locked, gone or full raises `Unavailable`; nothing of the block is kept then.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise Unavailable("storage", "the database cannot be written now; try again") from error


def _configure(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    # The driver's own implicit BEGIN is switched off: `_take_write_lock` begins every transaction.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _take_write_lock(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(engine: Engine, role: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(MIGRATIONS / role).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    with transaction(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
