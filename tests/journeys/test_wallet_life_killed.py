"""A wallet's life under kill -9: at every write of a change of passphrase, a backup, a move, a return, a save.

strace ends a process of its own as it enters a write. What is left on disk is then opened by somebody who comes after.
Of writes of a page there are many alike: CRASH_EVERY_WRITE=1 tries them all, else as many as a quick run has time for.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from diptych.adapters.backup_file import BackupFile, read_backup_file
from diptych.adapters.storage.wallet import SqliteWalletStore, create_wallet_store, expect_no_wallet, open_wallet_store
from diptych.crypto.passphrase import Hardness
from diptych.errors import Conflict, Refused
from diptych.private import Secret
from diptych.roles.wallet.backup import Backup, open_backup, parse_backup
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.leaving import Leaving
from diptych.roles.wallet.model import Life
from diptych.roles.wallet.ports import Change, Key, Kind
from diptych.roles.wallet.returning import Returning, restored
from tests.issuing import NOW
from tests.play import Play

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
OLD, NEW, BACKUP = Secret(b"seven seals in bronze"), Secret(b"eight seals in wax"), Secret(b"another seal entirely")
CALLS = "pwrite64,write,ftruncate,fsync,fdatasync,link,rename,unlink"
MOST_ALIKE = 12
COPY = Key(Kind.COPY, "1")


@dataclass(frozen=True)
class Act:
    """Something done to a wallet in `folder` by a process that may be killed."""

    prepare: Callable[[Path], None]
    do: Callable[[Path], None]


@pytest.fixture(scope="module", autouse=True)
def _strace_is_there() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is absent: apt-get install strace")
    if subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here (CAP_SYS_PTRACE)")


@pytest.fixture(scope="module")
def entries() -> dict[Key, bytes]:
    """A wallet with documents in it, few enough to be sealed anew in a moment."""
    play = Play()
    play.receive()
    found = Contents(play.store.read())
    for document in found.documents():
        for copy in found.copies(document.id)[1:]:
            found.remove_copy(copy)
    return found.entries()


def opened(folder: Path, passphrase: Secret = OLD) -> SqliteWalletStore:
    return open_wallet_store(folder / "wallet.db", passphrase, entropy=os.urandom, least=EASY)


def in_a_child(act: Callable[[], None], log: Path, *options: str) -> bool:
    """Whether a process of its own that did that under strace lived to its end."""
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)
        try:
            act()
        except BaseException:  # only the parent judges
            os._exit(1)
        os._exit(0)
    os.close(ready)
    with (log.with_suffix(".said")).open("wb") as said:
        tracer = subprocess.Popen(
            ["strace", "-o", str(log), "-e", f"trace={CALLS}", *options, "-p", str(child)], stderr=said
        )
    deadline = time.monotonic() + 20
    while b"attached" not in log.with_suffix(".said").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.write(go, b"!")
    os.close(go)
    status = os.waitpid(child, 0)[1]
    tracer.wait()
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "it failed by itself"
    return not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)


def chosen(count: int) -> list[int]:
    """Which of so many writes of a kind."""
    if count <= MOST_ALIKE or os.environ.get("CRASH_EVERY_WRITE"):
        return list(range(1, count + 1))
    return [1 + round(step * (count - 1) / (MOST_ALIKE - 1)) for step in range(MOST_ALIKE)]


def at_every_write(folder: Path, act: Act, check: Callable[[Path, str], None]) -> int:
    """Do it, killed at each write in turn, and let `check` look at what is left; how many writes that were."""
    log = folder / "trace"
    place = folder / "dry"
    act.prepare(place)
    assert in_a_child(partial(act.do, place), log)
    counted = Counter(re.findall(r"^(\w+)\(", log.read_text(errors="replace"), re.MULTILINE))
    check(place, "not at all")
    number = 0
    for name, count in counted.items():
        for when in chosen(count):
            number += 1
            place = folder / f"{number}"
            act.prepare(place)
            lived = in_a_child(partial(act.do, place), log, "-e", f"inject={name}:signal=KILL:when={when}")
            check(place, f"{name} {when} of {count}{' (lived)' if lived else ''}")
            shutil.rmtree(place)
    assert number >= 4
    return number


def make(folder: Path, entries: dict[Key, bytes]) -> None:
    folder.mkdir()
    create_wallet_store(folder / "wallet.db", OLD, hardness=EASY, entropy=os.urandom, entries=entries)


def test_a_change_of_passphrase_leaves_the_old_or_the_new_one_and_never_neither(
    tmp_path: Path, entries: dict[Key, bytes]
) -> None:
    worked: Counter[str] = Counter()

    def check(place: Path, moment: str) -> None:
        opening = []
        for passphrase in (OLD, NEW):
            try:
                store = opened(place, passphrase)
            except Refused:
                continue
            opening.append(passphrase)
            assert store.read() == entries, moment
            assert not store.is_copied(), moment
            store.save([Change(COPY, None, b"goes on")])
        assert len(opening) == 1, moment
        worked["new" if opening == [NEW] else "old"] += 1

    act = Act(lambda place: make(place, entries), lambda place: opened(place).change_passphrase(NEW, hardness=EASY))
    at_every_write(tmp_path, act, check)
    assert worked["old"] > 1
    assert worked["new"] > 1


def test_a_save_is_there_or_not_and_the_file_is_never_taken_for_a_copy(
    tmp_path: Path, entries: dict[Key, bytes]
) -> None:
    def save(place: Path) -> None:
        opened(place).save([Change(COPY, None, b"fresh")])

    def check(place: Path, moment: str) -> None:
        store = opened(place)
        found = dict(store.read())
        assert found.pop(COPY, b"fresh") == b"fresh", moment
        assert found == entries, moment
        assert not store.is_copied(), moment
        # What is put back from here on is one, if only a single save old.
        shutil.copyfile(place / "wallet.db", place / "old.db")
        store.save([Change(Key(Kind.COPY, "2"), None, b"later")])
        shutil.copyfile(place / "old.db", place / "wallet.db")
        assert opened(place).is_copied(), moment

    at_every_write(tmp_path, Act(lambda place: make(place, entries), save), check)


def is_made(place: Path) -> bool:
    try:
        expect_no_wallet(place / "wallet.db")
    except Conflict:
        return True
    return False


def test_a_wallet_is_restored_whole_or_can_be_restored_again(tmp_path: Path, entries: dict[Key, bytes]) -> None:
    backup = Backup(NOW, True, entries)

    def restore(place: Path) -> None:
        found = restored(backup, now=NOW, entropy=os.urandom)
        create_wallet_store(place / "wallet.db", OLD, hardness=EASY, entropy=os.urandom, entries=found)

    def check(place: Path, moment: str) -> None:
        if not is_made(place):
            restore(place)
        store = opened(place)
        assert entries.items() <= store.read().items(), moment
        assert not store.is_copied(), moment
        store.save([Change(COPY, None, b"goes on")])

    at_every_write(tmp_path, Act(lambda place: place.mkdir(), restore), check)


def is_backup(path: Path, entries: dict[Key, bytes]) -> bool:
    """Whether there is a whole backup of that name; half of one never has it."""
    if not path.exists():
        return False
    found = open_backup(parse_backup(read_backup_file(path)), BACKUP, least=EASY)
    assert entries.items() <= found.entries.items()
    return True


def test_a_backup_is_whole_or_has_no_name_and_the_wallet_lives(tmp_path: Path, entries: dict[Key, bytes]) -> None:
    def back_up(place: Path) -> None:
        Leaving(opened(place), os.urandom, EASY).back_up(BackupFile(place / "file"), BACKUP, now=NOW)

    def check(place: Path, moment: str) -> None:
        assert Contents(opened(place).read()).standing().life is Life.LIVE, moment
        if not is_backup(place / "file", entries):
            back_up(place)
            assert is_backup(place / "file", entries), moment

    at_every_write(tmp_path, Act(lambda place: make(place, entries), back_up), check)


def test_a_move_never_leaves_two_wallets_that_live_nor_none(tmp_path: Path, entries: dict[Key, bytes]) -> None:
    seen: set[Life] = set()

    def move(place: Path) -> None:
        Leaving(opened(place), os.urandom, EASY).move(BackupFile(place / "file"), BACKUP, now=NOW)

    def check(place: Path, moment: str) -> None:
        life = Contents(opened(place).read()).standing().life
        seen.add(life)
        has_file = is_backup(place / "file", entries)
        assert not (has_file and life in (Life.LIVE, Life.LEAVING)), moment
        assert has_file or life is not Life.MOVED, moment
        if life is not Life.MOVED:
            move(place)
        assert Contents(opened(place).read()).standing().life is Life.MOVED, moment
        assert is_backup(place / "file", entries), moment

    at_every_write(tmp_path, Act(lambda place: make(place, entries), move), check)
    assert seen == set(Life)


def test_an_interrupted_move_can_be_undone_where_nobody_can_have_the_file(
    tmp_path: Path, entries: dict[Key, bytes]
) -> None:
    def begin(place: Path) -> None:
        make(place, entries)
        contents = Contents(opened(place).read())
        leaving = Leaving(opened(place), os.urandom, EASY)
        leaving._stand(contents, Life.LEAVING, NOW)
        BackupFile(place / "file").keep(b"half of a file")

    def cancel(place: Path) -> None:
        Leaving(opened(place), os.urandom, EASY).cancel(BackupFile(place / "file"))

    def check(place: Path, moment: str) -> None:
        life = Contents(opened(place).read()).standing().life
        if life is Life.LEAVING:
            cancel(place)
        else:
            assert life is Life.LIVE, moment
        assert not (place / "file").exists(), moment
        assert not list(place.glob(".file*")), moment

    at_every_write(tmp_path, Act(begin, cancel), check)


def test_a_copy_that_is_adopted_is_adopted_whole_or_still_a_copy(tmp_path: Path, entries: dict[Key, bytes]) -> None:
    def put_back(place: Path) -> None:
        make(place, entries)
        shutil.copyfile(place / "wallet.db", place / "old.db")
        opened(place).save([Change(COPY, None, b"since then")])
        shutil.copyfile(place / "old.db", place / "wallet.db")

    def adopt(place: Path) -> None:
        Returning(opened(place), os.urandom).adopt(is_newest=False, now=NOW)

    def check(place: Path, moment: str) -> None:
        store = opened(place)
        if store.is_copied():
            adopt(place)
            store = opened(place)
        contents = Contents(store.read())
        copies = [copy for document in contents.documents() for copy in contents.copies(document.id)]
        assert copies, moment
        assert all(copy.is_spent for copy in copies), moment
        assert not store.is_copied(), moment

    at_every_write(tmp_path, Act(put_back, adopt), check)
