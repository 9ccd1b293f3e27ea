"""The database of a role that serves is locked, gone, full, broken or slow: it says so, changes nothing, and goes on.

Each request that was turned away is sent again as it was once the fault is over, and counts once.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults import strace
from tests.faults.answering import Asking, Holder
from tests.faults.issuing import LINE, Citizen, Said
from tests.faults.records import record
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


def issuing(town: Town) -> dict[str, Said]:
    """Each request that changes something at an issuer, on the point of being sent."""
    order, code, documents, refresh = (Citizen(town) for _ in range(4))
    for citizen in (code, documents, refresh):
        citizen.takes(citizen.order.send())
    for citizen in (documents, refresh):
        citizen.takes(citizen.redeems().send())
    refresh.takes(refresh.wants("driving-licence").send())
    return {
        "takes an order": order.order,
        "gives tokens for a code": code.redeems(),
        "issues documents": documents.wants("driving-licence"),
        "gives tokens for a refresh token": refresh.refreshes(),
    }


@pytest.fixture(scope="module")
def holder(town: Town) -> Holder:
    town.issuer.begin_anew()
    found = Holder(town)
    town.issuer.stop()
    town.issuer.remember()  # it is asked whether the documents still stand
    town.issuer.start()
    return found


def verifying(town: Town, holder: Holder) -> dict[str, Said]:
    """The same at a verifier."""
    fetching, answering, declining = (Asking(town, holder) for _ in range(3))
    for asking in (fetching, answering, declining):
        assert asking.ask()
    for asking in (answering, declining):
        asking.fetch_now()
    return {
        "serves a request": fetching.fetch().said,
        "takes an answer and concludes": answering.answer(),
        "takes a refusal": declining.decline(),
    }


def all_at_once(said: dict[str, Said]) -> dict[str, httpx.Response | None]:
    with ThreadPoolExecutor(len(said)) as everybody:
        return dict(zip(said, everybody.map(Said.send, said.values()), strict=True))


def statuses(answers: dict[str, httpx.Response | None]) -> dict[str, int]:
    return {act: 0 if answer is None else answer.status_code for act, answer in answers.items()}


def is_ready(server: Server) -> int:
    return LINE.get(server.url + "/ready").status_code


def starve(server: Server, said: dict[str, Said], fault: str, log: Path) -> None:
    pid = server.pid
    assert is_ready(server) == 200
    with FAULTS[fault](server, log):
        answers = all_at_once(said)
        assert statuses(answers) == dict.fromkeys(said, 503)
        assert {answer.json()["error"] for answer in answers.values() if answer is not None} == {"storage"}
        assert all("retry-after" in answer.headers for answer in answers.values() if answer is not None)
        assert LINE.get(server.url + "/health").status_code == 200
        if fault not in SEEN_BY_WRITERS:
            assert is_ready(server) == 503
    after = all_at_once(said)
    assert all(status in (200, 201) for status in statuses(after).values()), statuses(after)
    again = statuses(all_at_once({act: one for act, one in said.items() if act != "takes an order"}))
    assert all(status in (400, 401, 409) for status in again.values()), again
    assert is_ready(server) == 200
    assert server.pid == pid


HELD = "says 503, changes nothing, stays alive; sent again as it was, each request counts once"


@pytest.mark.parametrize("fault", FAULTS)
def test_an_issuer_whose_database_fails_says_so_and_goes_on(town: Town, fault: str, tmp_path: Path) -> None:
    town.issuer.begin_anew()
    said = issuing(town)
    starve(town.issuer, said, fault, tmp_path / "trace")
    assert rows(town.issuer.database, "SELECT count(*) FROM incidents") == [(0,)]
    record("issuer", "any request", f"database {fault}", points=list(said), of=len(said), held=HELD)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_verifier_whose_database_fails_says_so_and_goes_on(
    town: Town, holder: Holder, fault: str, tmp_path: Path
) -> None:
    town.verifier.begin_anew()
    said = verifying(town, holder)
    starve(town.verifier, said, fault, tmp_path / "trace")
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
