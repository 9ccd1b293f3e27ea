"""What every wallet store promises, on memory and on SQLite; and what the SQLite file shows to a thief: nothing."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from diptych.adapters.storage.wallet import (
    SqliteWalletStore,
    create_wallet_store,
    expect_no_wallet,
    open_wallet_store,
    set_aside,
)
from diptych.crypto.passphrase import Hardness, derive_key
from diptych.crypto.sealing import seal
from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.cbor import encode
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


@contextmanager
def edited(folder: Path) -> Iterator[sqlite3.Connection]:
    """The file in somebody else's hands."""
    connection = sqlite3.connect(folder / "wallet.db")
    with connection:
        yield connection
    connection.close()


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


def test_a_change_to_what_it_is_already_guards_it_and_changes_nothing(opened: Opened) -> None:
    store, again = opened
    store.save([Change(LICENCE, None, b"live"), Change(COPY, None, b"copy")])
    store.save([Change(LICENCE, b"live", b"live"), Change(COPY, b"copy", b"spent")])
    assert again().read() == {LICENCE: b"live", COPY: b"spent"}
    with pytest.raises(Conflict, match=r"wallet\.changed"):
        store.save([Change(LICENCE, b"moved", b"moved"), Change(COPY, b"spent", b"fresh")])
    with pytest.raises(Conflict, match=r"wallet\.changed"):
        store.save([Change(LICENCE, None, None), Change(COPY, b"spent", b"fresh")])


def test_a_store_where_it_was_made_is_no_copy(opened: Opened) -> None:
    store, again = opened
    store.save([Change(COPY, None, b"copy")])
    assert not store.is_copied()
    assert not again().is_copied()


def put_back(store: WalletStore, again: Callable[[], WalletStore], folder: Path) -> WalletStore:
    """An old copy of the store, in the place of the newer one."""
    if isinstance(store, MemoryWalletStore):
        store.save([Change(COPY, None, b"fresh")])
        store.is_put_back = True
        return store
    store.save([Change(COPY, None, b"fresh")])
    shutil.copy2(folder / "wallet.db", folder / "old.db")
    store.save([Change(COPY, b"fresh", b"spent")])
    shutil.copyfile(folder / "old.db", folder / "wallet.db")
    return again()


def test_a_copy_that_was_put_back_is_read_and_changed_by_nobody(opened: Opened, tmp_path: Path) -> None:
    old = put_back(*opened, tmp_path)
    assert old.is_copied()
    assert old.read() == {COPY: b"fresh"}
    with pytest.raises(Refused, match=r"wallet\.copied"):
        old.save([Change(COPY, b"fresh", b"spent again")])
    assert old.read() == {COPY: b"fresh"}


def test_a_copy_that_is_adopted_is_the_one_that_counts(opened: Opened, tmp_path: Path) -> None:
    old = put_back(*opened, tmp_path)
    with pytest.raises(Conflict, match=r"wallet\.changed"):
        old.adopt([Change(COPY, b"other", b"spent")])
    assert old.is_copied()
    old.adopt([Change(COPY, b"fresh", b"spent")])
    assert not old.is_copied()
    old.save([Change(LICENCE, None, b"licence")])
    assert opened[1]().read() == {COPY: b"spent", LICENCE: b"licence"}


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
    with edited(tmp_path) as connection:
        (first, one), (second, other) = connection.execute("SELECT id, sealed FROM entry").fetchall()
        connection.execute("UPDATE entry SET sealed = ? WHERE id = ?", (other, first))
        connection.execute("UPDATE entry SET sealed = ? WHERE id = ?", (one, second))
    with pytest.raises(VerificationError, match=r"wallet\.damaged"):
        again().read()


def test_a_lock_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    sqlite(tmp_path)
    with edited(tmp_path) as connection:
        connection.execute("UPDATE lock SET memory_kib = 1000000000")
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


def test_a_new_store_has_all_its_entries_or_is_not_there(tmp_path: Path) -> None:
    entries = {COPY: b"copy", LICENCE: bytes(3_000_000)}
    with pytest.raises(Refused, match=r"wallet\.entry_size"):
        create_wallet_store(tmp_path / "wallet.db", PASSPHRASE, hardness=EASY, entropy=os.urandom, entries=entries)
    expect_no_wallet(tmp_path / "wallet.db")
    entries[LICENCE] = b"licence"
    create_wallet_store(tmp_path / "wallet.db", PASSPHRASE, hardness=EASY, entropy=os.urandom, entries=entries)
    assert open_again(tmp_path).read() == entries
    with pytest.raises(Conflict, match=r"wallet\.exists"):
        expect_no_wallet(tmp_path / "wallet.db")


