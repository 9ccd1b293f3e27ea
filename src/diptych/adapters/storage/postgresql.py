"""How PostgreSQL is reached: over TLS beyond this machine, with an end to every wait, and never half-durable.

Each role lives in a schema of its name, so that one database can serve several. What runs in transactions, and under
which locks, is left to `engine.py`.
"""

import psycopg
import sqlalchemy
from psycopg import conninfo
from psycopg.abc import RV, PQGen
from sqlalchemy import Engine
from sqlalchemy.pool import NullPool, QueuePool

from diptych.errors import FormatError
from diptych.private import Secret

# Each is shorter than the next, and all than the 20 s of a request's process: the wait that ends first says most.
CONNECT_SECONDS = 5
LOCK_SECONDS = 8
STATEMENT_SECONDS = 10
ANSWER_SECONDS = 12
"""Of silence after a statement was sent; then the connection is given up."""
IDLE_SECONDS = 30
"""Within a transaction; then the server ends it: its process hangs, or its machine is gone."""
RECYCLE_SECONDS = 300
AT_MOST = 16
"""Connections of one process that keeps any."""

SESSION = {
    "synchronous_commit": "on",  # a commit is on disk, whatever the server's configuration prefers
    "lock_timeout": f"{LOCK_SECONDS}s",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    # A plan that is kept was made for the table as it was: that for a thousand rows reads a million, one by one.
    "plan_cache_mode": "force_custom_plan",
    "client_connection_check_interval": "5s",  # locks that a killed process waited for are not taken in its name
}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def connect(url: Secret, role: str, *, keeps: int) -> Engine:
    """An engine whose connections keep to the limits above; `FormatError` for a URL that will not do."""
    target = _target(url)
    options = " ".join(f"-c {name}={value}" for name, value in {**SESSION, "search_path": role}.items())

    def open_connection() -> _Connection:
        return _Connection.connect(
            target,
            connect_timeout=CONNECT_SECONDS,
            options=options,
            application_name=f"diptych {role}",
            tcp_user_timeout=ANSWER_SECONDS * 1000,
        )

    settings = {"creator": open_connection, "isolation_level": "READ COMMITTED", "hide_parameters": True}
    if not keeps:
        return sqlalchemy.create_engine(
            "postgresql+psycopg://", poolclass=NullPool, use_native_hstore=False, **settings
        )
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        poolclass=QueuePool,
        pool_size=keeps,
        max_overflow=AT_MOST - keeps,
        pool_timeout=STATEMENT_SECONDS,
        pool_pre_ping=True,  # a server that was restarted meanwhile costs nobody an answer
        pool_recycle=RECYCLE_SECONDS,
        use_native_hstore=False,
        **settings,
    )


class _Connection(psycopg.Connection[tuple[object, ...]]):
    """A connection that does not wait for ever for a server that is there and says nothing."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        limit = ANSWER_SECONDS if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.close()  # the answer to a statement given up must not be taken for the next one's
            raise


def _target(url: Secret) -> str:
    """The URL as libpq takes it, its TLS settled."""
    try:
        parts = conninfo.conninfo_to_dict(url.reveal().decode("utf-8"))
    except (psycopg.ProgrammingError, UnicodeDecodeError):
        # Not chained: the parser quotes what it was given.
        raise FormatError("settings.database", "this is not the URL of a PostgreSQL database") from None
    hosts = [host for name in ("host", "hostaddr") for host in str(parts.get(name) or "").split(",") if host]
    if not hosts or "service" in parts:
        raise FormatError(
            "settings.database", "name the host: postgresql://user@host/database, or ?host=/run/postgresql for a socket"
        )
    if all(host in LOOPBACK or host.startswith("/") for host in hosts):
        return conninfo.make_conninfo("", **parts)
    # Anything less lets whoever stands between read and change everything, or pretend to be the database.
    if parts.setdefault("sslmode", "verify-full") != "verify-full":
        raise FormatError("settings.database", "beyond this machine, sslmode must be verify-full")
    return conninfo.make_conninfo("", **parts)
