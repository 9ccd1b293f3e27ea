"""Changes of the trustee set at one trustee: proposed, agreed to by a person, carried out, over.

Nothing of a change is done here before a person agreed to it, and no share of a record moves before the set that it
leads to is public. Its secrets end with it, or at its time (docs/spec/replacement.md).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from diptych.crypto import hpke
from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import PublicKey, Signer, fingerprint
from diptych.errors import Conflict, DiptychError, Refused, Unavailable, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.formats.record.sealed import SealedRecord
from diptych.formats.record.sealing import unmask_share
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.depositing.decision import HeldRecord
from diptych.protocols.replacing.change import (
    CHANGE_KEY,
    CHANGE_OVER,
    TRUSTEE_CHANGE,
    ChangeKey,
    ChangeOver,
    TrusteeChange,
    check_follows,
)
from diptych.protocols.replacing.decision import (
    SEED_BYTES,
    add_up,
    change_keys,
    check_call,
    cut_pieces,
    opened_sums,
    take_share,
)
from diptych.protocols.replacing.recovery import (
    RECOVERY_CALL,
    TAKEN,
    PiecesRequest,
    RecoveryCall,
    SharesRequest,
    SummedRecord,
    SumsRequest,
    Taken,
    WantedRecord,
)
from diptych.roles.trustee.model import Consent, StoredChange, StoredRecord
from diptych.roles.trustee.ports import MonthKeys, TrusteeStore, TrusteeTransaction
from diptych.roles.trustee.vault import open_record, store_held


@dataclass(frozen=True)
class Proposed:
    """A change as a person sees it. `current` is the set that it follows, None for whoever is to join."""

    digest: bytes
    change: TrusteeChange
    consent: Consent
    current: TrusteeSet | None

    @property
    def is_refresh(self) -> bool:
        """Whether nobody comes and nobody goes."""
        return self.current is not None and self.current.trustees == self.change.trustees


@dataclass(frozen=True)
class Changes:
    """The part of a trustee that takes part in changes of its set."""

    signer: Signer
    recipient: Recipient
    agency_key: PublicKey
    store: TrusteeStore
    keys: MonthKeys

    def propose(self, change: UnverifiedStatement[TrusteeChange], *, now: datetime) -> bytes:
        """This trustee's signed key for the change, once a person agreed; until then `Unavailable` "change.consent".

        The same again, at any time: the same answer. `Refused` "change.refused" once a person refused it.
        """
        verified = TRUSTEE_CHANGE.verify(change, self.agency_key, now=now)
        with self.store.transaction() as state:
            known = state.change(verified.digest)
            if known is None:
                self._check(verified.content, state.trustee_set(), now)
                known = StoredChange(verified.digest, verified.encoded, Consent.PENDING, verified.content.ends)
                state.save_change(known)
        if known.consent is Consent.REFUSED:
            raise Refused("change.refused", "a person at this trustee refused this change")
        if known.consent is Consent.PENDING:
            raise Unavailable("change.consent", "a person at this trustee has to agree: send the same again later")
        return known.answer

    def proposed(self) -> Sequence[Proposed]:
        """Every change that is not over here, the one that ends first in front."""
        with self.store.transaction() as state:
            current = state.trustee_set()
            return tuple(_proposed(stored, current) for stored in state.changes())

    def decide(self, digest: bytes, consent: Consent, *, entropy: Entropy) -> Proposed:
        """A person's word. Agreeing makes this change's secrets; who agreed may still refuse, and they are gone."""
        with self.store.transaction() as state:
            stored = state.change(digest)
            if stored is None:
                raise Refused("change.unknown", "no such change was proposed here: it may be over")
            decided = replace(stored, consent=consent, seed=Secret(b""), recipient=Secret(b""), answer=b"")
            if consent is Consent.AGREED:
                if stored.consent is Consent.AGREED:
                    return _proposed(stored, state.trustee_set())
                recipient = hpke.generate_recipient()
                own = ChangeKey(self._own, digest, recipient.public_key)
                decided = replace(
                    decided,
                    seed=Secret(entropy(SEED_BYTES)),
                    recipient=recipient.seeds(),
                    answer=CHANGE_KEY.sign(own, signer=self.signer).encode(),
                )
            state.save_change(decided)
            return _proposed(decided, state.trustee_set())

    def end(self, over: UnverifiedStatement[ChangeOver], *, now: datetime) -> None:
        """Destroy this change's secrets. Twice is once."""
        content = CHANGE_OVER.verify(over, self.agency_key, now=now).content
        with self.store.transaction() as state:
            state.drop_change(content.change)

    # Helping

    def cut(self, request: PiecesRequest, *, now: datetime) -> bytes:
        """This helper's pieces. What it has no share of, or not in that version, it says is missing."""
        with self.store.transaction() as state:
            change, stored = self._under_way(state, request.call, now)
            content, index = request.call.unverified, self._index(change)
            shares = [
                self._share(state, wanted, envelope)
                for wanted, envelope in zip(content.records, request.envelopes, strict=True)
            ]
        keys = change_keys(request.keys, call=content, change=change, now=now)
        return cut_pieces(
            shares, call=request.call, index=index, seed=stored.seed, keys=keys, signer=self.signer
        ).encode()

    def add(self, request: SumsRequest, *, now: datetime) -> bytes:
        """This helper's sums of what all helpers cut, with what it keeps beside each share."""
        with self.store.transaction() as state:
            change, stored = self._under_way(state, request.call, now)
            content = request.call.unverified
            kept = [self._kept(state, wanted) for wanted in content.records]
        keys = change_keys(request.keys, call=content, change=change, now=now)
        return add_up(
            request.pieces,
            kept,
            call=request.call,
            change=change,
            index=self._index(change),
            recipient=hpke.load_recipient(stored.recipient),
            key=keys[content.target],
            signer=self.signer,
            now=now,
        ).encode()

    # Joining

    def take(self, request: SharesRequest, *, now: datetime, entropy: Entropy) -> bytes:
        """Keep the shares that the helpers' sums make, each checked against its record, and say which.

        A record that is kept here already in that version, or a later one, stays as it is.
        """
        with self.store.transaction() as state:
            change, stored = self._under_way(state, request.call, now)
            content = request.call.unverified
            if self._index(change) != content.target:
                raise Refused("recovery.target", "the shares are another trustee's")
            try:
                sums = opened_sums(
                    request.sums,
                    call=request.call,
                    change=change,
                    recipient=hpke.load_recipient(stored.recipient),
                    now=now,
                )
            except VerificationError as error:
                if error.check != "recovery.sum":
                    raise
                results: tuple[str | None, ...] = (error.check,) * len(request.records)
            else:
                results = tuple(
                    self._take(state, record, {index: of[position] for index, of in sums.items()}, content, entropy)
                    for position, record in enumerate(request.records)
                )
        return TAKEN.sign(Taken(self._own, request.call.digest, results), signer=self.signer).encode()

    def _take(
        self,
        state: TrusteeTransaction,
        record: UnverifiedStatement[SealedRecord],
        sums: dict[int, SummedRecord | None],
        call: RecoveryCall,
        entropy: Entropy,
    ) -> str | None:
        try:
            held, month = take_share(record, sums, call=call, recipient=self.recipient.public_key, entropy=entropy)
            known = state.record(held.version.record_id)
            if known is None or known.held.version.number < held.version.number:
                day = date.fromisoformat(f"{month}-01")
                stored = store_held(held, self.keys, day=day, entropy=entropy)
                state.save_record(StoredRecord(stored))
        except (VerificationError, Refused) as error:
            return error.check
        return None

    def _share(self, state: TrusteeTransaction, wanted: WantedRecord, envelope: bytes | None) -> Secret | None:
        held = self._held(state, wanted)
        sealed = None if held is None else held.envelope or envelope
        if held is None or held.mask is None or sealed is None:
            return None
        try:
            return unmask_share(
                sealed,
                mask=held.mask,
                recipient=self.recipient,
                record_id=held.version.record_id,
                number=held.version.number,
                epoch=held.epoch,
                index=held.index,
                share_hash=held.share_hash,
            )
        except DiptychError:
            return None  # it is not its envelope: what it is asked with is not its fault

    def _kept(self, state: TrusteeTransaction, wanted: WantedRecord) -> tuple[ChainElement, str] | None:
        held = self._held(state, wanted)
        stored = state.record(wanted.record_id)
        if held is None or stored is None:
            return None
        return held.chain, stored.held.secrets.period.rpartition(".")[2]

    def _held(self, state: TrusteeTransaction, wanted: WantedRecord) -> HeldRecord | None:
        """The record with its secrets, in the wanted version, unless it was erased or its retention is over."""
        stored = state.record(wanted.record_id)
        if stored is None or stored.is_erased or stored.held.version.record_hash != wanted.record_hash:
            return None
        try:
            return open_record(stored, self.keys)
        except Refused:
            return None

    def _under_way(
        self, state: TrusteeTransaction, call: UnverifiedStatement[RecoveryCall], now: datetime
    ) -> tuple[TrusteeChange, StoredChange]:
        """The change that the call is of, once a person here agreed and the set that it leads to is public."""
        stored = agreed_change(state, call.unverified.change, now)
        change = TRUSTEE_CHANGE.parse(stored.encoded).unverified
        RECOVERY_CALL.verify(call, self.agency_key, now=now)
        check_call(call.unverified, change, digest=stored.digest)
        current = state.trustee_set()
        if current is None or (current.epoch, current.trustees) != (change.epoch, change.trustees):
            raise Conflict("recovery.set", "the set that the change leads to was not shown here yet")
        return change, stored

    def _index(self, change: TrusteeChange) -> int:
        return next(one.index for one in change.trustees if fingerprint(one.signer) == self._own)

    def _check(self, change: TrusteeChange, current: TrusteeSet | None, now: datetime) -> None:
        """Raises unless it leads on from this trustee's set, and has the place that this trustee has or is to get."""
        if change.ends <= now:
            raise Refused("change.ended", "this change was to be over by now")
        place = next((one for one in change.trustees if fingerprint(one.signer) == self._own), None)
        if place is None or place.recipient != self.recipient.public_key:
            raise VerificationError("change.place", "the change has no place for this trustee, or another key for it")
        if current is not None and any(fingerprint(one.signer) == self._own for one in current.trustees):
            check_follows(change, current, previous=hashlib.sha256(current.encode()).digest())

    @property
    def _own(self) -> bytes:
        return fingerprint(self.signer.public_key)


def agreed_change(state: TrusteeTransaction, digest: bytes, now: datetime) -> StoredChange:
    """The change, if a person here agreed to it and its time is not over; else `Refused`, by name."""
    stored = state.change(digest)
    if stored is None or stored.consent is not Consent.AGREED:
        raise Refused("ceremony.consent", "a person here has to agree to this change first")
    if stored.ends_at <= now:
        raise Refused("change.ended", "this change was to be over by now")
    return stored


def _proposed(stored: StoredChange, current: TrusteeSet | None) -> Proposed:
    return Proposed(stored.digest, TRUSTEE_CHANGE.parse(stored.encoded).unverified, stored.consent, current)
