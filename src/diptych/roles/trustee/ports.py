"""What a trustee needs from outside, in its own words: memory, and keys that are destroyed month by month."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from diptych.crypto.lookup_prf import KeyShare
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.private import Secret
from diptych.protocols.opening.holding import HolderTransaction, KeptAnswer, Reviewed
from diptych.roles.trustee.model import StoredCeremony, StoredChange, StoredDeposit, StoredPrekey, StoredRecord


class TrusteeTransaction(HolderTransaction, Protocol):
    """The trustee's memory inside one transaction: what is read here nobody else changes until it ends."""

    def prekey(self, prekey_id: bytes) -> StoredPrekey | None:
        """The prekey, if it was neither used nor forgotten."""
        ...

    def prekey_for(self, request: bytes) -> StoredPrekey | None:
        """The prekey that the request with this digest was answered with."""
        ...

    def save_prekey(self, prekey: StoredPrekey) -> None:
        """Insert a new prekey."""
        ...

    def drop_prekey(self, prekey_id: bytes) -> None:
        """Delete it, private half and all."""
        ...

    def deposit(self, record_id: bytes, record_hash: bytes) -> StoredDeposit | None:
        """The unconfirmed deposit for this version."""
        ...

    def save_deposit(self, deposit: StoredDeposit) -> None:
        """Insert it, or replace the unconfirmed one for the same version. Its acknowledgement is kept with it."""
        ...

    def drop_deposits(self, record_id: bytes) -> None:
        """Delete every unconfirmed deposit for this record."""
        ...

    def acknowledgement(self, deposit: bytes) -> bytes | None:
        """What the deposit with this digest was answered with, for as long as its record or itself is here."""
        ...

    def record(self, record_id: bytes) -> StoredRecord | None:
        """The record, erased or not."""
        ...

    def save_record(self, record: StoredRecord) -> None:
        """Insert or replace it: the secrets of the version before are gone."""
        ...

    def deletion(self, order: bytes) -> bytes | None:
        """The statement that answered the erasure order with this digest."""
        ...

    def save_deletion(self, order: bytes, record_id: bytes, statement: bytes) -> None:
        """Keep the statement for good."""
        ...

    def nonce(self, nonce: bytes) -> KeptAnswer | None:
        """The lookup that came with this nonce."""
        ...

    def save_nonce(self, nonce: bytes, answer: KeptAnswer) -> None:
        """Insert it."""
        ...

    def trustee_set(self) -> TrusteeSet | None:
        """The newest trustee set that was accepted here."""
        ...

    def save_trustee_set(self, trustee_set: TrusteeSet) -> None:
        """Replace it."""
        ...

    def shares(self, purpose: str) -> Sequence[KeyShare]:
        """The lookup key shares of a purpose, newest generation first."""
        ...

    def save_share(self, share: KeyShare) -> None:
        """Insert a share of a new generation."""
        ...

    def drop_shares(self, purpose: str, *, before: int) -> None:
        """Delete the shares of generations below `before`."""
        ...

    def ceremony(self, call: bytes) -> StoredCeremony | None:
        """The ceremony whose call has this digest, if it is under way here."""
        ...

    def save_ceremony(self, ceremony: StoredCeremony) -> None:
        """Insert or replace it."""
        ...

    def end_ceremony(self, call: bytes, said: bytes) -> None:
        """Delete its secrets, and keep what was said, to say it again."""
        ...

    def ended_ceremony(self, call: bytes) -> bytes | None:
        """What was said in the ceremony whose call has this digest, once it has ended here."""
        ...

    def change(self, digest: bytes) -> StoredChange | None:
        """The change with this digest, if it is not over here."""
        ...

    def changes(self) -> Sequence[StoredChange]:
        """All of them, the one that ends first in front."""
        ...

    def save_change(self, change: StoredChange) -> None:
        """Insert or replace it."""
        ...

    def drop_change(self, digest: bytes) -> None:
        """Delete it, secrets and all. Twice is once."""
        ...

    def record_count(self) -> int:
        """How many records have a mask here."""
        ...


class TrusteeStore(Protocol):
    """The trustee's memory."""

    def transaction(self) -> AbstractContextManager[TrusteeTransaction]:
        """Everything or nothing: durable when the block ends, undone when it raises. One at a time; others wait.

        Raises `Unavailable` where it cannot be kept; whether it was, nobody knows if the answer to a commit was lost.
        """
        ...

    def forget_expired(self, now: datetime) -> None:
        """Delete, in one transaction, prekeys, unconfirmed deposits, kept answers, nonces, reviews and changes past
        their time, and the counts of days that are more than a week gone. Twice is once.
        """
        ...

    def reviews(self) -> Sequence[Reviewed]:
        """Every request that waits for a person, oldest first."""
        ...


@dataclass(frozen=True)
class MonthKey:
    """The key under which the secrets of one month and retention class are sealed."""

    period: str
    key: Secret = field(repr=False)


class MonthKeys(Protocol):
    """Keys that lie apart from the memory and are in no backup: destroying one lets all it sealed expire."""

    def current(self, retention: str, day: date) -> MonthKey:
        """The key for what comes in on that day, made and durable if there was none. `Refused` once it is destroyed."""
        ...

    def find(self, period: str) -> MonthKey | None:
        """The key of a period, or None once it is destroyed. `Unavailable` if that cannot be told."""
        ...

    def destroy(self, period: str) -> None:
        """Overwrite and delete the key; it is never made again. Twice is once."""
        ...

    def periods(self) -> Sequence[str]:
        """The periods whose keys are there."""
        ...
