"""The registry's memory in memory, for tests and journeys; it passes the same contract as the database.

It can be told to fail before or after saving, as a database whose answer is lost does.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from diptych.errors import Unavailable
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.protocols.opening.fakes import MemoryHolder
from diptych.protocols.reading.states import KeptState
from diptych.roles.registry.model import (
    Announcement,
    Delivery,
    Hits,
    QueuedAct,
    StoredChange,
    StoredRecord,
    StoredRequest,
)


@dataclass
class _Tables(MemoryHolder):
    """Everything a registry remembers; the `RegistryTransaction` too."""

    records: dict[bytes, StoredRecord] = field(default_factory=dict)
    tags: dict[tuple[str, bytes, bytes], None] = field(default_factory=dict)
    acts: dict[bytes, QueuedAct] = field(default_factory=dict)
    waiting: dict[Delivery, None] = field(default_factory=dict)
    requests: dict[bytes, StoredRequest] = field(default_factory=dict)
    found: dict[bytes, Hits] = field(default_factory=dict)
    set: TrusteeSet | None = None
    signed_set: tuple[bytes, bytes] | None = None
    announced: dict[bytes, Announcement] = field(default_factory=dict)
    under_way: StoredChange | None = None
    channels: dict[str, bytes] = field(default_factory=dict)
    taken: dict[tuple[bytes, bytes, int], None] = field(default_factory=dict)
    state: KeptState = field(default_factory=KeptState)

    def kept_state(self) -> KeptState:
        return self.state

    def keep_state(self, kept: KeptState) -> None:
        self.state = kept

    def record(self, record_id: bytes) -> StoredRecord | None:
        return self.records.get(record_id)

    def save_record(self, record: StoredRecord) -> None:
        self.records[record.record_id] = record

    def tagged(self, purpose: str, tags: Collection[bytes]) -> Sequence[bytes]:
        return sorted({record_id for of, tag, record_id in self.tags if of == purpose and tag in tags})

    def save_tags(self, purpose: str, tags: Collection[bytes], record_id: bytes) -> None:
        self.tags = {key: None for key in self.tags if (key[0], key[2]) != (purpose, record_id)}
        self.tags |= {(purpose, tag, record_id): None for tag in tags}

    def drop_tags(self, record_id: bytes) -> None:
        self.tags = {key: None for key in self.tags if key[2] != record_id}

    def act(self, act_id: bytes) -> QueuedAct | None:
        return self.acts.get(act_id)

    def save_act(self, act: QueuedAct) -> None:
        self.acts[act.act_id] = act

    def deliver(self, delivery: Delivery) -> None:
        self.waiting[delivery] = None

    def delivered(self, delivery: Delivery) -> None:
        self.waiting.pop(delivery, None)

    def request(self, digest: bytes) -> StoredRequest | None:
        return self.requests.get(digest)

    def save_request(self, request: StoredRequest) -> None:
        self.requests[request.digest] = request

    def due_disclosures(self, day: date) -> Sequence[StoredRequest]:
        return tuple(
            request
            for request in self.requests.values()
            if request.disclosed_act is None and request.disclose_on is not None and request.disclose_on <= day
        )

    def hits(self, nonce: bytes) -> Hits | None:
        return self.found.get(nonce)

    def save_hits(self, nonce: bytes, hits: Hits) -> None:
        self.found[nonce] = hits

    def trustee_set(self) -> TrusteeSet | None:
        return self.set

    def save_trustee_set(self, trustee_set: TrusteeSet, encoded: bytes, act_id: bytes) -> None:
        self.set, self.signed_set = trustee_set, (encoded, act_id)

    def signed_trustee_set(self) -> tuple[bytes, bytes] | None:
        return self.signed_set

    def announce(self, announcement: Announcement) -> None:
        self.announced.setdefault(announcement.act_id, announcement)

    def announcements(self) -> Sequence[Announcement]:
        return tuple(self.announced.values())

    def change(self) -> StoredChange | None:
        return self.under_way

    def save_change(self, change: StoredChange) -> None:
        self.under_way = change

    def end_change(self) -> None:
        self.under_way, self.channels = None, {}

    def channel(self, purpose: str) -> bytes | None:
        return self.channels.get(purpose)

    def save_channel(self, purpose: str, channel: bytes) -> None:
        self.channels[purpose] = channel

    def takers(self, record_id: bytes, record_hash: bytes) -> Collection[int]:
        return {index for of, version, index in self.taken if (of, version) == (record_id, record_hash)}

    def save_taker(self, record_id: bytes, record_hash: bytes, index: int) -> None:
        self.taken = {key: None for key in self.taken if key[0] != record_id or key[1] == record_hash}
        self.taken[record_id, record_hash, index] = None

    def forget_expired(self, now: datetime) -> None:
        self.forget_answers(now)
        self.found = {nonce: hits for nonce, hits in self.found.items() if hits.expires_at > now}
        for request in self.requests.values():
            is_watched = request.disclose_on is not None and request.disclosed_act is None
            if request.expires_at <= now and not is_watched:
                act = self.acts[request.act_id]
                self.acts[act.act_id] = replace(act, act=None, salt=None)


class MemoryRegistryStore:
    """`RegistryStore` over dictionaries. Not for threads."""

    def __init__(self) -> None:
        self._tables = _Tables()
        self._fail: Literal["before", "after"] | None = None

    def fail_once(self, when: Literal["before", "after"]) -> None:
        """Let the next transaction raise `Unavailable` as it ends, before or after it was saved."""
        self._fail = when

    def contents(self) -> object:
        """Everything remembered, to compare before and after."""
        return self._tables.copy()

    @contextmanager
    def transaction(self) -> Iterator[_Tables]:
        tables = self._tables.copy()
        yield tables
        fail, self._fail = self._fail, None
        if fail == "before":
            raise Unavailable("storage", "the store failed before saving")
        self._tables = tables
        if fail == "after":
            raise Unavailable("storage", "the store failed after saving")

    def unrecorded(self, *, most: int) -> Sequence[QueuedAct]:
        return tuple(act for act in self._tables.acts.values() if not act.is_recorded)[:most]

    def deliveries(self, *, most: int) -> Sequence[Delivery]:
        recorded = {act_id for act_id, act in self._tables.acts.items() if act.is_recorded}
        without_act = [one for one in self._tables.waiting if one.act_id not in self._tables.acts]
        return tuple([*without_act, *(one for one in self._tables.waiting if one.act_id in recorded)][:most])

    def records_after(self, record_id: bytes, *, most: int) -> Sequence[StoredRecord]:
        records = sorted(self._tables.records.items())
        return tuple(record for of, record in records if of > record_id and not record.is_erased)[:most]

    def sealed_act(self, label: bytes) -> bytes | None:
        return next((act.sealed for act in self._tables.acts.values() if act.sealed and act.label == label), None)

    def forget_expired(self, now: datetime) -> None:
        with self.transaction() as tables:
            tables.forget_expired(now)
