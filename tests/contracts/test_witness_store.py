"""What every store of a witness promises: memory, SQLite and PostgreSQL alike. It never goes back."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from diptych.adapters.storage.witness import DatabaseWitnessStore, open_witness_store
from diptych.errors import Conflict
from diptych.roles.witness.fakes import MemoryWitnessStore
from diptych.roles.witness.model import Cosigned
from diptych.roles.witness.ports import WitnessStore
from tests.formats.tlog_specimen import checkpoint_of, cosigned

ORIGIN = "log.utopia.example/acts"
OTHER = "log.arcadia.example"


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WitnessStore]:
    if request.param == "memory":
        yield MemoryWitnessStore(lock=threading.Lock())
        return
    location = tmp_path / "witness.db" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    store: DatabaseWitnessStore = open_witness_store(location)
    yield store
    store.close()


@cache
def kept(size: int, name: bytes = b"") -> Cosigned:
    return Cosigned(cosigned(checkpoint_of([name] * size)), 1_800_000_000 + size)


def test_each_log_has_its_own_last_checkpoint(store: WitnessStore) -> None:
    assert store.latest(ORIGIN) is None
    store.keep(ORIGIN, after=None, cosigned=kept(1))
    store.keep(OTHER, after=None, cosigned=kept(5))
    store.keep(ORIGIN, after=kept(1), cosigned=kept(2))
    assert store.latest(ORIGIN) == kept(2)
    assert store.latest(OTHER) == kept(5)


def test_what_is_no_longer_the_last_cannot_be_replaced(store: WitnessStore) -> None:
    store.keep(ORIGIN, after=None, cosigned=kept(2))
    for after in (None, kept(1), kept(2, b"other")):
        with pytest.raises(Conflict):
            store.keep(ORIGIN, after=after, cosigned=kept(3))
    assert store.latest(ORIGIN) == kept(2)


@pytest.mark.parametrize("is_first", [True, False])
def test_of_racing_checkpoints_one_is_kept(store: WitnessStore, is_first: bool) -> None:
    if not is_first:
        store.keep(ORIGIN, after=None, cosigned=kept(1))
    before = None if is_first else kept(1)

    def race(number: int) -> bool:
        try:
            store.keep(ORIGIN, after=before, cosigned=kept(2, bytes([number])))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(race, range(8)))
    assert won.count(True) == 1
    assert store.latest(ORIGIN) == kept(2, bytes([won.index(True)]))
