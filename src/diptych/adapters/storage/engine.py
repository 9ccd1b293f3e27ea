"""How a role's database is opened, written in transactions, and brought up to date: a SQLite file, or PostgreSQL.

On both, what is committed survives kill -9 and a power cut, and what one transaction decides upon nobody else changes
until it ends. SQLite gives that to whole transactions, which take the only write lock as they begin. On PostgreSQL
transactions run beside each other at READ COMMITTED and lock what they decide upon *before* they read it: rows with
`with_for_update()`, and by `hold` what has no row yet. So they wait where SERIALIZABLE would fail and have to be run
again; a transaction here may contain thirty signatures, and its block can be entered only once. None is repeated: a
deadlock, which the order of locks leaves to those who replay others' nonces, is `Unavailable` like the rest.

How PostgreSQL is reached is left to `postgresql.py`, what rows mean to one module per role.
"""

import importlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    DisconnectionError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection, QueuePool

from diptych.errors import FormatError, Unavailable
from diptych.private import Secret

Location = Path | Secret
"""A SQLite file, or the URL of a PostgreSQL database, which may contain a password."""

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_SECONDS = 10

PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
)

# 32 MiB of journal before it is folded in, and as much memory for the pages of a transaction.
MANY_PAGES = ("PRAGMA wal_autocheckpoint=8192", "PRAGMA cache_size=-32768")

_GOES, _FILE = "goes", "file"

# SQLSTATEs of PostgreSQL that the driver counts among programming errors, and that are the operator's to mend.
UNPREPARED = {"42P01", "42501", "3F000"}  # no such table, no privilege, no such schema


def open_database(
    location: Location,
    role: str,
    *,
    migrates: bool = True,
    keeps: int = 0,
    keeps_file: bool = False,
    many_pages: bool = False,
) -> Engine:
    """The engine of `role`'s database, created or migrated to the newest schema first.

    Without `migrates` it is taken as it is, and a file that is missing stays missing: for processes that live for one
    request, whose parent has migrated. `keeps` connections to PostgreSQL stay open between transactions, from the first
    one on: a process may fork before, and not after. With `keeps_file` so do those to a SQLite file, whose every
    transaction otherwise ends with a checkpoint: for stores that say where something is to `leave_nothing`.
    `many_pages` is for a file of which each transaction changes hundreds of pages, the same ones again and again.
    """
    pragmas = (*PRAGMAS, *MANY_PAGES) if many_pages else PRAGMAS
    if isinstance(location, Path):
        engine = _open_file(location, creates=migrates, keeps=keeps if keeps_file else 0, pragmas=pragmas)
    else:
        from diptych.adapters.storage import postgresql

        engine = postgresql.connect(location, role, keeps=keeps)
    if migrates:
        _migrate(engine, role)
        engine.dispose()
    return engine


