"""Answering opening requests: this trustee's share, sealed to the officer's key, for what the public log already shows.

What is checked, and in which order, is `protocols/opening/decision`. Checkpoint, chain element, counts, deferral and
answer are kept in one transaction; a request that was answered gets the same bytes again; a refusal changes nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import Signer
from diptych.errors import Refused, Unavailable, VerificationError
from diptych.formats.record.sealing import unmask_share
from diptych.private import Secret
from diptych.protocols.certifying.standing import Trusted, log_time, see
from diptych.protocols.depositing.decision import HeldRecord
from diptych.protocols.opening.answer import build_answer
from diptych.protocols.opening.decision import (
    Granted,
    HolderState,
    KnownRecord,
    check_answered,
    decide,
    decide_disclosure,
)
from diptych.protocols.opening.disclosure import Disclosure
from diptych.protocols.opening.policy import HolderPolicy
from diptych.protocols.opening.request import Presentation
from diptych.roles.trustee.model import Counted, KeptAnswer, Review, Reviewed
from diptych.roles.trustee.ports import MonthKeys, TrusteeStore, TrusteeTransaction
from diptych.roles.trustee.vault import open_record, store_held

OPENINGS = "opening"


@dataclass(frozen=True)
class Openings:
    """The opening half of a trustee."""

    signer: Signer
    recipient: Recipient
    trusted: Trusted
    policy: HolderPolicy
    store: TrusteeStore
    keys: MonthKeys

    def answer(self, presentation: Presentation, *, now: datetime, entropy: Entropy) -> bytes:
        """The share, sealed to the request's reply key. `Unavailable` "opening.approval" until a person approves."""
        with self.store.transaction() as state:
            held = self._held(state, presentation.request.unverified.record_id)
            found = self._state(state, presentation, held)
            known = state.answer(presentation.request.digest)
            if known is not None:
                check_answered(presentation, state=found, expires_at=known.expires_at, now=log_time(state))
                return known.answer
            try:
                granted = decide(presentation, policy=self.policy, state=found)
            except Unavailable as unavailable:
                if unavailable.check != "opening.approval":
                    raise
                self._ask_a_person(state, presentation)
                refusal: Unavailable | None = unavailable
            else:
                refusal = None
                assert held is not None
                answer = build_answer(
                    granted, self._share(presentation, held), index=held.index, signer=self.signer
                ).encode()
                self._keep(state, granted, held, answer, now=now, entropy=entropy)
        if refusal is not None:
            raise refusal
        return answer

    def disclose(self, disclosure: Disclosure) -> None:
        """A deferred opening was disclosed to its citizen: it is watched no longer. Twice is once."""
        with self.store.transaction() as state:
            shown = see(state, disclosure.shown, self.trusted)
            deferral = state.deferral(disclosure.request)
            if deferral is None:
                return
            held = self._held(state, deferral.record_id)
            if held is None:
                raise Refused("opening.record", "no record of that id is held here")
            decide_disclosure(deferral, shown, chain=held.chain)
            state.drop_deferral(disclosure.request)

    def review(self, request: bytes, review: Review) -> Reviewed:
        """A person's word on a request that waits for one. `Refused` for a request that does not."""
        with self.store.transaction() as state:
            found = state.review(request)
            if found is None:
                raise Refused("review.unknown", "no such request waits for a person: it may have expired")
            decided = replace(found, review=review)
            state.save_review(decided)
            return decided

    def _state(self, state: TrusteeTransaction, presentation: Presentation, held: HeldRecord | None) -> HolderState:
        officer = presentation.request.unverified.officer
        reviewed = state.review(presentation.request.digest)
        if reviewed is not None and reviewed.review is Review.REFUSED:
            raise Refused("opening.refused_by_person", "a person at this trustee refused this request")
        return HolderState(
            checkpoint=state.kept_checkpoint(),
            officer=state.officer(officer),
            revocation=state.revocation(officer),
            record=None if held is None else _known(held),
            attestation=state.attestation(),
            officer_count=lambda day: state.count(Counted(OPENINGS, officer, day)),
            agency_count=lambda day: state.count(Counted(OPENINGS, None, day)),
            oldest_deferral=state.oldest_deferral(),
            is_approved=reviewed is not None and reviewed.review is Review.APPROVED,
        )

    def _share(self, presentation: Presentation, held: HeldRecord) -> Secret:
        assert held.mask is not None
        if presentation.envelope is None:
            raise VerificationError(
                "opening.envelope", "the share is masked here: its envelope in the record is needed"
            )
        return unmask_share(
            presentation.envelope,
            mask=held.mask,
            recipient=self.recipient,
            record_id=held.version.record_id,
            number=held.version.number,
            epoch=held.epoch,
            index=held.index,
            share_hash=held.share_hash,
        )

    def _keep(
        self,
        state: TrusteeTransaction,
        granted: Granted,
        held: HeldRecord,
        answer: bytes,
        *,
        now: datetime,
        entropy: Entropy,
    ) -> None:
        state.keep_checkpoint(granted.checkpoint)
        for officer in (granted.request.officer, None):
            state.count_one(Counted(OPENINGS, officer, granted.counted_on))
        if granted.deferral is not None:
            state.save_deferral(granted.deferral)
        stored = state.record(held.version.record_id)
        assert stored is not None
        moved = replace(held, chain=granted.chain)
        kept = store_held(moved, self.keys, day=now.date(), entropy=entropy, period=stored.held.secrets.period)
        state.save_record(replace(stored, held=kept))
        state.save_answer(KeptAnswer(granted.request_digest, answer, granted.expires_at))

    def _ask_a_person(self, state: TrusteeTransaction, presentation: Presentation) -> None:
        request = presentation.request.unverified
        if state.review(presentation.request.digest) is None:
            state.save_review(
                Reviewed(
                    presentation.request.digest,
                    Review.PENDING,
                    request.officer,
                    request.record_id,
                    request.legal_basis,
                    request.purpose,
                    request.case,
                    request.requested_at + self.policy.lifetime,
                )
            )

    def _held(self, state: TrusteeTransaction, record_id: bytes) -> HeldRecord | None:
        stored = state.record(record_id)
        return None if stored is None else open_record(stored, self.keys)


def _known(held: HeldRecord) -> KnownRecord:
    version = held.version
    return KnownRecord(version.record_id, version.number, version.record_hash, held.chain, is_erased=held.mask is None)
