"""What goes wrong with a SQLite file: each fault is `Unavailable`, and all of a transaction is there or nothing."""

import ctypes
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from diptych.adapters.storage import engine as storage
from diptych.adapters.storage.engine import open_database, transaction
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.errors import FormatError, Unavailable
from diptych.roles.issuer.model import AccessGrant, Incident, OrderState, RefreshGrant, StoredOrder

NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(days=2)
PATIENCE_MS = 300
PR_SET_PTRACER = 0x59616D61

ORDER = StoredOrder(
    order_id=b"o" * 16,
    digest=b"d" * 32,
    code_hash=b"c" * 32,
    state=OrderState.OFFERED,
    expires_at=LATER,
    sealed_full=bytes(5000),
    sealed_renewal=bytes(100),
    code_wrap_full=b"wrap full",
    code_wrap_renewal=b"wrap renewal",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "issuer.sqlite"


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> DatabaseIssuerStore:
    """One that loses patience soon."""
    monkeypatch.setattr(storage, "PRAGMAS", (f"PRAGMA busy_timeout={PATIENCE_MS}", *storage.PRAGMAS[1:]))
    return DatabaseIssuerStore(open_database(path, ROLE))


def save(store: DatabaseIssuerStore, order: StoredOrder = ORDER) -> None:
    with store.transaction() as state:
        state.save_order(order)


def stored(store: DatabaseIssuerStore) -> StoredOrder | None:
    with store.transaction() as state:
        return state.order(ORDER.order_id)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process's write lock."""
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE');"
        "print(flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    try:
        yield
    finally:
        other.communicate()


def test_a_file_that_stays_locked_is_unavailable_and_nothing_is_kept(path: Path, store: DatabaseIssuerStore) -> None:
    with locked(path):
        began = time.monotonic()
        with pytest.raises(Unavailable, match="storage"):
            save(store)
        assert PATIENCE_MS / 1000 <= time.monotonic() - began < 5
        with pytest.raises(Unavailable, match="storage"):
            store.forget_expired(LATER)
    assert stored(store) is None
    save(store)
    assert stored(store) == ORDER


def test_a_lock_that_is_let_go_of_in_time_is_waited_for(path: Path) -> None:
    store = DatabaseIssuerStore(open_database(path, ROLE))
    with locked(path):
        saving = threading.Thread(target=save, args=(store,))
        saving.start()
        time.sleep(0.3)
        assert saving.is_alive()
    saving.join()
    assert stored(store) == ORDER


def test_a_file_that_was_removed_is_unavailable_and_not_begun_anew(path: Path, store: DatabaseIssuerStore) -> None:
    save(store)
    aside = path.parent / "aside"
    aside.mkdir()
    for file in path.parent.glob("issuer.sqlite*"):
        file.rename(aside / file.name)
    with pytest.raises(Unavailable, match="storage"):
        save(store, replace(ORDER, order_id=b"p" * 16))
    assert [file.name for file in path.parent.iterdir()] == ["aside"]
    for file in aside.iterdir():
        file.rename(path.parent / file.name)
    assert stored(store) == ORDER


def test_a_process_for_one_request_does_not_make_a_missing_file(path: Path) -> None:
    engine = open_database(path, ROLE, migrates=False)
    with pytest.raises(Unavailable, match="storage"):
        save(DatabaseIssuerStore(engine))
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"issuer\.sqlite cannot be opened or made: No such file"):
        open_database(tmp_path / "gone" / "issuer.sqlite", ROLE)


@pytest.mark.parametrize(("kept", "check"), [(0, "not a database"), (4096, "damaged beyond its first page")])
def test_a_damaged_file_is_unavailable_and_stays_as_it_is(
    path: Path, store: DatabaseIssuerStore, kept: int, check: str
) -> None:
    save(store)
    whole = path.read_bytes()
    damaged = whole[:kept] + b"\xff" * (len(whole) - kept)
    path.write_bytes(damaged)
    with pytest.raises(Unavailable, match="storage"):
        stored(store)
    assert path.read_bytes() == damaged, check