def open_again(folder: Path, passphrase: Secret = PASSPHRASE) -> SqliteWalletStore:
    return open_wallet_store(folder / "wallet.db", passphrase, entropy=os.urandom, least=EASY)


# What a thief can put back, take away or leave beside it


def test_an_older_copy_of_one_entry_is_noticed(tmp_path: Path) -> None:
    store, again = sqlite(tmp_path)
    store.save([Change(COPY, None, b"fresh")])
    with edited(tmp_path) as connection:
        ((old,),) = connection.execute("SELECT sealed FROM entry").fetchall()
    store.save([Change(COPY, b"fresh", b"spent")])
    with edited(tmp_path) as connection:
        connection.execute("UPDATE entry SET sealed = ?", (old,))
    with pytest.raises(VerificationError, match=r"wallet\.damaged"):
        again().read()
    with pytest.raises(VerificationError, match=r"wallet\.damaged"):
        store.save([Change(LICENCE, None, b"licence")])


@pytest.mark.parametrize("table", ["entry", "turn"])
def test_an_entry_that_is_taken_away_is_noticed(tmp_path: Path, table: str) -> None:
    store, again = sqlite(tmp_path)
    store.save([Change(COPY, None, b"copy")])
    with edited(tmp_path) as connection:
        connection.execute(f"DELETE FROM {table}")
    with pytest.raises(VerificationError, match=r"wallet\.damaged"):
        again().read()


def test_a_copy_of_the_whole_folder_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    store, _ = sqlite(tmp_path / "one")
    store.save([Change(COPY, None, b"copy")])
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    assert open_again(tmp_path / "other").is_copied()
    assert not open_again(tmp_path / "one").is_copied()


