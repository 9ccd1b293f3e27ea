"""A baseline, made and running: its folder, its process, and what happened to it before the thief came."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from diptych.drill.baselines import table
from diptych.drill.baselines.application import SESSION
from diptych.drill.town.people import Person, Town

SEARCHES = 20


@dataclass(frozen=True)
class Baseline:
    """One application that keeps the town."""

    kind: str
    folder: Path
    url: str
    process_id: int
    people: tuple[Person, ...]
    """In the order of their ids, which count from one."""

    @property
    def database(self) -> Path:
        """The database file; its write-ahead log lies beside it."""
        return self.folder / "database" / "app.db"

    def session(self) -> httpx.Client:
        """A valid session."""
        return session_with(self.url)

    def ask(self, path: str) -> httpx.Response:
        """One request in a session of its own."""
        with self.session() as session:
            return session.get(path)

    @contextmanager
    def writable(self) -> Iterator[sqlite3.Connection]:
        """The database, as whoever holds the server writes to it."""
        connection = table.connect(self.database)
        try:
            yield connection
        finally:
            connection.close()

    def back_up(self, name: str) -> None:
        """One more backup beside those that are there."""
        source = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        target = sqlite3.connect(self.folder / "backups" / name)
        with target:
            source.backup(target)
        source.close()
        target.close()


def session_with(url: str) -> httpx.Client:
    """A valid session with the application at that address."""
    return httpx.Client(base_url=url, headers={"Authorization": SESSION}, trust_env=False)


@contextmanager
def running(folder: Path, kind: str, town: Town) -> Iterator[Baseline]:
    """Make it, fill it with the town, run ordinary traffic through it; it stops at the end and its folder stays."""
    for part in ("database", "logs", "backups", "config", "tmp"):
        (folder / part).mkdir(parents=True)
    settings = folder / "config" / "settings.toml"
    keys = table.write_keys(settings) if kind == table.COMMON else None
    if keys is None:
        settings.write_text("")
    connection = table.connect(folder / "database" / "app.db")
    table.insert(connection, town.people, keys)
    connection.close()
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych.drill.baselines.application", str(folder), str(os.getpid())],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        baseline = Baseline(kind, folder, url, process.pid, town.people)
        with baseline.session() as session:
            for number in range(0, len(town.people), max(1, len(town.people) // SEARCHES)):
                session.get("/search", params={"family_name": town.people[number].family_name})
                session.get(f"/records/{number + 1}")
        baseline.back_up("monday.db")
        yield baseline
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()
