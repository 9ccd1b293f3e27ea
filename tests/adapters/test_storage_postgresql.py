"""What goes wrong with PostgreSQL: each fault is `Unavailable`, in good time, and leaves whole transactions."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from diptych.adapters.storage import postgresql as storage
from diptych.adapters.storage.engine import open_database, transaction
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.adapters.storage.registry import DatabaseRegistryStore
from diptych.adapters.storage.verifier import open_verifier_store
from diptych.errors import FormatError, Unavailable
from diptych.private import Secret
from diptych.roles.issuer.model import OrderState, StoredOrder
from tests.issuer_process import free_port
from tests.postgresql import PostgresqlServer

NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(days=2)

ORDER = StoredOrder(
    order_id=b"o" * 16,
    digest=b"d" * 32,
    code_hash=b"c" * 32,
    state=OrderState.OFFERED,
    expires_at=LATER,
    sealed_full=b"full",
    sealed_renewal=b"renewal",
    code_wrap_full=b"wrap full",
    code_wrap_renewal=b"wrap renewal",
)
OTHER = replace(ORDER, order_id=b"p" * 16, code_hash=b"e" * 32)


@pytest.fixture(params=[0, 2], ids=["a connection each time", "connections kept"])
def engine(request: pytest.FixtureRequest, postgresql: Secret) -> Iterator[Engine]:
    opened = open_database(postgresql, ROLE, keeps=request.param)
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> DatabaseIssuerStore:
    return DatabaseIssuerStore(engine)


def save(store: DatabaseIssuerStore, order: StoredOrder = ORDER) -> None:
    with store.transaction() as state:
        state.save_order(order)


def stored(store: DatabaseIssuerStore, order_id: bytes = ORDER.order_id) -> StoredOrder | None:
    with store.transaction() as state:
        return state.order(order_id)


def save_while(store: DatabaseIssuerStore, happens: Callable[[], None]) -> None:
    """Something happens between the last statement and the commit."""
    with store.transaction() as state:
        state.save_order(OTHER)
        happens()


def ask_while(store: DatabaseIssuerStore, happens: Callable[[], None]) -> None:
    """Something happens between two statements."""
    with store.transaction() as state:
        state.save_order(OTHER)
        happens()
        state.order(ORDER.order_id)


@pytest.fixture
def own_server() -> Iterator[PostgresqlServer]:
    """One that may be stopped without harm to other tests."""
    server = PostgresqlServer()
    yield server
    server.close()


@pytest.mark.parametrize("act", [save_while, ask_while])
def test_a_connection_that_is_cut_leaves_nothing(
    postgresql_server: PostgresqlServer,
    store: DatabaseIssuerStore,
    act: Callable[[DatabaseIssuerStore, Callable[[], None]], None],
) -> None:
    save(store)
    with pytest.raises(Unavailable, match="storage"):
        act(store, postgresql_server.cut_connections)
    assert stored(store) == ORDER
    assert stored(store, OTHER.order_id) is None
    save(store, OTHER)  # it goes on
    postgresql_server.cut_connections()  # between two transactions nobody notices
    assert stored(store, OTHER.order_id) == OTHER


@pytest.mark.parametrize("keeps", [0, 2])
def test_a_server_that_stops_is_unavailable_until_it_is_back(own_server: PostgresqlServer, keeps: int) -> None:
    engine = open_database(own_server.new_database(), ROLE, keeps=keeps)
    store = DatabaseIssuerStore(engine)
    save(store)
    with pytest.raises(Unavailable, match="storage"):
        save_while(store, own_server.stop)
    began = time.monotonic()
    for attempt in (lambda: stored(store), lambda: store.forget_expired(LATER), lambda: save(store, OTHER)):
        with pytest.raises(Unavailable, match="storage"):
            attempt()
    assert time.monotonic() - began < storage.CONNECT_SECONDS
    own_server.start()
    assert stored(store) == ORDER
    assert stored(store, OTHER.order_id) is None
    save(store, OTHER)
    own_server.stop()  # at once, as a power cut: what was committed is there
    own_server.start()
    assert stored(store, OTHER.order_id) == OTHER
    engine.dispose()


@pytest.mark.parametrize("keeps", [0, 2])
def test_a_server_that_says_nothing_is_given_up(
    own_server: PostgresqlServer, keeps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(storage, "CONNECT_SECONDS", 2)
    engine = open_database(own_server.new_database(), ROLE, keeps=keeps)
    store = DatabaseIssuerStore(engine)
    save(store)

    def stumble() -> None:
        with own_server.frozen():
            began = time.monotonic()
            try:
                with store.transaction() as state:
                    state.order(ORDER.order_id)
            finally:
                waited.append(time.monotonic() - began)

    waited: list[float] = []
    with pytest.raises(Unavailable, match="storage"):
        stumble()
    assert waited[0] < 6
    # The server's late answer is nobody's: the connection was given up.
    assert stored(store) == ORDER
    assert stored(store, OTHER.order_id) is None
    engine.dispose()


def test_a_server_that_falls_silent_within_a_transaction_is_given_up(
    own_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DatabaseIssuerStore(open_database(own_server.new_database(), ROLE, keeps=1))
    save(store)
    monkeypatch.setattr(storage, "ANSWER_SECONDS", 1)

    def stumble() -> None:
        with store.transaction() as state:
            state.save_order(OTHER)
            with own_server.frozen():
                state.order(ORDER.order_id)

    with pytest.raises(Unavailable, match="storage"):
        stumble()
    assert stored(store, OTHER.order_id) is None
    assert stored(store) == ORDER
    store._engine.dispose()


def test_a_row_that_stays_locked_is_unavailable(postgresql: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(storage.SESSION, "lock_timeout", "300ms")
    holder, waiter = (DatabaseIssuerStore(open_database(postgresql, ROLE)) for _ in range(2))
    save(holder)
    with holder.transaction() as state:
        state.order(ORDER.order_id)
        for attempt in (lambda: stored(waiter), lambda: waiter.forget_expired(LATER)):
            with pytest.raises(Unavailable, match="storage"):
                attempt()
    waiter.forget_expired(LATER)
    assert stored(holder) is None


def test_a_slow_statement_is_unavailable(postgresql: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(storage.SESSION, "statement_timeout", "200ms")
    with pytest.raises(Unavailable), transaction(open_database(postgresql, ROLE)) as connection:
        connection.execute(text("SELECT pg_sleep(5)"))


def test_a_process_that_hangs_within_a_transaction_loses_it(
    postgresql: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = DatabaseIssuerStore(open_database(postgresql, ROLE))
    save(patient)
    monkeypatch.setitem(storage.SESSION, "idle_in_transaction_session_timeout", "300ms")
    with pytest.raises(Unavailable, match="storage"):
        save_while(DatabaseIssuerStore(open_database(postgresql, ROLE)), lambda: time.sleep(1))
    assert stored(patient, OTHER.order_id) is None


@pytest.mark.parametrize(
    "code",
    ["53100", "53200", "53300", "57P01", "57P03", "40P01", "40001", "55P03", "25006", "58030", "XX001", "08006"],
)
def test_what_the_server_cannot_do_now_is_unavailable(store: DatabaseIssuerStore, engine: Engine, code: str) -> None:
    """Disk full, memory, connections, shutting down, starting, deadlock, read-only, I/O, damage, lost connection."""
    save(store)
    refuse(engine, code)
    with pytest.raises(Unavailable, match="storage"):
        save(store, OTHER)
    with transaction(engine) as connection:
        connection.execute(text("DROP TRIGGER refuse ON orders"))
    assert stored(store, OTHER.order_id) is None
    assert stored(store) == ORDER


def refuse(engine: Engine, code: str) -> None:
    """Let the server answer writes of orders with an error."""
    with transaction(engine) as connection:
        connection.execute(
            text(
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION refuse()")
        )


def test_tables_that_are_gone_are_unavailable(store: DatabaseIssuerStore, engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(text("DROP SCHEMA issuer CASCADE"))
    with pytest.raises(Unavailable, match="storage"):
        stored(store)


def test_a_broken_constraint_and_a_wrong_statement_are_bugs_and_stay_so(engine: Engine) -> None:
    for statement, family in (
        ("INSERT INTO used_once (value, expires_at) VALUES (:value, NULL)", IntegrityError),
        ("SELECT :value FROM used_once WHERE nonsense", ProgrammingError),
    ):
        with pytest.raises(DBAPIError) as error, transaction(engine) as connection:
            connection.execute(text(statement), {"value": b"Dupont"})
        assert isinstance(error.value, family)
        assert "Dupont" not in str(error.value).replace("446f706f6e74", "Dupont")


def test_who_replays_anothers_nonces_in_a_circle_is_unavailable_and_the_other_is_served(postgresql: Secret) -> None:
    def use(number: int) -> str:
        first, second = (b"v" * 32, b"w" * 32) if number else (b"w" * 32, b"v" * 32)
        try:
            with stores[number].transaction() as state:
                state.use_once(first, expires_at=LATER)
                both.wait()
                state.use_once(second, expires_at=LATER)
        except Unavailable:
            return "unavailable"
        return "served"

    stores = [DatabaseIssuerStore(open_database(postgresql, ROLE)) for _ in range(2)]
    both = threading.Barrier(2)
    with ThreadPoolExecutor(2) as together:
        assert sorted(together.map(use, range(2))) == ["served", "unavailable"]


def test_transactions_about_different_orders_do_not_wait_for_each_other(postgresql: Secret) -> None:
    one, other = (DatabaseIssuerStore(open_database(postgresql, ROLE)) for _ in range(2))
    save(one)
    save(one, OTHER)
    with one.transaction() as state:
        state.save_order(replace(ORDER, tries=1))
        with other.transaction() as beside:
            assert beside.order_by_code(OTHER.code_hash) == OTHER
            beside.save_order(replace(OTHER, tries=2))
    assert (stored(one), stored(one, OTHER.order_id)) == (replace(ORDER, tries=1), replace(OTHER, tries=2))


HOLD = """
import os, sys, time
from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.private import Secret
from dataclasses import replace
with DatabaseIssuerStore(open_database(Secret(os.environb[b"URL"]), ROLE)).transaction() as state:
    order = state.order(b"o" * 16)
    state.save_order(replace(order, tries=4))
    print(flush=True)
    time.sleep(60)
