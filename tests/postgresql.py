"""A PostgreSQL of our own, in a temporary folder: no other one of this machine is needed or touched.

`make test` brings it as a package (requirements/dev.in). It listens on a Unix socket, and on a port of 127.0.0.1 where
asked to, and it ends with the tests, however they end.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg

from diptych.private import Secret

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a runtime folder of the user's and does without
    from pgserver import initdb
    from pgserver._commands import POSTGRES_BIN_PATH as PROGRAMS
    from pgserver.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

START_SECONDS = 20
PR_SET_PDEATHSIG = 1
PORT = 5432
# What a power cut would take is not what tests take away: processes are.
SETTINGS = ("fsync=off", "full-page-writes=off", "max-connections=60", "shared-buffers=32MB")
_numbers = count(1)


class PostgresqlServer:
    """A running server with as many databases as tests ask for."""

    def __init__(self, port: int | None = None, *, settings: Sequence[str] = SETTINGS) -> None:
        # Not below pytest's folders: those are closed to the user as whom it runs where the tests are run by root.
        self.folder = Path(tempfile.mkdtemp(prefix="diptych-postgresql-"))
        self._data = self.folder / "data"
        self._data.mkdir()
        self._user = _user(self.folder, self._data)
        self._port = port
        self._settings = settings
        initdb(
            ["--auth=trust", "--encoding=utf8", "--username=postgres", "--no-sync"], pgdata=self._data, user=self._user
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def new_database(self) -> Secret:
        """The URL of a database that has nothing in it."""
        name = f"test_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return Secret(self._url(name).encode())

    def run(self, statement: str) -> None:
        """One statement, as the administrator, outside of any transaction."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def cut_connections(self) -> None:
        """Break every connection but this one, as a restart or a failover does."""
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'diptych%'")

    def start(self) -> None:
        """Start, anew after `stop`, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            where = ["-k", self._data, "-h", "" if self._port is None else "127.0.0.1", "-p", str(self._port or PORT)]
            self._process = subprocess.Popen(
                [PROGRAMS / "postgres", "-D", self._data, *where, *(f"--{setting}" for setting in self._settings)],
                stdout=log,
                stderr=log,
                user=self._user,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  # one system call, which takes no lock
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.run("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop at once, without waiting for anybody: what is committed stays."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(START_SECONDS)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of the server is there and does nothing."""
        assert self._process is not None
        front = self._process.pid
        os.kill(front, signal.SIGSTOP)  # first, so that no other process begins
        stopped = [front, *map(int, Path(f"/proc/{front}/task/{front}/children").read_text().split())]
        for process in stopped:
            _tell(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                _tell(process, signal.SIGCONT)

    def close(self) -> None:
        """Stop for good, leaving nothing."""
        self.stop()
        shutil.rmtree(self.folder)

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._data}&port={self._port or PORT}"


def _user(folder: Path, data: Path) -> str | None:
    """As whom it runs: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    ensure_user_exists("pgserver")
    ensure_prefix_permissions(PROGRAMS)
    for part in (PROGRAMS, PROGRAMS.parent / "lib"):
        ensure_folder_permissions(part, 0o055)
    folder.chmod(0o711)
    shutil.chown(data, "pgserver")
    return "pgserver"


def _tell(process: int, number: int) -> None:
    with suppress(ProcessLookupError):  # a worker of the server that has just ended
        os.kill(process, number)


def _end_with_parent() -> None:
    """In the child: end at once when the tests end."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
