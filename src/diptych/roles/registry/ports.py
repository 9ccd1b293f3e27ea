"""What the registry needs from outside, in its own words: memory, the log, and the holders it shows acts to."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.protocols.opening.holding import HolderTransaction
from diptych.protocols.reading.states import StateKeeper
from diptych.roles.registry.model import (
    Announcement,
    Delivery,
    Hits,
    Message,
    QueuedAct,
    StoredChange,
    StoredRecord,
    StoredRequest,
)


class RegistryTransaction(HolderTransaction, StateKeeper, Protocol):
    """The registry's memory inside one transaction: what is read here nobody else changes until it ends."""

    def record(self, record_id: bytes) -> StoredRecord | None:
        """The record's latest version, erased or not."""
        ...

    def save_record(self, record: StoredRecord) -> None:
        """Insert or replace it."""
        ...

    def tagged(self, purpose: str, tags: Collection[bytes]) -> Sequence[bytes]:
        """The ids of the records that have one of these tags, ascending, each once."""
        ...

    def save_tags(self, purpose: str, tags: Collection[bytes], record_id: bytes) -> None:
        """The record has these tags for this purpose, and no others."""
        ...

    def drop_tags(self, record_id: bytes) -> None:
        """The record has no tags any more."""
        ...

    def act(self, act_id: bytes) -> QueuedAct | None:
        """The act."""
        ...

    def save_act(self, act: QueuedAct) -> None:
        """Insert it behind all others, or replace it in its place."""
        ...

    def deliver(self, delivery: Delivery) -> None:
        """Keep a delivery until it is `delivered`."""
        ...

    def delivered(self, delivery: Delivery) -> None:
        """The holder has it."""
        ...

    def request(self, digest: bytes) -> StoredRequest | None:
        """The opening request with this digest."""
        ...

    def save_request(self, request: StoredRequest) -> None:
        """Insert or replace it."""
        ...

    def due_disclosures(self, day: date) -> Sequence[StoredRequest]:
        """Deferred requests to be disclosed on or before that day, and not disclosed yet."""
        ...

    def hits(self, nonce: bytes) -> Hits | None:
        """What the tag request with this nonce found."""
        ...

    def save_hits(self, nonce: bytes, hits: Hits) -> None:
        """Insert it."""
        ...

    def trustee_set(self) -> TrusteeSet | None:
        """The newest trustee set."""
        ...

    def save_trustee_set(self, trustee_set: TrusteeSet, encoded: bytes, act_id: bytes) -> None:
        """Replace it, with its signed form and the act that publishes it."""
        ...

    def signed_trustee_set(self) -> tuple[bytes, bytes] | None:
        """The newest set's signed form, and the id of the act that publishes it."""
        ...

    def announce(self, announcement: Announcement) -> None:
        """Keep it for trustees to come. Twice is once."""
        ...

    def announcements(self) -> Sequence[Announcement]:
        """Everything that was announced, oldest first."""
        ...

    def change(self) -> StoredChange | None:
        """The change of the trustee set that is being carried out."""
        ...

    def save_change(self, change: StoredChange) -> None:
        """Insert or replace it: there is one at most."""
        ...

    def end_change(self) -> None:
        """Delete it, and the channels of its ceremonies."""
        ...

    def channel(self, purpose: str) -> bytes | None:
        """The channel of the ceremony by which the change shares this purpose's key anew."""
        ...

    def save_channel(self, purpose: str, channel: bytes) -> None:
        """Insert or replace it."""
        ...

    def takers(self, record_id: bytes, record_hash: bytes) -> Collection[int]:
        """The indices of trustees that took a spare share of this version."""
        ...

    def save_taker(self, record_id: bytes, record_hash: bytes, index: int) -> None:
        """One more. Those of other versions of the record are forgotten."""
        ...


class RegistryStore(Protocol):
    """The registry's memory."""

    def transaction(self) -> AbstractContextManager[RegistryTransaction]:
        """Everything or nothing: durable when the block ends, undone when it raises. One at a time; others wait.

        Raises `Unavailable` where it cannot be kept; whether it was, nobody knows if the answer to a commit was lost.
        """
        ...

    def unrecorded(self, *, most: int) -> Sequence[QueuedAct]:
        """Acts that are not in the log yet, in their order."""
        ...

    def deliveries(self, *, most: int) -> Sequence[Delivery]:
        """Deliveries of recorded acts that are not delivered yet, oldest first; before them what needs no act."""
        ...

    def records_after(self, record_id: bytes, *, most: int) -> Sequence[StoredRecord]:
        """The next records in the order of their ids, behind this one, that are not erased."""
        ...

    def sealed_act(self, label: bytes) -> bytes | None:
        """The act under this label, sealed for its citizen. Changes nothing."""
        ...

    def forget_expired(self, now: datetime) -> None:
        """Delete hits, kept answers and counts past their time, and what the acts of expired requests say unless they
        are still to be disclosed. Twice is once."""
        ...


class History(Protocol):
    """The log's own files."""

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the log of size `new` goes on from that of size `old`; `old` at most `new`."""
        ...


class Trustees(Protocol):
    """The trustees, over whatever network: one that is slow delays no other."""

    def kept_size(self, trustee: Trustee) -> int:
        """The size of the checkpoint that it keeps, 0 for none. `Unavailable` if it does not answer."""
        ...

    def send(self, trustee: Trustee, message: Message, body: bytes) -> None:
        """Give it a message. Raises what the trustee said: `Conflict`, `Refused`, ... or `Unavailable`."""
        ...

    def ask(self, trustee: Trustee, path: str, body: bytes) -> bytes:
        """What it answers to a body for one of its paths (docs/spec/trustee-api.md). Raises as `send` does."""
        ...
