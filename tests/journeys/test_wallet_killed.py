"""The wallet's process is killed with SIGKILL at every write and after every answer; started again, it goes on."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.adapters.storage.wallet import create_wallet_store, open_wallet_store
from diptych.crypto.passphrase import Hardness
from diptych.errors import Conflict
from diptych.private import Secret
from tests.issuing import Town
from tests.play import Play, catalogue

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
PASSPHRASE = Secret(b"seven seals in bronze")
WRITES = 8
ANSWERS = 10


class Dying:
    """A store or a line that kills its own process at one of the calls of `method` (or of any)."""

    def __init__(self, inner: object, method: str | None, position: int, *, before: bool) -> None:
        self.inner = inner
        self.method = method
        self.left = position
        self.before = before

    def __getattr__(self, name: str) -> Callable[..., object]:
        found: Callable[..., object] = getattr(self.inner, name)
        if self.method not in (None, name):
            return found

        def call(*arguments: object, **named: object) -> object:
            is_the_end, self.left = self.left == 0, self.left - 1
            if is_the_end and self.before:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = found(*arguments, **named)
            if is_the_end:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


def play_on_disk(folder: Path) -> Play:
    """Issuer and wallet each with their database, so that what one process saved the next one sees."""
    issuer_store = DatabaseIssuerStore(open_database(folder / "issuer.db", ROLE))
    store = create_wallet_store(folder / "wallet.db", PASSPHRASE, hardness=EASY, entropy=os.urandom)
    return Play(store=store, town=Town(catalogue=catalogue(), store=issuer_store, entropy=os.urandom))


def killed(act: Callable[[], object]) -> bool:
    """Whether a process of its own was killed while it did that."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def go_on(play: Play, folder: Path, link: str, tx_code: Secret) -> None:
    """The next start of the wallet, with the same offer: everything is there, once, and nobody was cheated."""
    play.store = open_wallet_store(folder / "wallet.db", PASSPHRASE, entropy=os.urandom, least=EASY)
    wallet = play.new_wallet()
    try:
        wallet.accept(link, tx_code, now=play.now)
    except Conflict as error:
        if error.check != "wallet.already_accepted":
            raise
    held = {found.document.configuration_id: found.copies for found in wallet.list(now=play.now)}
    assert held == {"driving-licence": 10, "proof-of-age": 30, "driving-entitlement": 10}
    assert wallet.renew("proof-of-age", now=play.now).failures == ()
    assert play.town.issuer.store.incidents() == ()


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("position", range(WRITES))
def test_killed_at_any_write_the_wallet_goes_on(tmp_path: Path, position: int, before: bool) -> None:
    play = play_on_disk(tmp_path)
    approval = play.approve()
    link = approval.offer.link()
    honest = play.store
    play.store = Dying(honest, "save", position, before=before)
    dying = play.new_wallet()
    assert killed(lambda: dying.accept(link, approval.tx_code, now=play.now))
    go_on(play, tmp_path, link, approval.tx_code)


@pytest.mark.parametrize("position", range(ANSWERS))
def test_killed_after_any_answer_the_wallet_goes_on(tmp_path: Path, position: int) -> None:
    play = play_on_disk(tmp_path)
    approval = play.approve()
    link = approval.offer.link()
    line = play.issuer_line.line
    play.issuer_line.line = Dying(line, None, position, before=False)
    assert killed(lambda: play.wallet.accept(link, approval.tx_code, now=play.now))
    play.issuer_line.line = line
    go_on(play, tmp_path, link, approval.tx_code)
