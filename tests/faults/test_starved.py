"""The database of a role that serves is locked, gone, full, broken or slow: it says so, changes nothing, and goes on.

Each request that was turned away is sent again as it was once the fault is over, and counts once.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from tests.faults import strace
from tests.faults.answering import Holder
from tests.faults.records import record
from tests.faults.requests import all_at_once, issuing, starve, statuses, verifying
from tests.faults.town import Server, Town, rows

Fault = Callable[[Server, Path], AbstractContextManager[None]]


@contextmanager
def locked(server: Server, log: Path) -> Iterator[None]:
    """Somebody else holds the write lock for longer than a request waits."""
    with closing(sqlite3.connect(server.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def gone(server: Server, log: Path) -> Iterator[None]:
    """The file is moved away, and comes back."""
    aside = server.folder.with_name("aside")
    aside.mkdir()
    for file in server.folder.glob(f"{server.database.name}*"):
        shutil.move(file, aside / file.name)
    yield
    for file in aside.iterdir():
        shutil.move(file, server.folder / file.name)
    aside.rmdir()


def failing(call: str, error: str) -> Fault:
    """Every call of that name fails, in all processes of the server."""

    def fault(server: Server, log: Path) -> AbstractContextManager[None]:
        options = strace.failing(strace.Moment(call, 1, ""), error, from_then_on=True)
        return strace.attached(server.pid, log, calls=strace.DISK, options=options)

    return fault


def slow(server: Server, log: Path) -> AbstractContextManager[None]:
    """Each write to the disk takes a fifth of a second more."""
    options = ["-e", "inject=fdatasync:delay_enter=200000"]
    return strace.attached(server.pid, log, calls=strace.DISK, options=options)


FAULTS: dict[str, Fault] = {
    "locked": locked,
    "gone": gone,
    "full (ENOSPC)": failing("pwrite64", "ENOSPC"),
    "broken (EIO)": failing("fdatasync", "EIO"),
}
SEEN_BY_WRITERS = {"broken (EIO)"}
"""To be ready is to read, and who reads does not wait for the disk."""


@pytest.fixture(scope="module")
def holder(town: Town) -> Holder:
    town.issuer.begin_anew()
    found = Holder(town)
    town.issuer.stop()
    town.issuer.remember()  # it is asked whether the documents still stand
    town.issuer.start()
    return found


HELD = "says 503, changes nothing, stays alive; sent again as it was, each request counts once"


@pytest.mark.parametrize("fault", FAULTS)
def test_an_issuer_whose_database_fails_says_so_and_goes_on(town: Town, fault: str, tmp_path: Path) -> None:
    town.issuer.begin_anew()
    said = issuing(town)
    starve(town.issuer, said, FAULTS[fault](town.issuer, tmp_path / "trace"), unready=fault not in SEEN_BY_WRITERS)
    assert rows(town.issuer.database, "SELECT count(*) FROM incidents") == [(0,)]
    record("issuer", "any request", f"database {fault}", points=list(said), of=len(said), held=HELD)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_verifier_whose_database_fails_says_so_and_goes_on(
    town: Town, holder: Holder, fault: str, tmp_path: Path
) -> None:
    town.verifier.begin_anew()
    said = verifying(town, holder)
    starve(town.verifier, said, FAULTS[fault](town.verifier, tmp_path / "trace"), unready=fault not in SEEN_BY_WRITERS)
    record("verifier", "any request", f"database {fault}", points=list(said), of=len(said), held=HELD)


def test_on_a_slow_disk_everything_is_right_and_late(town: Town, holder: Holder, tmp_path: Path) -> None:
    town.issuer.begin_anew()
    town.verifier.begin_anew()
    for server, said in ((town.issuer, issuing(town)), (town.verifier, verifying(town, holder))):
        with slow(server, tmp_path / server.role):
            answers = all_at_once(said)
        assert all(status in (200, 201) for status in statuses(answers).values()), statuses(answers)
        held = "every answer is right, and late"
        record(server.role, "any request", "database slow", points=list(said), of=len(said), held=held)
