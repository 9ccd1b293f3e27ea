"""Position 20: an old database of a role comes back, by mistake or by somebody who wants the past undone.

Each first wins: on a build that does not look, the old database is believed and answers. Then the real one notices
before it answers anybody. Restored openly: `tests/cli/test_wallet_life.py`, `tests/cli/test_backups.py`.
"""

import copy
import shutil
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import pytest

from diptych.adapters.storage.coming_back import make_void
from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.errors import DiptychError, Refused, Unavailable
from diptych.formats.tlog.entry import ActorClass
from diptych.protocols.openid4vci.offer import CredentialOffer
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.protocols.reading.states import KeptState, PublicStates
from diptych.roles.log.fakes import MemoryLogStore, MemoryTileStore
from diptych.roles.log.model import Halted
from diptych.roles.log.service import Log
from tests.formats.tlog_specimen import NOW, ORIGIN
from tests.issuing import TinyWallet, Town
from tests.log_world import POLICY, World, audited, entries
from tests.recording import RecordingInProcess

WRITER = bytes(range(32))


class ForgetfulLog(Log):
    """The weakened build: a log that does not ask its witnesses what they have seen of it."""

    def _ask_what_was_seen(self, now: datetime) -> None:
        self._has_asked = True


def restored(world: World, build: type[Log] = Log) -> World:
    """The machine burned down after ten more acts, and yesterday's copy was put into its place."""
    store, files = world.store, world.files
    assert isinstance(store, MemoryLogStore)
    assert isinstance(files, MemoryTileStore)
    old = World(
        MemoryLogStore(list(store.kept), store.checkpoint),
        MemoryTileStore(dict(files.files)),
        now=world.now,
        witness_stores=world.witness_stores,
    )
    world.append(*entries(10, 20))
    old.now = world.now
    old.log = build(signers=old.log._signers, policy=POLICY, store=old.store, files=old.files, witnesses=old.witnesses)
    return old


def test_an_old_database_of_the_log_is_stopped_by_its_witnesses_before_it_signs() -> None:
    world = World()
    world.append(*entries(0, 10))
    forgetful = restored(world, ForgetfulLog)
    with pytest.raises(Halted):  # it has signed a second history before the witnesses' refusal makes it look
        forgetful.append(*entries(50, 60))
    assert isinstance(world.store, MemoryLogStore)
    assert isinstance(forgetful.store, MemoryLogStore)
    assert forgetful.store.checkpoint is not None
    assert world.store.checkpoint is not None
    theirs, ours = forgetful.store.checkpoint.checkpoint, world.store.checkpoint.checkpoint
    assert (theirs.size, theirs.root == ours.root) == (ours.size, False)  # two roots of one size, under the log's keys

    world = World()
    world.append(*entries(0, 10))
    old = restored(world)
    assert isinstance(old.store, MemoryLogStore)
    before = old.store.checkpoint
    for _ in range(2):
        with pytest.raises(Halted) as halted:
            old.append(*entries(50, 60))
        assert halted.value.check == "log.rolled_back"
    assert old.store.checkpoint == before  # nothing was signed
    assert audited(world.files.files).size == 20  # type: ignore[attr-defined]


def test_an_old_database_of_a_witness_cannot_be_led_onto_another_history_by_an_honest_log() -> None:
    world = World()
    world.append(*entries(0, 10))
    old = copy.deepcopy(world.witness_stores[0])
    world.append(*entries(10, 20))
    world.witness_stores[0].kept = old.kept  # it cosigned size 20, and has forgotten it
    world.restarted()
    world.append(*entries(20, 30))  # told its old size, it gets a proof from there, and goes on along the one history
    assert audited(world.files.files).is_verified  # type: ignore[attr-defined]


# The issuer, on SQLite


@dataclass
class Machine:
    """An issuer's machine: its database is a file, which can be copied and put back."""

    folder: Path
    recorder: RecordingInProcess = field(default_factory=RecordingInProcess)
    looks: bool = True

    def states(self) -> PublicStates:
        return PublicStates(
            ActorClass.ISSUER,
            self.store,
            self.recorder.record,
            POLICY,
            ORIGIN,
            WRITER,
            MemoryLogFiles(self.recorder.world.files.files),  # type: ignore[attr-defined]
        )

    def start(self) -> None:
        """As `serve issuer` does, before it listens."""
        self.engine = open_database(self.folder / "issuer.sqlite", ROLE)
        self.store = DatabaseIssuerStore(self.engine)
        if self.looks:
            self.states().check()
        self.states().count_start(NOW)
        self.states().record_due(NOW)
        self.town.issuer = replace(self.town.issuer, store=self.store)

    def stop(self) -> None:
        self.engine.dispose()

    @cached_property
    def town(self) -> Town:
        return Town(store=self.store, log=self.recorder.public_log)

    def copy(self, name: str) -> None:
        self.stop()
        shutil.copy(self.folder / "issuer.sqlite", self.folder / name)

    def put_back(self, name: str) -> None:
        self.stop()
        shutil.copy(self.folder / name, self.folder / "issuer.sqlite")