def preload(location: Location) -> None:
    """Import now what the first transaction would import: for a process that forks one child for each of them."""
    if isinstance(location, Path):
        importlib.import_module("sqlalchemy.dialects.sqlite.pysqlite")
    else:
        importlib.import_module("diptych.adapters.storage.postgresql")
        importlib.import_module("sqlalchemy.dialects.postgresql.psycopg")


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One all-or-nothing write: durable when the block ends, undone when it raises.

    A database that is locked, gone, full or too slow raises `Unavailable`, and nothing of the block is kept. The one
    exception cannot be avoided: where the connection breaks between COMMIT and its answer, nobody here can know; and
    what is to `leave_nothing` may be deleted and not yet be gone. The caller's own retry must do no harm then, as it
    must not after a crash at that point.
    """
    try:
        with engine.begin() as connection:
            yield connection
            goes = connection.info.pop(_GOES, False)
        if goes:
            _truncate_log(engine)
    except SQLAlchemyError as error:
        if not _is_the_worlds(error):
            raise
        if engine.dialect.name == "sqlite":
            engine.dispose()  # nothing is taken for granted of a connection that met a fault: the next one opens anew
        raise Unavailable("storage", "the database cannot be reached or written now; try again") from error


def leave_nothing(connection: Connection) -> None:
    """What this transaction deletes or overwrites is to be gone from SQLite's write-ahead log too, once it ends.

    `secure_delete` overwrites it in the file; the log has the pages as they were until it is truncated.
    """
    connection.info[_GOES] = True


def hold(connection: Connection, name: str) -> None:
    """Until this transaction ends, whoever holds the same name waits: for decisions upon what is not there yet.

    On SQLite the transaction holds everything already.
    """
    if _is_postgresql(connection):
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))


def hold_rows(connection: Connection, rows: "sa.Select[tuple[bytes]]") -> None:
    """Lock these rows until this transaction ends. On SQLite it holds everything already."""
    if _is_postgresql(connection):
        connection.execute(rows.with_for_update()).all()


def insert_unless_there(connection: Connection, table: sa.Table, values: Mapping[str, object]) -> bool:
    """Insert a row; False if its key is there already. One that another transaction is inserting is waited for."""
    insert = postgresql_dialect.insert if _is_postgresql(connection) else sqlite_dialect.insert
    statement = insert(table).values(values).on_conflict_do_nothing().returning(sa.literal(True))
    return connection.execute(statement).first() is not None


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _is_the_worlds(error: SQLAlchemyError) -> bool:
    """Did the database fail, or do we have a bug? A broken constraint and a wrong statement stay what they are."""
    if isinstance(error, NoFreeConnection):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or isinstance(error, OperationalError | InternalError):
        return True
    # SQLite raises the family's bare parent for a damaged file.
    return type(error) is DatabaseError or getattr(error.orig, "sqlstate", None) in UNPREPARED


def _truncate_log(engine: Engine) -> None:
    """Waits for whoever reads or writes, as for a lock. Does nothing on PostgreSQL."""
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()


def _open_file(path: Path, *, creates: bool, keeps: int, pragmas: Sequence[str]) -> Engine:
    if creates:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            path.chmod(0o600)
        except OSError as error:
            raise Unavailable("storage", f"{path.name} cannot be opened or made: {error.strerror}") from error
    # mode=rw: a file removed under a running process is a failure, not a reason to begin with an empty one.
    uri = f"file:{quote(str(path.absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        # A pool gives a connection to one thread at a time.
        return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS, check_same_thread=not keeps)

    if keeps:
        engine = sa.create_engine(
            "sqlite://",
            creator=connect,
            poolclass=QueuePool,
            pool_size=keeps,
            max_overflow=-1,
            hide_parameters=True,
        )
        _watch(engine, path)
    else:
        engine = sa.create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "connect", partial(_configure, pragmas=pragmas))
    event.listen(engine, "begin", _take_write_lock)
    return engine


def _watch(engine: Engine, path: Path) -> None:
    """A kept connection would go on writing into a file that was removed or replaced, where nobody finds it again."""

    def identity() -> tuple[int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def remember(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info[_FILE] = identity()

    def compare(connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        if record.info[_FILE] is None or record.info[_FILE] != identity():
            raise DisconnectionError

    event.listen(engine, "connect", remember)
    event.listen(engine, "checkout", compare)


def _configure(connection: DBAPIConnection, record: ConnectionPoolEntry, pragmas: Sequence[str]) -> None:
    # The driver's own implicit BEGIN is switched off: `_take_write_lock` begins every transaction.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(pragma)
    cursor.close()


def _take_write_lock(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(engine: Engine, role: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(MIGRATIONS / role).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    try:
        with transaction(engine) as connection:
            hold(connection, f"{role} migrations")  # of many that start at once, one migrates
            if _is_postgresql(connection) and not sa.inspect(connection).has_schema(role):
                connection.execute(sa.schema.CreateSchema(role))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise FormatError(
            "storage.schema", f"this database is not the {role}'s, or a newer release has written it"
        ) from error
