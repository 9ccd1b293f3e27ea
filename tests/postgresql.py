"""A PostgreSQL of our own, in a temporary folder: no other one of this machine is needed or touched.

`make test` brings it as a package (requirements/dev.in). It listens on a Unix socket, and on loopback where asked to.
"""

import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from diptych.private import Secret

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a runtime folder of the user's and does without
    import pgserver

_numbers = count(1)


class PostgresqlServer:
    """A running server with as many databases as tests ask for."""

    def __init__(self) -> None:
        # Not below pytest's folders: those are closed to the user as whom it runs where the tests are run by root.
        self._folder = Path(tempfile.mkdtemp(prefix="diptych-postgresql-"))
        self._server = pgserver.get_server(self._folder / "data", cleanup_mode="stop")

    def new_database(self) -> Secret:
        """The URL of a database that has nothing in it."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.run(f'CREATE DATABASE "{name}"')
        return Secret(self._server.get_uri(database=name).encode())

    def run(self, statement: str) -> list[tuple[object, ...]]:
        """One statement, as the administrator, outside of any transaction."""
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return [] if cursor.description is None else cursor.fetchall()

    def cut_connections(self) -> None:
        """Break every connection but this one, as a restart or a failover does."""
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'diptych%'")

    def stop(self) -> None:
        """Stop at once, without waiting for anybody: what is committed stays."""
        pgserver.pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=self._folder / "data", user=self._server.system_user)

    def start(self) -> None:
        """Start again after `stop`."""
        self._server.ensure_postgres_running()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of the server is there and does nothing."""
        processes = [self._server.get_postmaster_info().process]
        processes += processes[0].children(recursive=True)
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop for good, leaving nothing."""
        self.stop()
        self._server.cleanup()
        shutil.rmtree(self._folder)