def test_a_read_only_file_is_unavailable(path: Path, store: DatabaseIssuerStore) -> None:
    save(store)
    child = os.fork()
    if child == 0:
        outcome = 1
        try:
            path.parent.chmod(0o555)
            path.chmod(0o444)
            if os.geteuid() == 0:
                os.setegid(65534)
                os.seteuid(65534)  # for root nothing is read-only
            save(store, replace(ORDER, tries=1))
        except Unavailable:
            outcome = 0
        finally:
            os._exit(outcome)
    assert os.waitpid(child, 0)[1] == 0
    path.parent.chmod(0o700)
    path.chmod(0o600)
    assert stored(store) == ORDER


def test_a_broken_constraint_and_a_wrong_statement_are_bugs_and_stay_so(store: DatabaseIssuerStore) -> None:
    engine = store._engine
    with pytest.raises(IntegrityError) as error, transaction(engine) as connection:
        connection.execute(text("INSERT INTO used_once (value, expires_at) VALUES (:value, NULL)"), {"value": "Dupont"})
    assert "Dupont" not in str(error.value)  # parameters stay out of messages


def test_another_roles_file_is_told_apart(path: Path) -> None:
    open_database(path, "verifier")
    with pytest.raises(FormatError, match=r"storage\.schema: this database is not the issuer's"):
        open_database(path, ROLE)


def test_a_database_of_a_newer_release_is_told(path: Path) -> None:
    with transaction(open_database(path, ROLE)) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'issuer_9999'"))
    with pytest.raises(FormatError, match=r"storage\.schema: .* a newer release has written it"):
        open_database(path, ROLE)


OPEN = """
import sys
from pathlib import Path
from diptych.adapters.storage.engine import open_database
open_database(Path(sys.argv[1]), "issuer")
"""


def test_processes_that_start_at_once_migrate_once(path: Path) -> None:
    started = [subprocess.Popen([sys.executable, "-c", OPEN, path], stderr=subprocess.PIPE) for _ in range(4)]
    assert [(one.communicate()[1], one.returncode) for one in started] == [(b"", 0)] * 4


# Below, a child takes three turns on a copy of a database while something goes wrong at one write, and says which turns
# it believes to be saved. Afterwards the file holds exactly those.

Rows = tuple[int, ...]
TABLES = ("orders", "refresh_grants", "access_grants", "used_once", "incidents")
TURNS = 3


def take(store: DatabaseIssuerStore, turn: int) -> None:
    """One turn of an order's life, of many writes in one transaction."""
    if turn == 0:
        save(store)
    elif turn == 1:
        with store.transaction() as state:
            order = state.order(ORDER.order_id)
            if order is not None:
                state.use_once(b"v" * 32, expires_at=LATER)
                state.save_order(replace(order, state=OrderState.REDEEMED, redeemed_by="key", renewable_until=LATER))
                state.save_refresh_grant(RefreshGrant(b"r" * 32, ORDER.order_id, "key", None, b"wrap"))
                state.save_access_grant(
                    AccessGrant(b"a" * 32, ORDER.order_id, "key", LATER, b"r" * 32, b"wrap", b"wrap")
                )
                state.record(Incident(ORDER.order_id, "redeemed", NOW))
    else:
        store.forget_expired(LATER)


def expected(rows: Rows, turn: int) -> Rows:
    """What `take` makes of the number of rows in each table."""
    if turn == 0:
        return (1, *rows[1:])
    if turn == 1:
        return (1, 1, 1, 1, 1) if rows[0] else rows
    return (0, 0, 0, 0, rows[4])


def contents(path: Path) -> Rows:
    with transaction(open_database(path, ROLE)) as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        return tuple(connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in TABLES)


