"""What every store of the verifier promises: memory, SQLite and PostgreSQL alike."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters.storage.verifier import DatabaseVerifierStore, open_verifier_store
from diptych.crypto.signing import generate_signer
from diptych.errors import Conflict, Refused
from diptych.roles.verifier.fakes import MemoryVerifierStore
from diptych.roles.verifier.model import Event, Presentation, Session, State, Verdict
from diptych.roles.verifier.ports import VerifierStore

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
ACCEPTED = Verdict(accepted=True, check=None, policy="over_18", time=NOW)
REFUSED = Verdict(accepted=False, check="zk.required", policy="over_18", time=NOW)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseVerifierStore]:
    location = tmp_path / "verifier.db" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    store = open_verifier_store(location)
    yield store
    store.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VerifierStore]:
    if request.param == "memory":
        yield MemoryVerifierStore()
        return
    location = tmp_path / "verifier.db" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    store = open_verifier_store(location)
    yield store
    store.close()


def presentation(presentation_id: str = "one") -> Presentation:
    return Presentation(
        id=presentation_id,
        policy="over_18",
        state=State.ASKED,
        expires_at=NOW + timedelta(minutes=5),
        session=Session("nonce", "state", generate_signer()),
        return_uri="https://shop.example/back",
    )


def same(found: Presentation | None, wanted: Presentation) -> bool:
    """Equal, comparing keys by their public half."""
    if found is None or found.session is None or wanted.session is None:
        return found == wanted
    keys = found.session.key.public_key, wanted.session.key.public_key
    return replace(found, session=replace(found.session, key=wanted.session.key)) == wanted and keys[0] == keys[1]


def test_a_presentation_is_kept_as_it_is(store: VerifierStore) -> None:
    added = presentation()
    store.add(added)
    assert same(store.presentation("one"), added)
    assert store.presentation("two") is None


def test_an_id_is_given_once(store: VerifierStore) -> None:
    added = presentation()
    store.add(added)
    with pytest.raises(Conflict, match=r"presentation\.exists"):
        store.add(presentation())
    assert same(store.presentation("one"), added)


def test_moves_follow_the_table(store: VerifierStore) -> None:
    store.add(presentation())
    assert store.advance("one", Event.FETCH, now=NOW).state is State.FETCHED
    with pytest.raises(Conflict, match=r"presentation\.fetched"):
        store.advance("one", Event.FETCH, now=NOW)
    assert store.advance("one", Event.ANSWER, now=NOW).state is State.ANSWERED
    with pytest.raises(Conflict, match=r"presentation\.answered"):
        store.advance("one", Event.ANSWER, now=NOW)
    given_back = store.advance("one", Event.GIVE_BACK, now=NOW)
    assert given_back.state is State.FETCHED
    assert given_back.session is not None


def test_a_presentation_that_does_not_exist_cannot_move(store: VerifierStore) -> None:
    for attempt in (
        lambda: store.advance("none", Event.FETCH, now=NOW),
        lambda: store.conclude("none", ACCEPTED),
    ):
        with pytest.raises(Refused, match=r"presentation\.unknown"):
            attempt()


@pytest.mark.parametrize("verdict", [ACCEPTED, REFUSED])
def test_a_verdict_takes_the_place_of_its_presentation(store: VerifierStore, verdict: Verdict) -> None:
    store.add(presentation())
    store.advance("one", Event.FETCH, now=NOW)
    store.advance("one", Event.ANSWER, now=NOW)
    store.conclude("one", verdict)
    assert store.presentation("one") is None
    assert store.verdict("one") == verdict
    assert list(store.verdicts()) == [verdict]
    with pytest.raises(Conflict, match=r"presentation\.exists"):
        store.add(presentation())
    for event in Event:
        with pytest.raises(Conflict, match=r"presentation\.answered"):
            store.advance("one", event, now=LATER)


def test_a_second_verdict_is_not_kept(store: VerifierStore) -> None:
    store.add(presentation())
    store.advance("one", Event.FETCH, now=NOW)
    store.advance("one", Event.ANSWER, now=NOW)
    store.conclude("one", REFUSED)
    with pytest.raises(Conflict, match=r"presentation\.answered"):
        store.conclude("one", ACCEPTED)
    assert store.verdict("one") == REFUSED


def test_no_verdict_comes_before_its_answer(store: VerifierStore) -> None:
    store.add(presentation())
    for attempt in (
        lambda: store.conclude("one", ACCEPTED),
        lambda: store.advance("one", Event.ANSWER, now=NOW),
        lambda: store.advance("one", Event.ACCEPT, now=NOW),
    ):
        with pytest.raises(Conflict):
            attempt()
    assert store.verdict("one") is None
    assert store.verdicts() == []


def test_advancing_never_reaches_a_verdict(store: VerifierStore) -> None:
    store.add(presentation())
    store.advance("one", Event.FETCH, now=NOW)
    store.advance("one", Event.ANSWER, now=NOW)
    with pytest.raises(Conflict, match=r"presentation\.verdict"):
        store.advance("one", Event.ACCEPT, now=NOW)
    assert store.advance("one", Event.GIVE_BACK, now=NOW).state is State.FETCHED


@pytest.mark.parametrize("moves", [[], [Event.FETCH], [Event.FETCH, Event.ANSWER]])
def test_what_is_due_expires_and_loses_its_session(store: VerifierStore, moves: list[Event]) -> None:
    store.add(presentation())
    for event in moves:
        store.advance("one", event, now=NOW)
    with pytest.raises(Conflict, match=r"presentation\.expired"):
        store.advance("one", Event.FETCH, now=LATER)
    found = store.presentation("one")
    assert found is not None
    assert (found.state, found.session) == (State.EXPIRED, None)
    with pytest.raises(Conflict, match=r"presentation\.expired"):
        store.conclude("one", ACCEPTED)


def test_forgetting_expires_what_is_due_and_deletes_what_is_old_but_no_verdict(store: VerifierStore) -> None:
    store.add(presentation("due"))
    store.add(replace(presentation("old"), expires_at=NOW - timedelta(hours=2)))
    store.add(replace(presentation("young"), expires_at=NOW + timedelta(hours=2)))
    store.add(presentation("done"))
    store.advance("done", Event.FETCH, now=NOW)
    store.advance("done", Event.ANSWER, now=NOW)
    store.conclude("done", ACCEPTED)
    for _ in range(2):
        store.forget_expired(LATER)
    due, young = store.presentation("due"), store.presentation("young")
    assert due is not None
    assert (due.state, due.session) == (State.EXPIRED, None)
    assert store.presentation("old") is None
    assert young is not None
    assert young.state is State.ASKED
    store.forget_expired(LATER + timedelta(hours=2))
    assert store.presentation("due") is None
    assert store.verdict("done") == ACCEPTED


def race(act: Callable[[int], object]) -> list[object]:
    """The outcomes of several that act at once: what `act` returns, or the name of the check that refused."""

    def attempt(number: int) -> object:
        try:
            return act(number)
        except Conflict as conflict:
            return conflict.check

    with ThreadPoolExecutor(8) as together:
        return list(together.map(attempt, range(8)))


def test_of_many_who_answer_at_once_one_moves(store: VerifierStore) -> None:
    store.add(presentation())
    store.advance("one", Event.FETCH, now=NOW)
    outcomes = race(lambda number: store.advance("one", Event.ANSWER, now=NOW).state)
    assert outcomes.count(State.ANSWERED) == 1
    assert outcomes.count("presentation.answered") == 7


def test_of_many_verdicts_at_once_one_is_kept(database: DatabaseVerifierStore) -> None:
    database.add(presentation())
    database.advance("one", Event.FETCH, now=NOW)
    database.advance("one", Event.ANSWER, now=NOW)
    outcomes = race(lambda number: database.conclude("one", ACCEPTED if number % 2 else REFUSED))
    assert outcomes.count(None) == 1
    assert outcomes.count("presentation.answered") == 7
    assert database.verdict("one") == (ACCEPTED if outcomes.index(None) % 2 else REFUSED)


def test_of_many_with_one_id_one_is_kept(database: DatabaseVerifierStore) -> None:
    outcomes = race(lambda number: database.add(replace(presentation(), policy=f"policy_{number}")))
    assert outcomes.count(None) == 1
    assert outcomes.count("presentation.exists") == 7
    found = database.presentation("one")
    assert found is not None
    assert found.policy == f"policy_{outcomes.index(None)}"


def test_sweeps_and_answers_do_not_lock_each_other_out(database: DatabaseVerifierStore) -> None:
    for number in range(8):
        database.add(presentation(str(number)))

    def work(number: int) -> None:
        database.advance(str(number), Event.FETCH, now=NOW)
        for _ in range(6):
            database.forget_expired(NOW)
            database.advance(str(number), Event.ANSWER, now=NOW)
            database.advance(str(number), Event.GIVE_BACK, now=NOW)
        database.advance(str(number), Event.ANSWER, now=NOW)
        database.conclude(str(number), REFUSED)

    assert race(work) == [None] * 8


def test_the_file_has_no_room_for_more_than_a_verdict(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "verifier.db"
    store = open_verifier_store(path)
    store.add(presentation())
    store.advance("one", Event.FETCH, now=NOW)
    store.advance("one", Event.ANSWER, now=NOW)
    store.conclude("one", REFUSED)
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(verdict)")]
        rows = connection.execute("SELECT * FROM verdict").fetchall()
        others = connection.execute("SELECT * FROM presentation").fetchall()
    connection.close()
    assert columns == ["id", "policy", "verdict", "time"]
    assert rows == [("one", "over_18", "refused zk.required", int(NOW.timestamp()))]
    assert others == []


def test_a_deleted_key_is_overwritten_in_the_file(tmp_path: Path) -> None:
    from diptych.crypto.signing import dump_signer

    path = tmp_path / "verifier.db"
    store = open_verifier_store(path)
    added = presentation()
    assert added.session is not None
    secret = dump_signer(added.session.key)[36:68]  # the private scalar within PKCS#8
    store.add(added)
    store.advance("one", Event.FETCH, now=NOW)
    store.advance("one", Event.ANSWER, now=NOW)
    assert _holds(tmp_path, secret)
    store.conclude("one", ACCEPTED)
    assert not _holds(tmp_path, secret)


def _holds(folder: Path, secret: bytes) -> bool:
    return any(secret in path.read_bytes() for path in folder.iterdir())


def test_a_fake_fails_before_saving_and_after() -> None:
    failures: list[str] = []

    def fail(moment: str) -> None:
        if moment in failures:
            raise RuntimeError(moment)

    store = MemoryVerifierStore(fail)
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("add", lambda: store.add(presentation())),
        ("advance", lambda: store.advance("one", Event.FETCH, now=NOW)),
        ("conclude", lambda: store.conclude("one", REFUSED)),
    ]
    for name, attempt in attempts:
        failures[:] = [f"before {name}"]
        with pytest.raises(RuntimeError):
            attempt()
        failures[:] = [f"after {name}"]
        with pytest.raises(RuntimeError):
            attempt()
        failures.clear()
        with pytest.raises(Conflict):  # it was saved
            attempt()
