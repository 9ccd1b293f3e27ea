"""A trustee's memory and month keys in memory, for tests and journeys; they pass the same contracts as the real ones.

The memory can be told to fail before or after saving, as a database whose answer is lost does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from diptych.crypto.lookup_prf import KeyShare
from diptych.errors import Refused, Unavailable
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.private import Secret
from diptych.protocols.opening.fakes import MemoryHolder
from diptych.protocols.opening.holding import KeptAnswer, Reviewed
from diptych.roles.trustee.model import StoredCeremony, StoredChange, StoredDeposit, StoredPrekey, StoredRecord
from diptych.roles.trustee.ports import MonthKey


@dataclass
class _Tables(MemoryHolder):
    """Everything a trustee remembers; the `TrusteeTransaction` too."""

    prekeys: dict[bytes, StoredPrekey] = field(default_factory=dict)
    deposits: dict[tuple[bytes, bytes], StoredDeposit] = field(default_factory=dict)
    acknowledgements: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    records: dict[bytes, StoredRecord] = field(default_factory=dict)
    deletions: dict[bytes, bytes] = field(default_factory=dict)
    nonces: dict[bytes, KeptAnswer] = field(default_factory=dict)
    set: TrusteeSet | None = None
    key_shares: dict[tuple[str, int], KeyShare] = field(default_factory=dict)
    ceremonies: dict[bytes, StoredCeremony] = field(default_factory=dict)
    ended: dict[bytes, bytes] = field(default_factory=dict)
    agreed: dict[bytes, StoredChange] = field(default_factory=dict)

    def prekey(self, prekey_id: bytes) -> StoredPrekey | None:
        return self.prekeys.get(prekey_id)

    def prekey_for(self, request: bytes) -> StoredPrekey | None:
        return next((prekey for prekey in self.prekeys.values() if prekey.request == request), None)

    def save_prekey(self, prekey: StoredPrekey) -> None:
        self.prekeys[prekey.prekey_id] = prekey

    def drop_prekey(self, prekey_id: bytes) -> None:
        self.prekeys.pop(prekey_id, None)

    def deposit(self, record_id: bytes, record_hash: bytes) -> StoredDeposit | None:
        return self.deposits.get((record_id, record_hash))

    def save_deposit(self, deposit: StoredDeposit) -> None:
        version = deposit.held.version
        self.deposits[version.record_id, version.record_hash] = deposit
        self.acknowledgements[deposit.digest] = version.record_id, deposit.acknowledgement

    def drop_deposits(self, record_id: bytes) -> None:
        for key in [key for key in self.deposits if key[0] == record_id]:
            del self.deposits[key]

    def acknowledgement(self, deposit: bytes) -> bytes | None:
        found = self.acknowledgements.get(deposit)
        return None if found is None else found[1]

    def record(self, record_id: bytes) -> StoredRecord | None:
        return self.records.get(record_id)

    def save_record(self, record: StoredRecord) -> None:
        self.records[record.held.version.record_id] = record

    def deletion(self, order: bytes) -> bytes | None:
        return self.deletions.get(order)

    def save_deletion(self, order: bytes, record_id: bytes, statement: bytes) -> None:
        self.deletions[order] = statement

    def nonce(self, nonce: bytes) -> KeptAnswer | None:
        return self.nonces.get(nonce)

    def save_nonce(self, nonce: bytes, answer: KeptAnswer) -> None:
        self.nonces[nonce] = answer

    def trustee_set(self) -> TrusteeSet | None:
        return self.set

    def save_trustee_set(self, trustee_set: TrusteeSet) -> None:
        self.set = trustee_set

    def shares(self, purpose: str) -> Sequence[KeyShare]:
        found = [share for share in self.key_shares.values() if share.purpose == purpose]
        return tuple(sorted(found, key=lambda share: -share.generation))

    def save_share(self, share: KeyShare) -> None:
        self.key_shares[share.purpose, share.generation] = share

    def drop_shares(self, purpose: str, *, before: int) -> None:
        self.key_shares = {
            key: share for key, share in self.key_shares.items() if key[0] != purpose or key[1] >= before
        }

    def ceremony(self, call: bytes) -> StoredCeremony | None:
        return self.ceremonies.get(call)

    def save_ceremony(self, ceremony: StoredCeremony) -> None:
        self.ceremonies[ceremony.call] = ceremony

    def end_ceremony(self, call: bytes, said: bytes) -> None:
        self.ceremonies.pop(call, None)
        self.ended[call] = said

    def ended_ceremony(self, call: bytes) -> bytes | None:
        return self.ended.get(call)

    def change(self, digest: bytes) -> StoredChange | None:
        return self.agreed.get(digest)

    def changes(self) -> Sequence[StoredChange]:
        return tuple(sorted(self.agreed.values(), key=lambda change: (change.ends_at, change.digest)))

    def save_change(self, change: StoredChange) -> None:
        self.agreed[change.digest] = change

    def drop_change(self, digest: bytes) -> None:
        self.agreed.pop(digest, None)

    def record_count(self) -> int:
        return sum(not record.is_erased for record in self.records.values())

    def forget_expired(self, now: datetime) -> None:
        self.agreed = {key: one for key, one in self.agreed.items() if one.ends_at > now}
        self.prekeys = {key: one for key, one in self.prekeys.items() if one.expires > now}
        self.deposits = {key: one for key, one in self.deposits.items() if one.expires_at > now}
        self.nonces = {key: one for key, one in self.nonces.items() if one.expires_at > now}
        self.forget_answers(now)
        known = {key[0] for key in self.deposits} | set(self.records)
        self.acknowledgements = {key: one for key, one in self.acknowledgements.items() if one[0] in known}


class MemoryTrusteeStore:
    """`TrusteeStore` over dictionaries. Not for threads."""

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

    def forget_expired(self, now: datetime) -> None:
        with self.transaction() as tables:
            tables.forget_expired(now)

    def reviews(self) -> Sequence[Reviewed]:
        return self._tables.pending_reviews()


class MemoryMonthKeys:
    """`MonthKeys` in a dictionary."""

    def __init__(self) -> None:
        self._keys: dict[str, MonthKey | None] = {}

    def current(self, retention: str, day: date) -> MonthKey:
        period = f"{retention}.{day:%Y-%m}"
        made = MonthKey(period, Secret(period.encode().ljust(32, b".")[:32]))
        found = self._keys.setdefault(period, made)
        if found is None:
            raise Refused("retention.expired", "the key of that month is destroyed")
        return found

    def find(self, period: str) -> MonthKey | None:
        return self._keys.get(period)

    def destroy(self, period: str) -> None:
        self._keys[period] = None

    def periods(self) -> Sequence[str]:
        return tuple(sorted(period for period, key in self._keys.items() if key is not None))
