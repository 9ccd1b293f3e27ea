"""Position 20: an old database of a role comes back, by mistake or by somebody who wants the past undone.

Each first wins: on a build that does not look, the old database is believed and answers. Then the real one notices
before it answers anybody. Restored openly: `tests/cli/test_wallet_life.py`, `tests/cli/test_backups.py`.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from diptych.errors import Refused
from diptych.formats.tlog.entry import ActorClass
from diptych.formats.tlog.role_state import RoleState, check_not_restored
from diptych.protocols.reading.files import entries_of, read_checkpoint
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.log.fakes import MemoryLogStore, MemoryTileStore
from diptych.roles.log.model import Halted
from diptych.roles.log.service import Log
from tests.log_world import POLICY, World, audited, entries

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


# Any role that records its states


@dataclass
class Role:
    """A role that writes to the log: its database is a counter, and where in the log it was recorded last."""

    world: World
    looks: bool = True
    counter: int = 0
    known: int = 0
    answered: list[str] = field(default_factory=list)

    def start(self) -> None:
        state = RoleState(ActorClass.ISSUER, WRITER, self.counter)
        if self.looks:
            check_not_restored(state, self._entries())
        state = state.next()
        self.counter = state.counter
        (receipt,) = self.world.append(
            state.entry(day=self.world.now.date(), policy_hash=POLICY.digest).encode()
        ).receipts
        self.known = receipt.index
        self.answered.append("a code is redeemed")

    def _entries(self) -> Iterator[bytes]:
        files = MemoryLogFiles(self.world.files.files)  # type: ignore[attr-defined]
        if self.world.log.published is None:
            return iter(())
        now = read_checkpoint(files, policy=POLICY)
        return (entry for _, entry in entries_of(files, now, start=self.known))


@pytest.mark.parametrize("days", [1, 5])
def test_an_old_database_of_a_role_is_stopped_by_its_own_states_in_the_log(days: int) -> None:
    for looks in (False, True):
        role = Role(World(), looks=looks)
        role.start()
        yesterday = copy.copy(role)
        yesterday.answered = []
        for _ in range(days):
            role.world.append(*entries(len(role.answered) * 10, len(role.answered) * 10 + 3))
            role.start()
        if looks:
            with pytest.raises(Refused, match="old copy"):
                yesterday.start()
            assert yesterday.answered == []
            role.start()  # the newest goes on
        else:
            yesterday.start()
            assert yesterday.answered == ["a code is redeemed"]  # the attack works: what was spent is spent again
