"""A log in a bad week: appends, crashes at any write, restarts, silent witnesses, restored backups, a second copy.

Whatever the order: what was acknowledged stays, no size has two roots, every checkpoint is of one history, and a log
that would have to break that stops instead.
"""

import contextlib
import copy

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from diptych.errors import Unavailable
from diptych.formats.tlog.checkpoint import Checkpoint, parse_signed_checkpoint
from diptych.formats.tlog.policy import verify_checkpoint
from diptych.roles.log.fakes import Death, MemoryLogStore, MemoryTileStore
from diptych.roles.log.model import Halted
from tests.formats.tlog_specimen import checkpoint_of
from tests.log_world import POLICY, URLS, World, audited, entries, entry, memory_world


class BadWeek(RuleBasedStateMachine):
    backups = Bundle("backups")

    @initialize()
    def begin(self) -> None:
        self.world, self.store, self.files, self.deaths = memory_world()
        self.acknowledged: dict[int, bytes] = {}
        self.public: dict[int, Checkpoint] = {}
        self.sent = 0
        self.is_halted = False
        self.world.start()
        self._note()

    def _try(self, *acts: bytes) -> None:
        with contextlib.suppress(Unavailable):
            try:
                if acts:
                    appended = self.world.append(*acts)
                    for act, receipt in zip(acts, appended.receipts, strict=True):
                        assert self.acknowledged.setdefault(receipt.index, act) == act
                else:
                    self.world.start()
            except Halted:
                self.is_halted = True
        self._note()

    def _note(self) -> None:
        shown = self.files.files.get("checkpoint")
        if shown is not None and not self.is_halted:
            checkpoint = verify_checkpoint(parse_signed_checkpoint(shown), policy=POLICY).checkpoint
            assert self.public.setdefault(checkpoint.size, checkpoint) == checkpoint

    @rule(count=st.sampled_from([1, 2, 30, 255, 300]))
    def append(self, count: int) -> None:
        first, self.sent = self.sent, self.sent + count
        self._try(*entries(first, self.sent))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def append_again(self, data: st.DataObject) -> None:
        self._try(entry(data.draw(st.integers(0, self.sent - 1))))

    @rule(after=st.integers(0, 6), death=st.sampled_from(Death))
    def will_die(self, after: int, death: Death) -> None:
        self.deaths.at = {self.deaths.writes + after: death}

    @rule()
    def is_killed(self) -> None:
        self.world.restarted()
        self.deaths.at = {}
        self._try()

    @rule(url=st.sampled_from(URLS))
    def a_witness_falls_silent(self, url: str) -> None:
        self.world.witnesses.silent.add(url)

    @rule(url=st.sampled_from(URLS))
    def a_witness_is_back(self, url: str) -> None:
        self.world.witnesses.silent.discard(url)

    @rule(data=st.data())
    def a_file_is_lost(self, data: st.DataObject) -> None:
        if self.files.files and not self.is_halted:
            del self.files.files[data.draw(st.sampled_from(sorted(self.files.files)))]
            self.world.restarted()
            self._try()

    @rule(target=backups)
    def back_up(self) -> tuple[MemoryLogStore, dict[str, bytes]]:
        kept = MemoryLogStore(list(self.store.kept), self.store.checkpoint, self.deaths)
        return kept, dict(self.files.files)

    @rule(backup=backups, with_files=st.booleans())
    def a_backup_is_restored(self, backup: tuple[MemoryLogStore, dict[str, bytes]], with_files: bool) -> None:
        """Played beside the real one, which goes on: whatever it publishes must be the one history."""
        held = self.store.kept, self.store.checkpoint, self.files.files
        store, files = copy.copy(backup[0]), dict(backup[1])
        self.store.kept, self.store.checkpoint = list(store.kept), store.checkpoint
        if with_files:
            self.files.files = files
        self.world.restarted()
        was_halted, self.is_halted = self.is_halted, False
        self._try(entry(1_000_000 + len(self.acknowledged)))
        if self.is_halted or not self._has_become_the_log():
            self.is_halted = was_halted
            self.store.kept, self.store.checkpoint, self.files.files = held
        elif not with_files:
            # What a dying log had written and never signed may lie there: its operator lets all of them be made anew.
            self.files.files = {path: data for path, data in self.files.files.items() if not path.startswith("tile/")}
        self.world.restarted()

    def _has_become_the_log(self) -> bool:
        """An old copy that nobody could tell from the real one: nothing was public beyond it."""
        signed = self.store.checkpoint
        return (
            signed is not None
            and signed.checkpoint.size >= max(self.public)
            and self.files.files.get("checkpoint") is not None
        )

    @rule()
    def a_second_copy_runs(self) -> None:
        twin = World(
            MemoryLogStore(list(self.store.kept), self.store.checkpoint),
            MemoryTileStore(dict(self.files.files)),
            now=self.world.now,
        )
        twin.witness_stores, twin.witnesses = self.world.witness_stores, self.world.witnesses
        with contextlib.suppress(Unavailable, Halted):
            twin.restarted().start(now=twin.now)
        shown = twin.files.read("checkpoint")
        if shown is not None:
            checkpoint = parse_signed_checkpoint(shown).checkpoint
            assert self.public.setdefault(checkpoint.size, checkpoint) == checkpoint
        if _signed(twin.store) > _signed(self.store):  # it signed first what both keep: it is the log from then on
            self.store.kept, self.store.checkpoint = list(twin.store.kept), twin.store.checkpoint
            self.files.files = dict(twin.files.files)
            self.world.restarted()

    @invariant()
    def what_was_acknowledged_stays(self) -> None:
        if self.is_halted:
            return
        for index, act in self.acknowledged.items():
            assert self.store.kept[index] == act

    @invariant()
    def every_public_checkpoint_is_of_one_history(self) -> None:
        if self.is_halted:
            return
        for size, checkpoint in self.public.items():
            assert checkpoint_of(self.store.kept[:size]) == checkpoint

    def teardown(self) -> None:
        """By itself, once the world is well again."""
        if self.is_halted:
            return
        self.deaths.at = {}
        self.world.witnesses.silent.clear()
        self.world.restarted()
        self.world.start()
        report = audited(self.files.files)
        assert report.is_verified, report.failure
        assert report.size == self.store.size()


def _signed(store: MemoryLogStore) -> int:
    return 0 if store.checkpoint is None else store.checkpoint.checkpoint.size


TestBadWeek = BadWeek.TestCase
TestBadWeek.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
