"""The PostgreSQL under a role that serves: cut, stopped, silent, locked, full or slow, while its requests are at work.

The role says 503 by name and changes nothing; it goes on by itself, and what was turned away is sent again as it was.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest

from diptych.config import variable
from tests.faults import strace
from tests.faults.answering import Holder
from tests.faults.issuing import LINE, Citizen
from tests.faults.records import record
from tests.faults.requests import all_at_once, issuing, starve, statuses, verifying
from tests.faults.town import Town
from tests.postgresql import PostgresqlServer

LATE_SECONDS = 3.0
"""Shorter than any wait of a role."""
REACHED_SECONDS = 6.0
FILL_MOST = 60
HELD = "says 503, changes nothing, goes on by itself; sent again as it was, each request counts once"
GROWS = "pwrite64,pwritev,fallocate"
"""How a file of PostgreSQL gets another page."""


class Base:
    """A PostgreSQL of this file's own, and the database in it that both roles share."""

    def __init__(self) -> None:
        self.server = PostgresqlServer()
        self.url = self.server.new_database().reveal().decode()

    def environment(self, role: str) -> dict[str, str]:
        """Of a role that keeps what it keeps here."""
        return {**os.environ, variable(role, "database"): self.url}

    def asked(self, query: str) -> list[tuple[object, ...]]:
        """What the database says."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def reached(self) -> int:
        """How many statements of a role wait for a lock."""
        (count,) = self.asked(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'diptych%' AND wait_event_type = 'Lock'"
        )
        return int(str(count[0]))

    @property
    def front(self) -> int:
        """The process that all others of the server come from."""
        return int((self.server.folder / "data" / "postmaster.pid").read_text().split()[0])

    @property
    def log(self) -> str:
        """What the server has said."""
        return (self.server.folder / "log").read_text(errors="replace")


@pytest.fixture(scope="module")
def base() -> Iterator[Base]:
    found = Base()
    yield found
    found.server.close()


@pytest.fixture(scope="module")
def on_postgresql(town: Town, base: Base) -> Town:
    for server in (town.issuer, town.verifier):
        server.environment = base.environment(server.role)
        server.start()
    return town


@pytest.fixture(scope="module")
def holder(on_postgresql: Town) -> Holder:
    return Holder(on_postgresql)


@contextmanager
def locked(base: Base, role: str) -> Iterator[None]:
    """Somebody else holds every row for longer than a request waits."""
    tables = ", ".join(
        f"{role}.{name}" for (name,) in base.asked(f"SELECT tablename FROM pg_tables WHERE schemaname = '{role}'")
    )
    connection = psycopg.connect(base.url)
    try:
        connection.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE".encode())
        yield
    finally:
        connection.close()


def within(
    happens: Callable[[Base], None], then: Callable[[Base], None] = lambda base: None
) -> Callable[[Base, str], AbstractContextManager[None]]:
    """Something happens once requests stand in the middle of their transactions; `then` ends it."""

    @contextmanager
    def fault(base: Base, role: str) -> Iterator[None]:
        seen = []

        def watch() -> None:
            deadline = time.monotonic() + REACHED_SECONDS
            while not (found := base.reached()) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.5)  # for the others
            seen.append(found)
            happens(base)

        watching = threading.Thread(target=watch)
        with locked(base, role):
            watching.start()
            try:
                yield
            finally:
                watching.join()
                then(base)
        assert seen[0] > 0

    return fault


@contextmanager
def stopped(base: Base, role: str) -> Iterator[None]:
    """It is not there."""
    base.server.stop()
    try:
        yield
    finally:
        base.server.start()


@contextmanager
def silent(base: Base, role: str) -> Iterator[None]:
    """It is there, and says nothing."""
    with base.server.frozen():
        yield


def cut(base: Base) -> None:
    base.server.cut_connections()


def stop(base: Base) -> None:
    base.server.stop()


def start(base: Base) -> None:
    base.server.start()


FAULTS: dict[str, Callable[[Base, str], AbstractContextManager[None]]] = {
    "PostgreSQL locked": locked,
    "PostgreSQL connections cut within transactions": within(cut),
    "PostgreSQL restarted within transactions": within(stop, then=start),
    "PostgreSQL stopped": stopped,
    "PostgreSQL silent": silent,
}
SEEN_BY_READY = {"PostgreSQL stopped", "PostgreSQL silent"}
"""To be ready is to reach the database: who holds its rows keeps nobody from it, nor does what is over again."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_issuer_whose_postgresql_fails_says_so_and_goes_on(on_postgresql: Town, base: Base, fault: str) -> None:
    server = on_postgresql.issuer
    said = issuing(on_postgresql)
    starve(server, said, FAULTS[fault](base, server.role), unready=fault in SEEN_BY_READY)
    assert base.asked("SELECT count(*) FROM issuer.incidents") == [(0,)]
    record("issuer", "any request", fault, points=list(said), of=len(said), held=HELD)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_verifier_whose_postgresql_fails_says_so_and_goes_on(
    on_postgresql: Town, holder: Holder, base: Base, fault: str
) -> None:
    server = on_postgresql.verifier
    said = verifying(on_postgresql, holder)
    starve(server, said, FAULTS[fault](base, server.role), unready=fault in SEEN_BY_READY)
    record("verifier", "any request", fault, points=list(said), of=len(said), held=HELD)


