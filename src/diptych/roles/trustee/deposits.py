"""Taking masks in, and giving them up for ever: prekeys, deposits, confirmations, erasure (docs/spec/record.md).

Each is one transaction; the same message again gets the same answer. What is decided, and in which order, is
`protocols/depositing/decision`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from diptych.crypto import hpke
from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import Signer, fingerprint
from diptych.errors import Conflict, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.officer import Role
from diptych.protocols.certifying.officers import HonouredOfficer, check_officer
from diptych.protocols.certifying.standing import Trusted, log_time, see
from diptych.protocols.depositing.confirmation import Confirmation
from diptych.protocols.depositing.decision import (
    HeldRecord,
    OfferedPrekey,
    decide_confirmation,
    decide_deposit,
    decide_erasure,
    is_confirmed,
)
from diptych.protocols.depositing.deposit import ACKNOWLEDGEMENT, Acknowledgement, Deposit
from diptych.protocols.depositing.erasure import DELETION, Deletion, ErasureOrder
from diptych.protocols.depositing.prekey import ID_BYTES, LIFETIME, PREKEY, PREKEY_REQUEST, Prekey, PrekeyRequest
from diptych.roles.trustee.ceremonies import identity_in
from diptych.roles.trustee.model import StoredDeposit, StoredPrekey, StoredRecord
from diptych.roles.trustee.ports import MonthKeys, TrusteeStore, TrusteeTransaction
from diptych.roles.trustee.vault import open_deposit, open_record, store_held

UNCONFIRMED_FOR = timedelta(days=7)
TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Deposits:
    """The storing half of a trustee."""

    signer: Signer
    recipient: Recipient
    trusted: Trusted
    waiting_time: timedelta
    store: TrusteeStore
    keys: MonthKeys

    def offer_prekey(self, request: UnverifiedStatement[PrekeyRequest], *, now: datetime, entropy: Entropy) -> bytes:
        """A one-time key for an officer who may enrol or correct; the same request again gets the same one."""
        content = request.unverified
        with self.store.transaction() as state:
            officer = self._writer(state, content.officer)
            PREKEY_REQUEST.verify(request, officer.certificate.officer_key, now=now)
            if content.trustee != self._own:
                raise VerificationError("prekey.trustee", "it is meant for another trustee")
            if abs(now - content.requested_at) > TOLERANCE:
                raise VerificationError("prekey.time", "the request is too old, or a clock is wrong")
            known = state.prekey_for(request.digest)
            if known is not None:
                return known.answer
            recipient, expires = hpke.generate_recipient(), now.replace(microsecond=0) + LIFETIME
            prekey_id = entropy(ID_BYTES)
            prekey = Prekey(self._own, content.officer, request.digest, prekey_id, recipient.public_key, expires)
            answer = PREKEY.sign(prekey, signer=self.signer).encode()
            state.save_prekey(
                StoredPrekey(prekey_id, content.officer, request.digest, expires, recipient.seeds(), answer)
            )
            return answer

    def take(self, deposit: UnverifiedStatement[Deposit], *, now: datetime, entropy: Entropy) -> bytes:
        """Store a mask and acknowledge it. Its prekey is deleted in the same transaction."""
        content, version = deposit.unverified, deposit.unverified.version
        with self.store.transaction() as state:
            known = state.acknowledgement(deposit.digest)
            if known is not None:
                return known
            prekey = state.prekey(content.prekey_id)
            held = decide_deposit(
                deposit,
                identity=identity_in(state, self.signer.public_key, self.recipient),
                officer=state.officer(content.officer),
                revocation=state.revocation(content.officer),
                prekey=None
                if prekey is None
                else OfferedPrekey(prekey.officer, prekey.expires, hpke.load_recipient(prekey.seeds)),
                held=self._held(state, version.record_id),
                now=max(now, log_time(state)),
                waiting_time=self.waiting_time,
            )
            acknowledgement = ACKNOWLEDGEMENT.sign(
                Acknowledgement(self._own, version.record_id, version.number, version.record_hash, deposit.digest),
                signer=self.signer,
            ).encode()
            state.drop_prekey(content.prekey_id)
            state.save_deposit(
                StoredDeposit(
                    store_held(held, self.keys, day=now.date(), entropy=entropy),
                    held.digest,
                    acknowledgement,
                    now.replace(microsecond=0) + UNCONFIRMED_FOR,
                )
            )
            return acknowledgement

    def confirm(self, confirmation: Confirmation, *, now: datetime, entropy: Entropy) -> None:
        """Answer for this version from now on, and for no other: the log shows its enrolment or correction."""
        with self.store.transaction() as state:
            shown = see(state, confirmation.shown, self.trusted)
            held = self._held(state, confirmation.record_id)
            if held is not None and held.version.record_hash == confirmation.record_hash:
                return
            stored = state.deposit(confirmation.record_id, confirmation.record_hash)
            if stored is None:
                if held is not None and confirmation.number <= held.version.number:
                    raise Conflict("deposit.confirmed", "a version of that number is confirmed already")
                raise Conflict("deposit.unknown", "no deposit for this version is here: deposit it again")
            deposit = open_deposit(stored, self.keys)
            record = decide_confirmation(deposit, shown, held=held)
            assert is_confirmed(deposit.version, record)
            self._save(state, record, now=now, entropy=entropy)
            state.drop_deposits(confirmation.record_id)

    def erase(self, order: UnverifiedStatement[ErasureOrder], *, now: datetime, entropy: Entropy) -> bytes:
        """Delete every mask of a record, and say so in a signed statement. The same order gets the same statement."""
        content = order.unverified
        with self.store.transaction() as state:
            known = state.deletion(order.digest)
            if known is not None:
                return known
            stored = state.record(content.record_id)
            erased = decide_erasure(
                order,
                officer=state.officer(content.officer),
                revocation=state.revocation(content.officer),
                held=self._held(state, content.record_id),
                now=log_time(state),
                waiting_time=self.waiting_time,
            )
            assert stored is not None
            statement = DELETION.sign(
                Deletion(
                    self._own,
                    content.record_id,
                    content.record_hash,
                    order.digest,
                    now.replace(microsecond=0),
                ),
                signer=self.signer,
            ).encode()
            self._save(state, erased, now=now, entropy=entropy, period=stored.held.secrets.period)
            state.drop_deposits(content.record_id)
            state.save_deletion(order.digest, content.record_id, statement)
            return statement

    @property
    def _own(self) -> bytes:
        return fingerprint(self.signer.public_key)

    def _writer(self, state: TrusteeTransaction, fingerprint: bytes) -> HonouredOfficer:
        """The officer, if it may enrol or correct."""
        return check_officer(
            state.officer(fingerprint),
            revocation=state.revocation(fingerprint),
            roles=frozenset((Role.ENROL, Role.CORRECT)),
            now=log_time(state),
            waiting_time=self.waiting_time,
        )

    def _held(self, state: TrusteeTransaction, record_id: bytes) -> HeldRecord | None:
        stored = state.record(record_id)
        return None if stored is None else open_record(stored, self.keys)

    def _save(
        self,
        state: TrusteeTransaction,
        record: HeldRecord,
        *,
        now: datetime,
        entropy: Entropy,
        period: str | None = None,
    ) -> None:
        held = store_held(record, self.keys, day=now.date(), entropy=entropy, period=period)
        state.save_record(StoredRecord(held, is_erased=record.mask is None))
