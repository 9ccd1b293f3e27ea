"""How far a role has come, said in public: an old database that comes back meets what it has forgotten.

The act is a function of the writer's key and a counter, so that a role recognises acts of a future that its database
does not know (docs/spec/recording.md). Counting, recording and refusing to start are left to the role.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from diptych.errors import FormatError, Refused
from diptych.formats.tlog.act import SALT_BYTES, Act, CommittedAct, Detail
from diptych.formats.tlog.entry import HASH_BYTES, ActorClass, ActType, Entry, parse_entry
from diptych.formats.tlog.lines import MAX_NUMBER
from diptych.private import Personal, Secret

LOOK_AHEAD = 16
"""Counters are recorded one after the other: the next one is there if any later one is. Some more, for a gap."""


@dataclass(frozen=True)
class RoleState:
    """A role, by its writer's fingerprint (docs/spec/recording.md), and how many of its states it has recorded."""

    actor: ActorClass
    writer: bytes
    counter: int

    def __post_init__(self) -> None:
        if len(self.writer) != HASH_BYTES or not 0 <= self.counter <= MAX_NUMBER:
            raise FormatError("tlog.role_state", "a role's state has a writer's fingerprint and a counter")

    def next(self, by: int = 1) -> "RoleState":
        """The state to record next: keep its counter, durably, before it is submitted."""
        return RoleState(self.actor, self.writer, self.counter + by)

    def entry(self, *, day: date, policy_hash: bytes) -> Entry:
        """The entry that records it on that day. Its act hides nothing: the salt is zeros."""
        state = hashlib.sha256(b"diptych role state 1\n" + self.writer + self.counter.to_bytes(8, "big")).digest()
        details: Mapping[str, Detail] = {"role": self.actor.word, "counter": self.counter, "state": state}
        act = Act(ActType.ROLE_STATE, day, self.actor, Personal(details))
        return CommittedAct(act, Secret(bytes(SALT_BYTES))).entry(policy_hash=policy_hash)


def latest_state(state: RoleState, entries: Iterable[bytes]) -> RoleState:
    """The role's latest state in the log's `entries`, or `state` where none is later.

    Verifying that the entries stand in the log, and are all since the state that the role's database knows, is the
    caller's (`protocols.reading.files.entries_of`).
    """
    for data in entries:
        entry = parse_entry(data)
        if (entry.act_type, entry.actor) != (ActType.ROLE_STATE, state.actor):
            continue
        for ahead in range(1, LOOK_AHEAD + 1):
            if state.next(ahead).entry(day=entry.day, policy_hash=entry.policy_hash) == entry:
                state = state.next(ahead)
                break
    return state


def check_not_restored(state: RoleState, latest: RoleState) -> None:
    """Raises `Refused` if the log's `latest_state` is beyond `state`, which the role's database has last.

    Then the database is an old one, or another process of this role runs on another.
    """
    if latest.counter > state.counter:
        raise Refused(
            "role.rolled_back",
            f"the public log has state {latest.counter} of this {state.actor.word}, and this database knows "
            f"{state.counter}: it is an old copy. Put the newest one back, and never run two. If there is no newer, "
            "restore it openly, as the operator's page says",
        )
