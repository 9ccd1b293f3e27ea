"""Two windows on one wallet's folder, processes at the same time: nothing is lost, shown twice or asked twice."""

import os
from collections.abc import Callable
from pathlib import Path

from diptych.adapters.storage.wallet import create_wallet_store, open_wallet_store
from diptych.crypto.passphrase import Hardness
from diptych.errors import Conflict, Unavailable
from diptych.private import Secret
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Event
from diptych.roles.wallet.ports import Change, Key, Kind
from diptych.roles.wallet.presenting import Consent
from diptych.roles.wallet.service import Wallet
from tests.journeys.test_wallet_killed import play_on_disk
from tests.play import Play

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
PASSPHRASE = Secret(b"seven seals in bronze")
COUNTER = Key(Kind.COPY, "1")
WINDOWS = 4
PERSISTENCE = 400


def together(*acts: Callable[[], None]) -> None:
    """Each in a process of its own; all of them end well."""
    children = []
    for act in acts:
        child = os.fork()
        if child == 0:
            try:
                act()
            except BaseException:  # only the parent judges
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(acts)


def patiently(act: Callable[[], None]) -> None:
    """Again and again, for as long as the other window is faster."""
    for _ in range(PERSISTENCE):
        try:
            return act()
        except (Conflict, Unavailable):
            continue
    raise AssertionError("the other window was always faster")


def window(play: Play, folder: Path) -> Wallet:
    play.store = open_wallet_store(folder / "wallet.db", PASSPHRASE, entropy=os.urandom, least=EASY)
    return play.new_wallet()


def test_what_each_window_saved_is_there_and_none_writes_over_another(tmp_path: Path) -> None:
    path = tmp_path / "wallet.db"
    create_wallet_store(path, PASSPHRASE, hardness=EASY, entropy=os.urandom, entries={COUNTER: b"0"})

    def count() -> None:
        store = open_wallet_store(path, PASSPHRASE, entropy=os.urandom, least=EASY)

        def add_one() -> None:
            current = store.read()[COUNTER]
            store.save([Change(COUNTER, current, str(int(current) + 1).encode())])

        for _ in range(5):
            patiently(add_one)

    together(*[count] * WINDOWS)
    store = open_wallet_store(path, PASSPHRASE, entropy=os.urandom, least=EASY)
    assert store.read() == {COUNTER: str(5 * WINDOWS).encode()}
    assert not store.is_copied()


def test_windows_that_renew_at_once_use_each_refresh_token_in_turn(tmp_path: Path) -> None:
    play = play_on_disk(tmp_path)
    play.receive()
    play.later(hours=1)  # past the access token: each renewal asks for another

    def renew() -> None:
        wallet = window(play, tmp_path)

        def once() -> None:
            assert wallet.renew("proof-of-age", now=play.now).failures == ()

        for _ in range(2):
            patiently(once)

    together(*[renew] * WINDOWS)
    wallet = window(play, tmp_path)
    assert wallet.show("proof-of-age", now=play.now).copies == 30
    assert sum(entry.event is Event.RENEWED for entry in wallet.history()) == 2 * WINDOWS
    assert play.town.issuer.store.incidents() == ()


def test_windows_that_show_at_once_never_show_one_copy_twice(tmp_path: Path) -> None:
    play = play_on_disk(tmp_path)
    play.receive()
    links = [play.ask("licence_name").link for _ in range(WINDOWS)]

    def show(number: int) -> None:
        wallet = window(play, tmp_path)
        plan = wallet.review(links[number], now=play.now)

        def once() -> None:
            wallet.prepare(plan, Consent(agrees=True), now=play.now)

        patiently(once)

    together(*[lambda number=number: show(number) for number in range(WINDOWS)])
    contents = Contents(window(play, tmp_path).store.read())
    licence = contents.copies(contents.document("driving-licence").id)
    assert sum(copy.is_spent for copy in licence) == WINDOWS


def test_while_one_window_renews_another_moves_nothing_and_changes_no_passphrase(tmp_path: Path) -> None:
    play = play_on_disk(tmp_path)
    play.receive()
    ready, go = os.pipe()
    done, told = os.pipe()

    def hold() -> None:
        with window(play, tmp_path).store.acting():
            os.write(told, b"!")
            os.read(ready, 1)

    def try_meanwhile() -> None:
        os.read(done, 1)
        store = open_wallet_store(tmp_path / "wallet.db", PASSPHRASE, entropy=os.urandom, least=EASY)
        try:
            store.change_passphrase(Secret(b"eight seals in wax"), hardness=EASY)
        except Conflict as error:
            is_busy = error.check == "wallet.busy"
        os.write(go, b"!")
        assert is_busy

    together(hold, try_meanwhile)
    assert window(play, tmp_path).list(now=play.now)