def test_a_folder_that_is_renamed_is_no_copy(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    store, _ = sqlite(tmp_path / "one")
    store.save([Change(COPY, None, b"copy")])
    (tmp_path / "one").rename(tmp_path / "other")
    assert not open_again(tmp_path / "other").is_copied()


@pytest.mark.parametrize("content", [None, b"", bytes(40), bytes(41)])
def test_without_its_mark_a_file_is_a_copy(tmp_path: Path, content: bytes | None) -> None:
    store, again = sqlite(tmp_path)
    store.save([Change(COPY, None, b"copy")])
    mark = tmp_path / "wallet.mark"
    mark.unlink()
    if content is not None:
        mark.write_bytes(content)
    assert again().is_copied()


def test_what_was_put_back_is_noticed_even_if_it_is_one_save_old(tmp_path: Path) -> None:
    store, again = sqlite(tmp_path)
    store.save([Change(COPY, None, b"fresh")])
    shutil.copy2(tmp_path / "wallet.db", tmp_path / "old.db")
    store.save([Change(COPY, b"fresh", b"spent")])
    shutil.copyfile(tmp_path / "old.db", tmp_path / "wallet.db")
    assert again().is_copied()


def test_the_mark_says_nothing_to_others(tmp_path: Path) -> None:
    store, _ = sqlite(tmp_path)
    store.save([Change(COPY, None, b"copy")])
    mark = tmp_path / "wallet.mark"
    assert mark.stat().st_size == 40
    assert mark.stat().st_mode & 0o077 == 0


# Guessing


def file_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_wrong_guesses_leave_nothing_that_could_be_reset(tmp_path: Path) -> None:
    store, _ = sqlite(tmp_path)
    store.save([Change(COPY, None, b"copy")])
    before = file_bytes(tmp_path)
    for guess in (b"eight seals", b"nine seals!", b"ten seals!!"):
        with pytest.raises(Refused, match=r"wallet\.passphrase"):
            open_again(tmp_path, Secret(guess))
    assert file_bytes(tmp_path) == before


@pytest.mark.parametrize(
    "edit", ["memory_kib = 64", "iterations = 1", "lanes = 2", "memory_kib = 64, iterations = 1, lanes = 1"]
)
def test_lowering_the_price_of_a_guess_in_the_file_makes_every_guess_wrong(tmp_path: Path, edit: str) -> None:
    hardness = Hardness(memory_kib=256, iterations=2, lanes=4)
    create_wallet_store(tmp_path / "wallet.db", PASSPHRASE, hardness=hardness, entropy=os.urandom)
    with edited(tmp_path) as connection:
        connection.execute(f"UPDATE lock SET {edit}")
    with pytest.raises(Refused, match=r"wallet\.passphrase"):
        open_again(tmp_path)


def test_a_file_that_was_made_cheap_to_guess_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite(tmp_path)
    monkeypatch.setattr("diptych.adapters.storage.wallet.derive_key", lambda *_, **__: pytest.fail("worked for it"))
    with pytest.raises(FormatError, match=r"passphrase\.hardness_low"):
        open_wallet_store(tmp_path / "wallet.db", PASSPHRASE, entropy=os.urandom)


def test_deleting_what_lies_beside_the_file_gains_nothing(tmp_path: Path) -> None:
    sqlite(tmp_path)
    for path in tmp_path.iterdir():
        if path.name != "wallet.db":
            path.unlink()
    with pytest.raises(Refused, match=r"wallet\.passphrase"):
        open_again(tmp_path, Secret(b"eight seals"))


# Another passphrase

NEW = Secret(b"eight seals in wax")


def test_after_a_change_the_new_passphrase_opens_and_the_old_one_does_not(tmp_path: Path) -> None:
    store, _ = sqlite(tmp_path)
    store.save([Change(COPY, None, b"copy"), Change(LICENCE, None, b"licence")])
    store.change_passphrase(NEW, hardness=EASY)
    store.save([Change(COPY, b"copy", b"spent")])
    assert open_again(tmp_path, NEW).read() == {COPY: b"spent", LICENCE: b"licence"}
    assert not open_again(tmp_path, NEW).is_copied()
    with pytest.raises(Refused, match=r"wallet\.passphrase"):
        open_again(tmp_path)


def test_a_change_leaves_no_old_seal_in_any_file(tmp_path: Path) -> None:
    store, _ = sqlite(tmp_path)
    store.save([Change(COPY, None, b"copy"), Change(LICENCE, None, bytes(9000))])
    with edited(tmp_path) as connection:
        old = [row[0] for row in connection.execute("SELECT sealed FROM entry UNION SELECT sealed_key FROM lock")]
        old += [row[0] for row in connection.execute("SELECT salt FROM lock UNION SELECT id FROM entry")]
    store.change_passphrase(NEW, hardness=EASY)
    everything = b"".join(file_bytes(tmp_path).values())
    assert [seal for seal in old if seal[:16] in everything or seal[-16:] in everything] == []


def test_an_old_copy_of_the_file_has_no_key_to_the_new_one(tmp_path: Path) -> None:
    store, _ = sqlite(tmp_path)
    store.save([Change(COPY, None, b"copy")])
    with edited(tmp_path) as connection:
        (old,) = connection.execute("SELECT memory_kib, iterations, lanes, salt, sealed_key FROM lock").fetchall()
    store.change_passphrase(NEW, hardness=EASY)
    with edited(tmp_path) as connection:
        connection.execute("UPDATE lock SET memory_kib=?, iterations=?, lanes=?, salt=?, sealed_key=?", old)
    with pytest.raises(VerificationError, match=r"wallet\.damaged"):
        open_again(tmp_path).read()


def test_a_change_never_makes_a_guess_cheaper(tmp_path: Path) -> None:
    hard = Hardness(memory_kib=256, iterations=4, lanes=2)
    store = create_wallet_store(tmp_path / "wallet.db", PASSPHRASE, hardness=hard, entropy=os.urandom)
    store.change_passphrase(NEW, hardness=EASY)
    with edited(tmp_path) as connection:
        assert connection.execute("SELECT memory_kib, iterations, lanes FROM lock").fetchall() == [(256, 4, 1)]


def test_another_window_is_told_to_open_the_wallet_again(tmp_path: Path) -> None:
    store, again = sqlite(tmp_path)
    store.save([Change(COPY, None, b"fresh")])
    other = again()
    store.change_passphrase(NEW, hardness=EASY)
    with pytest.raises(Conflict, match=r"wallet\.relocked"):
        other.read()
    with pytest.raises(Conflict, match=r"wallet\.relocked"):
        other.save([Change(COPY, b"fresh", b"spent")])
    with pytest.raises(Conflict, match=r"wallet\.relocked"):
        other.change_passphrase(Secret(b"nine seals in lead"), hardness=EASY)
    assert open_again(tmp_path, NEW).read() == {COPY: b"fresh"}


def test_a_copy_is_not_sealed_anew_before_it_is_adopted(tmp_path: Path) -> None:
    store, again = sqlite(tmp_path)
    old = put_back(store, again, tmp_path)
    assert isinstance(old, SqliteWalletStore)
    with pytest.raises(Refused, match=r"wallet\.copied"):
        old.change_passphrase(NEW, hardness=EASY)
    assert open_again(tmp_path).read() == {COPY: b"fresh"}


def test_while_another_window_acts_the_passphrase_does_not_change(tmp_path: Path) -> None:
    store, again = sqlite(tmp_path)
    with store.acting(), pytest.raises(Conflict, match=r"wallet\.busy"):
        open_again(tmp_path).change_passphrase(NEW, hardness=EASY)
    assert again().read() == {}


# Files of the first release, before there were turns


def of_the_first_release(folder: Path) -> SqliteWalletStore:
    """A wallet as that release wrote it, opened by this one for the first time."""
    store = create_wallet_store(
        folder / "wallet.db", PASSPHRASE, hardness=EASY, entropy=os.urandom, entries={COPY: b"copy"}
    )
    salt, key = os.urandom(16), store._key
    context = encode(["diptych wallet 1 lock", salt, EASY.memory_kib, EASY.iterations, EASY.lanes])
    sealed = seal(derive_key(PASSPHRASE, salt=salt, hardness=EASY), key.reveal(), context=context, entropy=os.urandom)
    with edited(folder) as connection:
        connection.execute("UPDATE lock SET salt = ?, sealed_key = ?", (salt, sealed))
        connection.execute("DROP TABLE turn")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    (folder / "wallet.mark").unlink()
    shutil.copy2(folder / "wallet.db", folder / "first.db")
    return open_again(folder)


def test_a_file_of_the_first_release_opens_and_has_turns_from_then_on(tmp_path: Path) -> None:
    store = of_the_first_release(tmp_path)
    assert store.read() == {COPY: b"copy"}
    assert not store.is_copied()
    store.save([Change(COPY, b"copy", b"spent")])
    assert open_again(tmp_path).read() == {COPY: b"spent"}
    with edited(tmp_path) as connection:
        connection.execute("DELETE FROM turn")
    with pytest.raises(VerificationError, match=r"wallet\.damaged"):
        open_again(tmp_path).read()


def test_taking_over_a_file_of_the_first_release_can_be_interrupted(tmp_path: Path) -> None:
    of_the_first_release(tmp_path)
    shutil.copyfile(tmp_path / "first.db", tmp_path / "wallet.db")  # the mark is written, the commit is not
    assert not open_again(tmp_path).is_copied()


def test_a_file_of_the_first_release_that_is_put_back_later_is_a_copy(tmp_path: Path) -> None:
    store = of_the_first_release(tmp_path)
    store.save([Change(COPY, b"copy", b"spent")])
    shutil.copyfile(tmp_path / "first.db", tmp_path / "wallet.db")
    old = open_again(tmp_path)
    assert old.read() == {COPY: b"copy"}
    assert old.is_copied()


# A passphrase that is lost


def test_a_wallet_is_set_aside_as_it_is_and_its_place_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "wallet"
    folder.mkdir()
    store, _ = sqlite(folder)
    store.save([Change(COPY, None, b"copy")])
    aside = set_aside(folder / "wallet.db", "wallet-forgotten")
    assert aside == tmp_path / "wallet-forgotten"
    assert not folder.exists()
    found = open_again(aside)
    assert found.read() == {COPY: b"copy"}
    assert not found.is_copied()
    with pytest.raises(FormatError, match=r"wallet\.missing"):
        set_aside(folder / "wallet.db", "wallet-forgotten-again")


def test_a_wallet_in_use_is_not_set_aside_nor_over_another_folder(tmp_path: Path) -> None:
    folder = tmp_path / "wallet"
    folder.mkdir()
    store, _ = sqlite(folder)
    with store.acting(), pytest.raises(Conflict, match=r"wallet\.busy"):
        set_aside(folder / "wallet.db", "aside")
    (tmp_path / "aside").mkdir()
    with pytest.raises(Conflict, match=r"wallet\.aside"):
        set_aside(folder / "wallet.db", "aside")
    assert open_again(folder).read() == {}
