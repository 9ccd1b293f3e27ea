"""What every wallet store promises, on memory and on SQLite; and what the SQLite file shows to a thief: nothing."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.adapters.storage.wallet import create_wallet_store, open_wallet_store
from diptych.crypto.passphrase import Hardness
from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.private import Secret
from diptych.roles.wallet.memory import Death, MemoryWalletStore
from diptych.roles.wallet.ports import Change, Key, Kind, WalletStore

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
PASSPHRASE = Secret(b"seven seals")
LICENCE = Key(Kind.DOCUMENT, "org.iso.18013.5.1.mDL")
COPY = Key(Kind.COPY, "copy 1")


def memory(folder: Path) -> tuple[WalletStore, Callable[[], WalletStore]]:
    store = MemoryWalletStore()
    return store, lambda: store


def sqlite(folder: Path) -> tuple[WalletStore, Callable[[], WalletStore]]:
    path = folder / "wallet.db"
    store = create_wallet_store(path, PASSPHRASE, hardness=EASY, entropy=os.urandom)
    return store, lambda: open_wallet_store(path, PASSPHRASE, entropy=os.urandom, least=EASY)


@pytest.fixture(params=[memory, sqlite])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[WalletStore, Callable[[], WalletStore]]:
    """A store, and a way to open it again."""
    made: tuple[WalletStore, Callable[[], WalletStore]] = request.param(tmp_path)
    return made


Opened = tuple[WalletStore, Callable[[], WalletStore]]


def test_a_new_store_is_empty(opened: Opened) -> None:
    assert opened[0].read() == {}


def test_what_was_saved_is_there_when_opened_again(opened: Opened) -> None:
    store, again = opened
    store.save([Change(LICENCE, None, b"licence"), Change(COPY, None, b"copy")])
    assert again().read() == {LICENCE: b"licence", COPY: b"copy"}


def test_a_change_replaces_and_removes(opened: Opened) -> None:
    store, again = opened
    store.save([Change(LICENCE, None, b"licence"), Change(COPY, None, b"copy")])
    store.save([Change(LICENCE, b"licence", b"renewed"), Change(COPY, b"copy", None)])
    assert again().read() == {LICENCE: b"renewed"}


def test_kinds_do_not_share_names(opened: Opened) -> None:
    store, _ = opened
    store.save([Change(Key(Kind.COPY, "1"), None, b"copy"), Change(Key(Kind.GRANT, "1"), None, b"grant")])
    assert store.read() == {Key(Kind.COPY, "1"): b"copy", Key(Kind.GRANT, "1"): b"grant"}


def test_the_same_change_twice_is_a_conflict(opened: Opened) -> None:
    store, again = opened
    store.save([Change(COPY, None, b"copy")])
    with pytest.raises(Conflict, match=r"wallet\.changed"):
        store.save([Change(COPY, None, b"copy")])
    assert again().read() == {COPY: b"copy"}


def test_two_windows_cannot_spend_the_same_copy(opened: Opened) -> None:
    store, again = opened
    store.save([Change(COPY, None, b"fresh")])
    other = again()
    other.save([Change(COPY, b"fresh", b"spent by the other window")])
    with pytest.raises(Conflict, match=r"wallet\.changed"):
        store.save([Change(COPY, b"fresh", b"spent by this window")])
    assert store.read() == {COPY: b"spent by the other window"}


def test_one_conflict_leaves_all_changes_undone(opened: Opened) -> None:
    store, again = opened
    store.save([Change(COPY, None, b"copy")])
    with pytest.raises(Conflict):
        store.save([Change(LICENCE, None, b"licence"), Change(COPY, b"other", b"new")])
    assert again().read() == {COPY: b"copy"}


def test_only_one_window_acts_at_a_time(opened: Opened) -> None:
    store, again = opened
    with store.acting(), pytest.raises(Conflict, match=r"wallet\.busy"), again().acting():
        pass
    with again().acting():
        pass


def test_the_fake_can_die_before_and_after_saving() -> None:
    store = MemoryWalletStore(dies={0: Death.BEFORE_SAVING, 1: Death.AFTER_SAVING})
    with pytest.raises(Unavailable):
        store.save([Change(COPY, None, b"copy")])
    assert store.read() == {}
    with pytest.raises(Unavailable):
        store.save([Change(COPY, None, b"copy")])
    assert store.read() == {COPY: b"copy"}


def test_a_wrong_passphrase_is_refused_by_name(tmp_path: Path) -> None:
    sqlite(tmp_path)
    with pytest.raises(Refused, match=r"wallet\.passphrase"):
        open_wallet_store(tmp_path / "wallet.db", Secret(b"eight seals"), entropy=os.urandom, least=EASY)


def test_a_second_wallet_in_the_same_file_is_a_conflict(tmp_path: Path) -> None:
    store, again = sqlite(tmp_path)
    store.save([Change(COPY, None, b"copy")])
    with pytest.raises(Conflict, match=r"wallet\.exists"):
        create_wallet_store(tmp_path / "wallet.db", PASSPHRASE, hardness=EASY, entropy=os.urandom)
    assert again().read() == {COPY: b"copy"}


def test_opening_where_no_wallet_is_says_so_and_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"wallet\.missing"):
        open_wallet_store(tmp_path / "wallet.db", PASSPHRASE, entropy=os.urandom, least=EASY)
    assert list(tmp_path.iterdir()) == []


def test_the_file_shows_neither_content_nor_kind_nor_document_type(tmp_path: Path) -> None:
    store, _ = sqlite(tmp_path)
    store.save([Change(LICENCE, None, b"Erika Mustermann"), Change(COPY, None, b"Erika Mustermann")])
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for planted in (b"Erika", b"mDL", b"18013", b"document", b"seven seals"):
        assert planted not in everything
    for word in (b"licence", b"copy 1"):
        assert word not in everything


def test_entries_of_nearby_sizes_look_alike(tmp_path: Path) -> None:
    store, _ = sqlite(tmp_path)
    store.save([Change(LICENCE, None, bytes(600)), Change(COPY, None, bytes(1900))])
    with sqlite3.connect(tmp_path / "wallet.db") as connection:
        sizes = {len(row[0]) for row in connection.execute("SELECT sealed FROM entry")}
    connection.close()
    assert len(sizes) == 1


def test_entries_that_change_places_are_refused(tmp_path: Path) -> None:
    store, again = sqlite(tmp_path)
    store.save([Change(LICENCE, None, b"licence"), Change(COPY, None, b"copy")])
    with sqlite3.connect(tmp_path / "wallet.db") as connection:
        (first, one), (second, other) = connection.execute("SELECT id, sealed FROM entry").fetchall()
        connection.execute("UPDATE entry SET sealed = ? WHERE id = ?", (other, first))
        connection.execute("UPDATE entry SET sealed = ? WHERE id = ?", (one, second))
    connection.close()
    with pytest.raises(VerificationError, match=r"wallet\.damaged"):
        again().read()


def test_a_lock_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    sqlite(tmp_path)
    with sqlite3.connect(tmp_path / "wallet.db") as connection:
        connection.execute("UPDATE lock SET memory_kib = 1000000000")
    connection.close()
    with pytest.raises(FormatError, match=r"passphrase\.hardness"):
        open_wallet_store(tmp_path / "wallet.db", PASSPHRASE, entropy=os.urandom, least=EASY)


def test_an_entry_beyond_all_sizes_is_refused_and_nothing_is_saved(tmp_path: Path) -> None:
    store, again = sqlite(tmp_path)
    with pytest.raises(Refused, match=r"wallet\.entry_size"):
        store.save([Change(LICENCE, None, b"licence"), Change(COPY, None, bytes(3_000_000))])
    assert again().read() == {}


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    sqlite(tmp_path)
    assert (tmp_path / "wallet.db").stat().st_mode & 0o077 == 0
