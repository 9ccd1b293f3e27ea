"""How far a role has come, said in the public log: an old database that is put back is noticed before it answers.

    start: [log's files: no state later than the database's] -> [counter + 1 kept] -> the log -> [known to stand]
    daily:                                                      [counter + 1 kept] -> the log -> [known to stand]

In brackets what fails closed or is one transaction. docs/spec/recording.md, "A role's state".
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from diptych.errors import Refused
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.entry import ActorClass, Entry
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, verify_checkpoint
from diptych.formats.tlog.proof import LogProof
from diptych.formats.tlog.role_state import RoleState, check_not_restored, latest_state
from diptych.protocols.reading.files import CHECKPOINT, LogFiles, entries_of


@dataclass(frozen=True)
class KeptState:
    """How far a role has come in public: its last `role_state` (docs/spec/recording.md); 0 before the first."""

    counter: int = 0
    day: date = date.min
    is_recorded: bool = True
    """Whether it is known to stand in the log. Until it does, there is no next one."""
    log: str = ""
    """The origin of the log that the last recorded one stands in."""
    seen: int = 0
    """So many entries that log had with it: none of them is a later state."""
    is_restored: bool = False
    """The database came back, and the operator said so: the next start takes the counter from the log."""


class StateKeeper(Protocol):
    """A role's memory inside one transaction."""

    def kept_state(self) -> KeptState:
        """The role's last state in public, this transaction's until it ends."""
        ...

    def keep_state(self, kept: KeptState) -> None:
        """Replace it."""
        ...


class StateStore(Protocol):
    """A role's memory."""

    def transaction(self) -> AbstractContextManager[StateKeeper]:
        """Everything or nothing: durable when the block ends, undone when it raises."""
        ...


@dataclass(frozen=True)
class PublicStates:
    """The states of the role whose key `writer` is the fingerprint of, in the log called `origin`."""

    actor: ActorClass
    store: StateStore
    record: Callable[[Sequence[Entry]], Sequence[LogProof]]
    """Into that log, in the role's name: a verified receipt for each entry. Twice is once."""
    policy: Policy
    origin: str
    writer: bytes
    files: LogFiles

    def check(self) -> None:
        """Before anything is served: `Refused` "role.rolled_back" if the log knows more of this role.

        A database that came back openly takes the counter from the log instead. `DiptychError` where the log's files
        cannot be read or do not hold: nobody knows then how old the database is.
        """
        # The log before the database: whatever stands there by now was kept before it was submitted.
        now = self._checkpoint()
        with self.store.transaction() as state:
            kept = state.kept_state()
        known, latest = self._state(kept), latest_state(self._state(kept), self._entries_since(kept, now))
        if not kept.is_restored:
            check_not_restored(known, latest)
            return
        with self.store.transaction() as state:
            taken = replace(state.kept_state(), is_restored=False)
            if latest.counter > taken.counter:
                taken = replace(taken, counter=latest.counter, is_recorded=True)
            state.keep_state(taken)

    def count_start(self, now: datetime) -> None:
        """Keep the state of this start, to be recorded; unless one still waits, which then is this one's."""
        with self.store.transaction() as state:
            kept = state.kept_state()
            if kept.is_recorded:
                state.keep_state(_next(kept, now.date()))

    def record_due(self, now: datetime) -> None:
        """Record the state that waits, or today's if there is none yet; run it now and then. Again is once."""
        with self.store.transaction() as state:
            kept = state.kept_state()
            if kept.is_recorded:
                if kept.day >= now.date():
                    return
                kept = _next(kept, now.date())
                state.keep_state(kept)
        entry = self._state(kept).entry(day=kept.day, policy_hash=self.policy.digest)
        (receipt,) = self.record([entry])
        with self.store.transaction() as state:
            if state.kept_state() == kept:  # another process may have been here, and further
                state.keep_state(replace(kept, is_recorded=True, log=self.origin, seen=receipt.index + 1))

    def _state(self, kept: KeptState) -> RoleState:
        return RoleState(self.actor, self.writer, kept.counter)

    def _checkpoint(self) -> VerifiedCheckpoint | None:
        data = self.files.read(CHECKPOINT, max_bytes=MAX_NOTE_BYTES)
        # A log in which nothing was recorded has none yet.
        return None if data is None else verify_checkpoint(parse_signed_checkpoint(data), policy=self.policy)

    def _entries_since(self, kept: KeptState, now: VerifiedCheckpoint | None) -> Iterator[bytes]:
        seen = kept.seen if kept.log == self.origin else 0
        if (0 if now is None else now.checkpoint.size) < seen:
            raise Refused(
                "role.log_behind",
                f"the public log shows less than the {seen} entries that it had when this {self.actor.word} last "
                "recorded its state: ask its operator, and start when it shows all",
            )
        return iter(()) if now is None else (entry for _, entry in entries_of(self.files, now, start=seen))


def _next(kept: KeptState, day: date) -> KeptState:
    return replace(kept, counter=kept.counter + 1, day=day, is_recorded=False)