def work(path: Path, prepare: Callable[[], None]) -> Generator[int, None, str]:
    """A child that waits for a go and takes its turns. Yields its id; returns its words: s, saved; u, unavailable."""
    go, words = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store = DatabaseIssuerStore(open_database(path, ROLE, migrates=False))
            ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
            os.read(go[0], 1)
            prepare()
            for turn in range(TURNS):
                try:
                    take(store, turn)
                    os.write(words[1], b"s")
                except Unavailable:
                    os.write(words[1], b"u")
        finally:
            os._exit(0)
    for end in (go[0], words[1]):
        os.close(end)
    yield child
    os.write(go[1], b"!")
    os.waitpid(child, 0)
    said = os.read(words[0], 16).decode()
    for end in (go[1], words[0]):
        os.close(end)
    return said


def check(path: Path, said: str, *, may_be_one_more: bool) -> None:
    """The file holds what was said to be saved, and nothing of what was said not to be."""
    rows: Rows = (0,) * len(TABLES)
    for turn, word in enumerate(said):
        rows = expected(rows, turn) if word == "s" else rows
    found = contents(path)
    if may_be_one_more and len(said) < TURNS:
        assert found in (rows, expected(rows, len(said)))
    else:
        assert found == rows
    store = DatabaseIssuerStore(open_database(path, ROLE))
    save(store, replace(ORDER, order_id=b"p" * 16, code_hash=b"e" * 32))  # it goes on


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A new database, its log written back into it."""
    path = tmp_path / "template"
    open_database(path, ROLE)
    return path


def copy(template: Path, name: str) -> Path:
    path = template.parent / name / "issuer.sqlite"
    path.parent.mkdir()
    shutil.copyfile(template, path)
    return path


def run_to_end(working: Generator[int, None, str]) -> str:
    while True:
        try:
            next(working)
        except StopIteration as ended:
            said: str = ended.value
            return said


def test_a_disk_that_is_full_at_any_size_keeps_whole_transactions(template: Path) -> None:
    said = set()
    for limit in range(0, 320 * 1024, 16 * 1024):
        path = copy(template, f"full-{limit}")
        words = run_to_end(work(path, partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit))))
        check(path, words, may_be_one_more=False)
        said.add(words)
    assert {"uuu", "sss"} <= said
    assert len(said) > 2, "the limit never fell between two turns"


def injected(path: Path, what: str) -> tuple[str, bool]:
    """The child's words while strace injects a fault; and whether it came to that."""
    working = work(path, lambda: None)
    child = next(working)
    log = path.parent / "strace"
    files = [argument for end in ("", "-wal", "-shm", "-journal") for argument in ("-P", f"{path}{end}")]
    command = ["strace", "-p", str(child), "-o", log, *files, "-e", f"inject={what}"]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert strace.stderr is not None
    attached = strace.stderr.readline()
    assert "attached" in attached, attached
    said = run_to_end(working)
    strace.communicate()
    return said, "INJECTED" in log.read_text() or "SIGKILL" in log.read_text()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace injects the faults, and is not installed")
@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("pwrite64", "error=ENOSPC"),
        ("pwrite64", "signal=KILL"),
        ("fdatasync", "error=EIO"),
        ("fdatasync", "signal=KILL"),
        ("ftruncate", "error=EIO"),
        ("unlink", "signal=KILL"),
    ],
)
def test_a_fault_at_any_one_call_leaves_whole_transactions(template: Path, call: str, fault: str) -> None:
    outcomes, number, came_to_it = [], 0, True
    while came_to_it:
        number += 1
        path = copy(template, f"fault-{number}")
        said, came_to_it = injected(path, f"{call}:{fault}:when={number}")
        outcomes.append(said)
        check(path, said, may_be_one_more="KILL" in fault)
        shutil.rmtree(path.parent)
    assert len(outcomes) > TURNS
    assert outcomes[-1] == "sss"