"""


def test_a_process_that_is_killed_lets_go_of_its_locks_and_leaves_nothing(postgresql: Secret) -> None:
    store = DatabaseIssuerStore(open_database(postgresql, ROLE))
    save(store)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], env={**os.environ, "URL": postgresql.reveal().decode()}, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    began = time.monotonic()
    assert stored(store) == ORDER
    assert time.monotonic() - began < 2


def test_a_plan_for_a_small_table_is_not_kept_for_when_it_is_large(postgresql: Secret) -> None:
    engine = open_database(postgresql, "registry", keeps=1)
    store = DatabaseRegistryStore(engine)
    with store.transaction() as state:
        for number in range(200):
            state.save_tags("civil-status", [number.to_bytes(16, "big")], number.to_bytes(16, "little"))
    for number in range(20):
        with store.transaction() as state:
            assert len(state.tagged("civil-status", [number.to_bytes(16, "big"), bytes(15) + b"\xff"])) == 1
    with transaction(engine) as connection:
        plans = "SELECT coalesce(sum(generic_plans), 0) FROM pg_prepared_statements"
        assert connection.execute(text(plans)).scalar() == 0
    store.close()


def test_a_commit_is_on_disk_whatever_the_server_prefers(
    postgresql_server: PostgresqlServer, postgresql: Secret
) -> None:
    name = postgresql.reveal().decode().partition("?")[0].rpartition("/")[2]
    postgresql_server.run(f"ALTER DATABASE \"{name}\" SET synchronous_commit = 'off'")
    postgresql_server.run(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'")
    with transaction(open_database(postgresql, ROLE)) as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"


OPEN = """
import os, sys
from diptych.adapters.storage.engine import open_database
from diptych.private import Secret
open_database(Secret(os.environb[b"URL"]), "issuer")
"""


def test_processes_that_start_at_once_migrate_once(postgresql: Secret) -> None:
    environment = {**os.environ, "URL": postgresql.reveal().decode()}
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN], env=environment, stderr=subprocess.PIPE) for _ in range(4)
    ]
    assert [(one.communicate()[1], one.returncode) for one in started] == [(b"", 0)] * 4


def test_two_roles_in_one_database_keep_apart(postgresql: Secret) -> None:
    issuer = open_database(postgresql, ROLE)
    verifier = open_verifier_store(postgresql)
    save(DatabaseIssuerStore(issuer))
    assert verifier.verdicts() == []
    verifier.close()
    with transaction(issuer) as connection:
        tables = connection.execute(text("SELECT schemaname, tablename FROM pg_tables WHERE tablename = 'orders'"))
        assert tables.all() == [("issuer", "orders")]


def test_a_database_of_a_newer_release_is_told(postgresql: Secret) -> None:
    with transaction(open_database(postgresql, ROLE)) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'issuer_9999'"))
    with pytest.raises(FormatError, match=r"storage\.schema: .* a newer release has written it"):
        open_database(postgresql, ROLE)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://issuer:canary@/diptych",
        "postgresql:///diptych?password=canary",
        "postgresql://db.example/diptych?password=canary&sslmode=require",
        "postgresql://db.example/diptych?password=canary&sslmode=disable",
        "postgresql://localhost/diptych?password=canary&hostaddr=192.0.2.1&sslmode=prefer",
        "postgresql://localhost,db.example/diptych?password=canary&sslmode=verify-ca",
        "postgresql://db.example/diptych?service=canary",
        "postgresql://db.example/diptych?canary=1",
        "postgresql://db.example:canary/diptych?canary",
        "postgresql://[canary",
    ],
)
def test_a_url_that_will_not_do_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(FormatError, match=r"settings\.database") as error:
        open_database(Secret(url.encode()), ROLE)
    assert "canary" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_server_beyond_this_machine_is_not_spoken_to_without_tls() -> None:
    port = free_port()
    server = PostgresqlServer(port)
    try:
        database = server.new_database().reveal().decode().partition("?")[0].rpartition("/")[2]
        here = f"postgresql://postgres@127.0.0.1:{port}/{database}"
        open_database(Secret(here.encode()), ROLE)
        # The same server under a name that is not this machine's: verified TLS, which it does not have, or nothing.
        there = f"postgresql://postgres@db.example:{port}/{database}?hostaddr=127.0.0.1"
        with pytest.raises(Unavailable, match="storage"):
            open_database(Secret(there.encode()), ROLE)
    finally:
        server.close()
