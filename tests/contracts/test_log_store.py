"""What every database of a log's writer promises: memory, SQLite and PostgreSQL alike."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from diptych.adapters.storage.log import DatabaseLogStore, open_log_store
from diptych.errors import Conflict
from diptych.roles.log.fakes import MemoryLogStore
from diptych.roles.log.model import LabelPlan
from diptych.roles.log.ports import LogStore
from tests.formats.tlog_specimen import NOW, checkpoint_of, signed_by_the_log
from tests.log_world import World, audited, entries, entry

DATABASES = ["sqlite", "postgresql"]


def _open(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseLogStore:
    return open_log_store(tmp_path / "log.db" if request.param == "sqlite" else request.getfixturevalue("postgresql"))


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseLogStore]:
    store = _open(request, tmp_path)
    yield store
    store.close()


@pytest.fixture(params=["memory", *DATABASES])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    if request.param == "memory":
        yield MemoryLogStore()
        return
    store = _open(request, tmp_path)
    yield store
    store.close()


def test_entries_are_kept_in_the_order_they_came(store: LogStore) -> None:
    assert store.size() == 0
    assert store.signed() is None
    assert list(store.append(entries(0, 3), size=0)) == [0, 1, 2]
    assert list(store.append(entries(3, 1300), size=3)) == list(range(3, 1300))
    assert store.size() == 1300
    assert list(store.entries(0, 1300)) == entries(0, 1300)
    assert list(store.entries(2, 4)) == entries(2, 4)
    assert list(store.entries(2, 2)) == []


def test_an_entry_that_is_there_keeps_its_position(store: LogStore) -> None:
    store.append(entries(0, 600), size=0)
    assert list(store.append([entry(700), entry(3), entry(701), entry(700), entry(599)], size=600)) == [
        *(600, 3, 601, 600, 599)
    ]
    assert store.size() == 602
    assert list(store.append([entry(3)], size=602)) == [3]


def test_label_trees_are_planned_each_over_more_than_the_one_before(store: LogStore) -> None:
    assert list(store.label_plans()) == []
    plans = [LabelPlan(0, NOW), LabelPlan(7, NOW + timedelta(days=1))]
    for plan in plans:
        store.plan_label_tree(plan)
    for entries_ in (7, 6):
        with pytest.raises(Conflict) as refused:
            store.plan_label_tree(LabelPlan(entries_, NOW))
        assert refused.value.check == "log.label_plan"
    assert list(store.label_plans()) == plans


def test_whoever_does_not_know_the_size_appends_nothing(store: LogStore) -> None:
    store.append(entries(0, 3), size=0)
    for size in (0, 2, 4):
        with pytest.raises(Conflict):
            store.append(entries(10, 11), size=size)
    assert store.size() == 3


def test_the_checkpoint_is_replaced_by_a_larger_one_and_by_whoever_knows_it(store: LogStore) -> None:
    signed = {size: signed_by_the_log(checkpoint_of(entries(0, size))) for size in range(4)}
    store.sign(signed[0], after=None)
    assert store.signed() == signed[0]
    store.sign(signed[2], after=signed[0])
    for size, after in ((3, signed[0]), (3, None), (2, signed[2]), (1, signed[2]), (0, None)):
        with pytest.raises(Conflict):
            store.sign(signed[size], after=after)
    assert store.signed() == signed[2]


def test_of_two_checkpoints_of_one_size_there_is_only_ever_one(database: DatabaseLogStore) -> None:
    rivals = [signed_by_the_log(checkpoint_of([bytes([i])])) for i in range(8)]

    def race(number: int) -> bool:
        try:
            database.sign(rivals[number], after=None)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(race, range(8)))
    assert won.count(True) == 1
    assert database.signed() == rivals[won.index(True)]


def test_of_two_writers_one_appends(database: DatabaseLogStore) -> None:
    def race(number: int) -> bool:
        try:
            database.append([entry(number)], size=0)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(race, range(8))).count(True) == 1
    assert database.size() == 1


def test_entries_that_cannot_be_told_apart_are_refused(
    database: DatabaseLogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diptych.adapters.storage.log._key", lambda entry: b"same")
    database.append([entry(1)], size=0)
    assert list(database.append([entry(1)], size=1)) == [0]
    for clash in ([entry(2)], [entry(3), entry(4)]):
        with pytest.raises(Conflict, match=r"log\.entry\.key"):
            database.append(clash, size=1)


@pytest.fixture(params=DATABASES)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], DatabaseLogStore]:
    location = tmp_path / "log.db" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    return lambda: open_log_store(location)


def test_a_log_goes_on_in_a_database_that_was_opened_anew(reopen: Callable[[], DatabaseLogStore]) -> None:
    store = reopen()
    world = World(store)
    world.append(*entries(0, 300))
    store.close()
    world.store = reopen()
    world.restarted()
    assert world.append(entry(300), entry(5)).receipts[0].index == 300
    assert audited(world.files.files).is_verified  # type: ignore[attr-defined]
    world.store.close()  # type: ignore[attr-defined]
