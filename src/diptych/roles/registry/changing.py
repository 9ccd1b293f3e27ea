"""Changing the trustee set, from the agency's side: trustees replaced, or the lookup keys refreshed.

    begun -> [everyone of the set to come agreed] -> [keys shared anew] -> [set public] -> [shares recovered] -> over

Each arrow can be interrupted anywhere and gone again: what was reached is in the registry's memory before anybody is
asked for more, and asking twice is asking once (docs/spec/replacement.md).
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from diptych.crypto.entropy import Entropy
from diptych.crypto.lookup_prf import PurposeKey
from diptych.crypto.lookup_prf.ceremony import NONCE_BYTES
from diptych.crypto.signing import Signer, fingerprint
from diptych.errors import Conflict, DiptychError, Refused, Unavailable
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import TRUSTEE_SET, Trustee, TrusteeSet
from diptych.formats.record.sealed import SEALED_RECORD, SealedRecord
from diptych.protocols.ceremony.channel import Channel, parse_channel
from diptych.protocols.ceremony.conducting import conduct
from diptych.protocols.ceremony.statements import CEREMONY_CALL, CeremonyCall
from diptych.protocols.replacing.change import (
    CHANGE_KEY,
    CHANGE_OVER,
    LIFETIME,
    TRUSTEE_CHANGE,
    ChangeKey,
    ChangeOver,
    TrusteeChange,
    leaving,
    next_change,
    verify_change_key,
)
from diptych.protocols.replacing.conducting import Recovery
from diptych.protocols.replacing.recovery import MAX_BYTES, MAX_RECORDS
from diptych.roles.registry.acts import record_waiting
from diptych.roles.registry.model import StoredChange
from diptych.roles.registry.ports import Trustees
from diptych.roles.registry.publishing import deliver_waiting, publish_set
from diptych.roles.registry.service import Registry

MOST_DELIVERIES = 10_000
READ_AT_ONCE = 256
BATCH_BYTES = MAX_BYTES // 4
FIRST = b""

Clock = Callable[[], datetime]
Said = Callable[[str], None]


@dataclass(frozen=True)
class Changed:
    """A change that is over, but for what is `left`.

    `recovered`: how many shares newcomers took this time; `left`: by record id, why a share is not there yet. `named`:
    trustees that lied or did not take part, by name, and the check that says so.
    """

    trustee_set: TrusteeSet
    recovered: int
    left: Mapping[bytes, str] = field(repr=False)
    named: Mapping[str, str]

    @property
    def is_over(self) -> bool:
        return not self.left


def begin(
    registry: Registry, newcomers: Mapping[int, Trustee], *, agency: Signer, now: datetime, entropy: Entropy
) -> TrusteeChange:
    """Begin to replace the trustees at these indices by the newcomers; none: to refresh the lookup keys.

    `Conflict` "change.under_way" where there is one whose time has not passed.
    """
    with registry.store.transaction() as state:
        current, under_way = state.trustee_set(), state.change()
        if current is None:
            raise Refused("registry.no_set", "there is no trustee set yet: the key ceremony comes first")
        if under_way is not None and TRUSTEE_CHANGE.parse(under_way.encoded).unverified.ends > now:
            raise Conflict("change.under_way", "a change of the trustee set is under way: carry it out, or abandon it")
        state.end_change()
        change = next_change(
            current,
            previous=hashlib.sha256(current.encode()).digest(),
            newcomers=newcomers,
            nonce=entropy(NONCE_BYTES),
            ends=now.replace(microsecond=0) + LIFETIME,
        )
        signed = TRUSTEE_CHANGE.sign(change, signer=agency)
        state.save_change(StoredChange(signed.digest, signed.encode()))
        return change


def carry_out(
    registry: Registry,
    trustees: Trustees,
    *,
    agency: Signer,
    clock: Clock,
    entropy: Entropy,
    said: Said,
) -> Changed:
    """Go on with the change that is under way, to its end where that can be reached now. `said` gets what is going on.

    `Unavailable` "change.consent" while somebody has not agreed, or does not answer: call it again later.
    """
    return _Change(registry, trustees, agency, clock, entropy, said).carry_out()


def abandon(registry: Registry, trustees: Trustees, *, agency: Signer, clock: Clock, said: Said) -> TrusteeChange:
    """Give up the change that is under way; whoever agreed destroys its secrets. `Conflict` once its set is public."""
    with registry.store.transaction() as state:
        stored, current = state.change(), state.trustee_set()
    if stored is None or current is None:
        raise Refused("change.none", "no change of the trustee set is under way")
    change = TRUSTEE_CHANGE.parse(stored.encoded)
    if current.epoch == change.unverified.epoch:
        raise Conflict("change.public", "the trustee set of this change is public already: carry it out")
    _Change(registry, trustees, agency, clock, _nothing, said).end(change)
    return change.unverified


def index_of(registry: Registry, trustee: str) -> int:
    """The index of the trustee of this name, or of this index itself; `Refused` unless it is one of the present set."""
    with registry.store.transaction() as state:
        current = state.trustee_set()
    known = () if current is None else current.trustees
    found = [one.index for one in known if trustee in (one.name, str(one.index))]
    if len(found) != 1:
        names = ", ".join(f"{one.index}: {one.name}" for one in known) or "none"
        raise Refused("change.trustee", f"say which trustee, by number or name: {names}")
    return found[0]


def under_way(registry: Registry) -> TrusteeChange | None:
    """The change that is being carried out."""
    with registry.store.transaction() as state:
        stored = state.change()
    return None if stored is None else TRUSTEE_CHANGE.parse(stored.encoded).unverified


def _nothing(count: int) -> bytes:
    raise ValueError("nothing random is needed here")


@dataclass(frozen=True)
class _Change:
    registry: Registry
    trustees: Trustees
    agency: Signer
    clock: Clock
    entropy: Entropy
    said: Said
    named: dict[str, str] = field(default_factory=dict)

    def carry_out(self) -> Changed:
        stored, current = self._stored()
        change = TRUSTEE_CHANGE.parse(stored.encoded)
        if current.epoch < change.unverified.epoch:
            self._check_time(change.unverified)
            keys = self._agreed(stored, change.unverified)
            purposes = tuple(self._shared_anew(change, current, key) for key in current.purposes)
            current = self._published(change.unverified, current, purposes)
        else:
            keys = tuple(CHANGE_KEY.parse(key) for key in stored.keys)
        self._deliver()
        recovered, left = self._recover(change, keys, current)
        if not left:
            self.end(change)
        return Changed(current, recovered, left, self.named)

    # Agreement

    def _agreed(self, stored: StoredChange, change: TrusteeChange) -> tuple[UnverifiedStatement[ChangeKey], ...]:
        """The signed key of each trustee of the set to come, kept as soon as all are there."""
        found: dict[int, UnverifiedStatement[ChangeKey]] = {}
        waits: dict[str, str] = {}
        for trustee in change.trustees:
            try:
                key = CHANGE_KEY.parse(self.trustees.ask(trustee, "changes", stored.encoded))
                verify_change_key(key, trustee_key=trustee.signer, expected_change=stored.digest, now=self.clock())
            except DiptychError as error:
                waits[trustee.name] = error.check
            else:
                found[trustee.index] = key
        if waits:
            names = ", ".join(f"{name} ({check})" for name, check in waits.items())
            raise Unavailable("change.consent", f"the change waits for {names}. Carry it out again when they agreed")
        keys = tuple(found.values())
        with self.registry.store.transaction() as state:
            state.save_change(replace(stored, keys=tuple(key.encode() for key in keys)))
        return keys

    # Keys

    def _shared_anew(
        self, change: UnverifiedStatement[TrusteeChange], current: TrusteeSet, key: PurposeKey
    ) -> PurposeKey:
        self.said(f"The key for {key.purpose} is shared anew.")
        by_index = {trustee.index: trustee for trustee in change.unverified.trustees}
        conducted = conduct(
            self._channel(change, current, key),
            ask=lambda index, channel: self.trustees.ask(by_index[index], "ceremonies", channel),
            agency=self.agency,
            now=self.clock,
            keep=lambda channel: self._keep_channel(key.purpose, channel),
        )
        for index, fault in {**conducted.silent, **conducted.outcome.faults, **conducted.outcome.unconfirmed}.items():
            self._name(by_index[index], fault)
        return conducted.outcome.key

    def _channel(self, change: UnverifiedStatement[TrusteeChange], current: TrusteeSet, key: PurposeKey) -> Channel:
        with self.registry.store.transaction() as state:
            kept = state.channel(key.purpose)
        if kept is not None:
            return parse_channel(kept)
        staying = {trustee.index for trustee in current.trustees}
        receivers = tuple(trustee.index for trustee in change.unverified.trustees)
        call = CeremonyCall(
            fingerprint(self.agency.public_key),
            key.purpose,
            change.unverified.threshold,
            change.digest,
            {trustee.index: trustee.signer for trustee in change.unverified.trustees},
            tuple(index for index in receivers if index in staying),
            receivers,
            key,
        )
        return Channel(CEREMONY_CALL.sign(call, signer=self.agency))

    def _keep_channel(self, purpose: str, channel: Channel) -> None:
        with self.registry.store.transaction() as state:
            state.save_channel(purpose, channel.encode())

    # The set

    def _published(self, change: TrusteeChange, current: TrusteeSet, purposes: tuple[PurposeKey, ...]) -> TrusteeSet:
        made = change.becomes(current, purposes)
        gone = ", ".join(trustee.name for trustee in leaving(change, current)) or "nobody"
        self.said(f"The trustee set of epoch {made.epoch} is made public; who leaves: {gone}.")
        publish_set(self.registry, TRUSTEE_SET.sign(made, signer=self.agency), now=self.clock(), entropy=self.entropy)
        return made

    def _deliver(self) -> None:
        def notice(name: str, check: str) -> None:
            self.named[name] = check
            self.said(f"{name}: {check}")

        record_waiting(self.registry.store, self.registry.log)
        deliver_waiting(self.registry, self.trustees, most=MOST_DELIVERIES, notice=notice)

    # Shares of records

    def _recover(
        self,
        change: UnverifiedStatement[TrusteeChange],
        keys: tuple[UnverifiedStatement[ChangeKey], ...],
        current: TrusteeSet,
    ) -> tuple[int, dict[bytes, str]]:
        by_index = {trustee.index: trustee for trustee in current.trustees}
        recovered, left = 0, dict[bytes, str]()
        recoveries = {
            index: Recovery(
                change.unverified,
                change.digest,
                keys,
                index,
                self.agency,
                lambda to, path, body: self.trustees.ask(by_index[to], path, body),
                self.clock,
            )
            for index in by_index
        }
        for target, helpers, batch in self._batches(current):
            self._check_time(change.unverified)
            missed = recoveries[target].take(batch, helpers=helpers, taken=partial(self._mark, target))
            left |= missed
            recovered += len(batch) - len(missed)
            self.said(f"{by_index[target].name} took {recovered} shares.")
        for recovery in recoveries.values():
            for index, check in {**recovery.silent, **recovery.liars}.items():
                self._name(by_index[index], check)
        return recovered, left

    def _batches(
        self, current: TrusteeSet
    ) -> Iterator[tuple[int, tuple[int, ...], tuple[UnverifiedStatement[SealedRecord], ...]]]:
        """Records of which a trustee of the set has no share, with who can help it, in portions of one request."""
        waiting: dict[tuple[int, tuple[int, ...]], list[UnverifiedStatement[SealedRecord]]] = {}
        for record, takers in self._records():
            sealed_to = {slot.index for slot in record.unverified.quorum.shares}
            indices = [trustee.index for trustee in current.trustees]
            holders = tuple(index for index in indices if index in sealed_to | takers)
            for target in (index for index in indices if index not in holders):
                portion = waiting.setdefault((target, holders), [])
                portion.append(record)
                if len(portion) == MAX_RECORDS or sum(len(one.encode()) for one in portion) > BATCH_BYTES:
                    del waiting[target, holders]
                    yield target, holders, tuple(portion)
        for (target, holders), portion in waiting.items():
            yield target, holders, tuple(portion)

    def _records(self) -> Iterator[tuple[UnverifiedStatement[SealedRecord], set[int]]]:
        after = FIRST
        while found := self.registry.store.records_after(after, most=READ_AT_ONCE):
            for stored in found:
                with self.registry.store.transaction() as state:
                    takers = set(state.takers(stored.record_id, stored.record_hash))
                yield SEALED_RECORD.parse(stored.encoded), takers
            after = found[-1].record_id

    def _mark(self, target: int, records: Sequence[UnverifiedStatement[SealedRecord]]) -> None:
        if records:
            with self.registry.store.transaction() as state:
                for record in records:
                    state.save_taker(record.unverified.record_id, record.digest, target)

    # The end

    def end(self, change: UnverifiedStatement[TrusteeChange]) -> None:
        """Everyone destroys this change's secrets. Who is away does so at the change's time."""
        over = CHANGE_OVER.sign(
            ChangeOver(fingerprint(self.agency.public_key), change.digest), signer=self.agency
        ).encode()
        for trustee in change.unverified.trustees:
            try:
                self.trustees.ask(trustee, "ended-changes", over)
            except DiptychError as error:
                self._name(trustee, error.check)
        with self.registry.store.transaction() as state:
            state.end_change()

    def _stored(self) -> tuple[StoredChange, TrusteeSet]:
        with self.registry.store.transaction() as state:
            stored, current = state.change(), state.trustee_set()
        if stored is None or current is None:
            raise Refused("change.none", "no change of the trustee set is under way")
        return stored, current

    def _check_time(self, change: TrusteeChange) -> None:
        if change.ends <= self.clock():
            raise Refused("change.ended", "the time of this change is over: begin another, and have it agreed to")

    def _name(self, trustee: Trustee, check: str) -> None:
        self.named[trustee.name] = check
        self.said(f"{trustee.name}: {check}")
