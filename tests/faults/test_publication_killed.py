"""The issuer is killed (SIGKILL) anywhere between an officer's word and the lists that say so: nothing is half said."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.adapters.storage.issuer_status import DatabaseStatusBook
from diptych.formats.order.signed import officer_fingerprint
from diptych.formats.order.standing import Standing, StandingOrder, sign
from diptych.formats.status_list import token
from diptych.formats.status_list.lists import Status
from tests.issuing import TinyWallet, Town
from tests.roles.issuer.test_standings import references

STEPS = ("hold", "numbers", "waiting", "flip", "save_standing", "flipped", "publish")
"""What publishing does in its transaction, in this order; each of them several times in some runs."""


class Scene:
    """A suspended licence whose lists do not say so yet."""

    def __init__(self, folder: Path) -> None:
        self.location = folder / "issuer.sqlite"
        self.town = Town(store=DatabaseIssuerStore(open_database(self.location, ROLE)))
        wallet = TinyWallet(self.town)
        self.licence = wallet.obtain(wallet.redeem(*self.town.order()))
        with self.town.store.transaction() as state:
            (order,) = set(self._orders(state))
        self.order_id = order
        said = StandingOrder(
            order,
            self.town.url,
            officer_fingerprint(self.town.officer.public_key),
            Standing.SUSPENDED,
            "lost",
            self.town.now,
        )
        message = sign(said, signer=self.town.officer)
        self.town.issuer.accept_standing(message, now=self.town.now, entropy=self.town.entropy)
        self.town.now += timedelta(minutes=10)

    @staticmethod
    def _orders(state: object) -> list[bytes]:
        import sqlalchemy as sa

        rows = state._connection.execute(sa.text("SELECT order_id FROM orders"))  # type: ignore[attr-defined]
        return [bytes(row.order_id) for row in rows]

    def said(self) -> tuple[set[int], bool]:
        """What the present list says of the copies, and whether the standing is in force."""
        with self.town.store.transaction() as state:
            standing = state.status.standing(self.order_id)
            published = state.status.published(1)
        assert standing is not None
        assert published is not None
        cwt, jwt = (token.parse_cwt(published.cwt).unverified, token.parse_jwt(published.jwt).unverified)
        assert cwt == jwt
        return {cwt.status_list.at(one.index) for one in references(self.licence)}, standing.is_in_force

    def publish(self) -> None:
        self.town.issuer.publish_status_lists(now=self.town.now)


def killed_in(task: Callable[[], None]) -> bool:
    """Do it in a child; whether it was killed there."""
    child = os.fork()
    if child == 0:
        try:
            task()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_old_version_stands_whole_and_the_next_run_publishes(
    tmp_path: Path, step: str, when: str
) -> None:
    scene = Scene(tmp_path)
    honest = getattr(DatabaseStatusBook, step)

    def deadly(*given: object) -> object:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = honest(*given)
        os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def publish_and_die() -> None:
        setattr(DatabaseStatusBook, step, deadly)
        scene.publish()

    assert killed_in(publish_and_die)
    assert scene.said() == ({Status.VALID}, False)
    scene.publish()
    assert scene.said() == ({Status.SUSPENDED}, True)


def test_killed_after_the_version_was_saved_it_is_there_and_not_made_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    def publish_and_die() -> None:
        scene.publish()
        os.kill(os.getpid(), signal.SIGKILL)

    assert killed_in(publish_and_die)
    assert scene.said() == ({Status.SUSPENDED}, True)
    with scene.town.store.transaction() as state:
        before = state.status.published(1)
    scene.publish()
    with scene.town.store.transaction() as state:
        assert state.status.published(1) == before
