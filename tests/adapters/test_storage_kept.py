"""A SQLite file that stays open between transactions: of holders, who have secrets to let go of."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diptych.adapters.storage import engine as storage
from diptych.adapters.storage.registry import DatabaseRegistryStore, open_registry_store
from diptych.adapters.storage.trustee import open_trustee_store
from diptych.crypto.lookup_prf import KeyShare
from diptych.errors import Unavailable
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.roles.registry.model import StoredRecord
from diptych.roles.trustee.model import (
    SealedSecrets,
    StoredCeremony,
    StoredDeposit,
    StoredPrekey,
    StoredVersion,
)
from diptych.roles.trustee.model import StoredRecord as TrusteesRecord
from diptych.roles.trustee.ports import TrusteeTransaction

ELEMENT = ChainElement(Secret(b"e" * 32))
CIPHERTEXT = b"what a thief of an older page would read"
RECORD = StoredRecord(b"r" * 16, 1, b"h" * 32, CIPHERTEXT, "driving-licence", b"a" * 16, ELEMENT, ELEMENT)
ERASED = replace(RECORD, encoded=b"the order", is_erased=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
def store(path: Path) -> Iterator[DatabaseRegistryStore]:
    store = open_registry_store(path)
    yield store
    store.close()


def save(store: DatabaseRegistryStore, record: StoredRecord) -> None:
    with store.transaction() as state:
        state.save_record(record)


def found(store: DatabaseRegistryStore) -> StoredRecord | None:
    with store.transaction() as state:
        return state.record(RECORD.record_id)


def on_disk(path: Path) -> bytes:
    """The database and its write-ahead log, as a thief takes them."""
    return b"".join(one.read_bytes() for one in sorted(path.parent.glob(f"{path.name}*")))


def test_no_transaction_waits_for_a_checkpoint_and_what_it_committed_is_in_the_log(
    path: Path, store: DatabaseRegistryStore
) -> None:
    save(store, RECORD)
    assert CIPHERTEXT in path.with_name(path.name + "-wal").read_bytes()


def test_what_was_erased_is_neither_in_the_file_nor_in_its_log(path: Path, store: DatabaseRegistryStore) -> None:
    save(store, RECORD)
    assert CIPHERTEXT in on_disk(path)
    save(store, ERASED)
    assert found(store) == ERASED
    assert CIPHERTEXT not in on_disk(path)


def test_without_the_truncation_the_log_would_still_have_it(
    path: Path, store: DatabaseRegistryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weakened build."""
    monkeypatch.setattr(storage, "_truncate_log", lambda engine: None)
    save(store, RECORD)
    save(store, ERASED)
    assert CIPHERTEXT in on_disk(path)


NOW = datetime(2026, 11, 29, tzinfo=UTC)
MASK = b"a mask, or a seed, that only its trustee has"
VERSION = RecordVersion(b"r" * 16, 1, None, b"h" * 32)


def held(secret: bytes) -> StoredVersion:
    return StoredVersion(VERSION, "identity-15y", 1, 3, b"s" * 32, SealedSecrets("2026-11", secret))


def share(generation: int, secret: bytes) -> KeyShare:
    return KeyShare("civil-status", generation, 3, Secret(secret[:32]))


@pytest.mark.parametrize(
    ("keep", "let_go"),
    [
        (
            lambda state: state.save_record(TrusteesRecord(held(MASK))),
            lambda state: state.save_record(TrusteesRecord(held(b"nothing"), is_erased=True)),
        ),
        (
            lambda state: state.save_deposit(StoredDeposit(held(MASK), b"d" * 32, b"acknowledged", NOW)),
            lambda state: state.drop_deposits(VERSION.record_id),
        ),
        (
            lambda state: state.save_prekey(StoredPrekey(b"p" * 16, b"o" * 32, b"q" * 32, NOW, Secret(MASK), b"key")),
            lambda state: state.drop_prekey(b"p" * 16),
        ),
        (
            lambda state: state.save_ceremony(StoredCeremony(b"c" * 32, Secret(MASK), Secret(b"r"), b"channel", b"")),
            lambda state: state.end_ceremony(b"c" * 32, b"said"),
        ),
        (
            lambda state: state.save_share(share(0, MASK)),
            lambda state: state.drop_shares("civil-status", before=1),
        ),
    ],
    ids=["a mask erased", "a deposit", "a prekey", "a ceremony", "an old share"],
)
def test_what_a_trustee_lets_go_of_is_neither_in_its_file_nor_in_its_log(
    path: Path, keep: Callable[[TrusteeTransaction], None], let_go: Callable[[TrusteeTransaction], None]
) -> None:
    store = open_trustee_store(path)
    with store.transaction() as state:
        keep(state)
    assert MASK[:32] in on_disk(path)
    with store.transaction() as state:
        let_go(state)
    assert MASK[:32] not in on_disk(path)
    store.close()


def test_a_file_that_was_removed_is_unavailable_and_not_written_where_nobody_finds_it(
    path: Path, store: DatabaseRegistryStore
) -> None:
    save(store, RECORD)
    aside = path.parent / "aside"
    aside.mkdir()
    for file in path.parent.glob("registry.db*"):
        file.rename(aside / file.name)
    with pytest.raises(Unavailable, match="storage"):
        save(store, ERASED)
    assert [file.name for file in path.parent.iterdir()] == ["aside"]
    for file in aside.iterdir():
        file.rename(path.parent / file.name)
    assert found(store) == RECORD


def test_a_file_that_another_took_the_place_of_is_not_the_one_that_is_read(path: Path, tmp_path: Path) -> None:
    other = open_registry_store(tmp_path / "other.db")
    save(other, ERASED)
    other.close()
    store = open_registry_store(path)
    save(store, RECORD)
    for file in path.parent.glob("registry.db*"):
        file.unlink()
    shutil.move(tmp_path / "other.db", path)
    assert found(store) == ERASED
    store.close()