def counted(machine: Machine) -> KeptState:
    with machine.store.transaction() as state:
        return state.kept_state()


def after_a_code_was_spent(machine: Machine, starts: int = 1) -> tuple[CredentialOffer, str]:
    """A copy is taken, the issuer started again, a code redeemed and its document issued, and the copy put back."""
    machine.start()
    offer, tx_code = machine.town.order()
    machine.copy("old")
    for _ in range(starts):
        machine.start()
        machine.stop()
    machine.start()
    wallet = TinyWallet(machine.town)
    wallet.obtain(wallet.redeem(offer, tx_code))
    machine.copy("newest")
    machine.put_back("old")
    return offer, tx_code


def test_an_issuer_that_does_not_look_lets_a_spent_code_be_spent_again(tmp_path: Path) -> None:
    machine = Machine(tmp_path, looks=False)
    offer, tx_code = after_a_code_was_spent(machine)
    machine.start()
    thief = TinyWallet(machine.town)
    assert thief.redeem(offer, tx_code).access_token  # the attack works: another wallet, the same code


@pytest.mark.parametrize("starts", [0, 1, 20])
def test_an_old_database_of_the_issuer_is_stopped_by_its_own_states_in_the_log(tmp_path: Path, starts: int) -> None:
    machine = Machine(tmp_path)
    after_a_code_was_spent(machine, starts)
    before = machine.recorder.world.store.size()
    for _ in range(2):  # trying again does not wear it down
        with pytest.raises(Refused) as refused:
            machine.start()
        assert refused.value.check == "role.rolled_back"
    assert machine.recorder.world.store.size() == before
    machine.put_back("newest")
    machine.start()


def test_a_database_that_is_gone_altogether_is_an_old_one(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    after_a_code_was_spent(machine)
    machine.stop()
    for path in tmp_path.glob("issuer.sqlite*"):
        path.unlink()
    with pytest.raises(Refused, match="old copy"):
        machine.start()


def test_a_database_that_came_back_openly_goes_on_from_the_logs_count(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    offer, tx_code = after_a_code_was_spent(machine)
    make_void(tmp_path / "issuer.sqlite", keep_renewals=False, now=NOW)
    machine.start()
    assert counted(machine) == KeptState(4, NOW.date(), log=ORIGIN, seen=counted(machine).seen)
    with pytest.raises(DiptychError):
        TinyWallet(machine.town).redeem(offer, tx_code)
    machine.stop()
    machine.put_back("old")
    with pytest.raises(Refused):  # once is not for ever
        machine.start()


def test_a_log_that_shows_less_than_it_did_or_nothing_that_holds_starts_nobody(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.start()
    machine.stop()
    files = machine.recorder.world.files
    assert isinstance(files, MemoryTileStore)
    checkpoint = files.files.pop("checkpoint")
    with pytest.raises(Refused) as refused:
        machine.start()
    assert refused.value.check == "role.log_behind"
    files.files["checkpoint"] = checkpoint[:-20] + bytes(20)
    with pytest.raises(DiptychError):
        machine.start()
    files.files["checkpoint"] = checkpoint
    machine.start()


def test_a_state_that_does_not_stand_yet_is_recorded_before_there_is_a_next_one(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for _ in range(3):
        machine.recorder.loses = [Unavailable("recorder.unreachable", "")]
        with pytest.raises(Unavailable):
            machine.start()
        assert (counted(machine).counter, counted(machine).is_recorded) == (1, False)
        machine.stop()
    machine.start()
    assert (counted(machine).counter, counted(machine).is_recorded) == (1, True)


def test_a_state_is_recorded_once_a_day(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.start()
    asked = machine.recorder.asked
    machine.states().record_due(NOW)
    assert machine.recorder.asked == asked
    machine.recorder.world.now += timedelta(days=1)
    machine.states().record_due(NOW + timedelta(days=1))
    assert (counted(machine).counter, machine.recorder.asked) == (2, asked + 1)