@pytest.mark.timeout(600)
def test_a_postgresql_without_room_for_one_more_page_refuses_an_order_and_keeps_all_others(
    on_postgresql: Town, base: Base, tmp_path: Path
) -> None:
    """`could not extend file` (53100): what was acknowledged before is there, and the refused order is taken later."""
    town, taken = on_postgresql, list[Citizen]()
    options = [word for path in files_of(base, "issuer") for word in ("-P", str(path))]
    options += ["-e", f"inject={GROWS}:error=ENOSPC"]
    with strace.attached(base.front, tmp_path / "trace", calls=GROWS, options=options):
        for _ in range(FILL_MOST):
            citizen = Citizen(town)
            answer = citizen.order.send()
            assert answer is not None
            if answer.status_code == 503:
                break
            citizen.takes(answer)
            taken.append(citizen)
        else:
            pytest.fail("it never needed another page")
        assert answer.json()["error"] == "storage"
        assert "retry-after" in answer.headers
        assert LINE.get(town.issuer.url + "/health").status_code == 200
    assert "could not extend file" in base.log
    citizen.takes(citizen.order.send())
    for one in (*taken, citizen):
        one.takes(one.redeems().send())
    citizen.goes_on_to_the_end()
    held = "says 503; every order acknowledged before is redeemed; sent again, the refused one is taken"
    record("issuer", "any request", "PostgreSQL full (53100)", points=["takes an order"], of=1, held=held)


@pytest.mark.timeout(600)
def test_behind_a_slow_postgresql_everything_is_right_and_late(on_postgresql: Town, holder: Holder, base: Base) -> None:
    for server, said in (
        (on_postgresql.issuer, issuing(on_postgresql)),
        (on_postgresql.verifier, verifying(on_postgresql, holder)),
    ):
        with ThreadPoolExecutor(1) as beside:
            with base.server.frozen():
                answers = beside.submit(all_at_once, said)
                time.sleep(LATE_SECONDS)
            found = statuses(answers.result())
        assert all(status in (200, 201) for status in found.values()), found
        held = "every answer is right, and late"
        record(server.role, "any request", "PostgreSQL slow", points=list(said), of=len(said), held=held)


def files_of(base: Base, role: str) -> list[Path]:
    """Every file that a role's tables and indexes are in."""
    found = base.asked(
        "SELECT current_setting('data_directory'), pg_relation_filepath(c.oid) FROM pg_class c"
        f" WHERE pg_relation_filepath(c.oid) IS NOT NULL AND (c.relnamespace = '{role}'::regnamespace"
        f" OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE relnamespace = '{role}'::regnamespace))"
    )
    return [Path(str(folder)) / str(name) for folder, name in found]
