"""A holder at work: a trustee or the agency's key service, answering opening requests out of what it keeps.

What is checked, and in which order, is `decision`. Checkpoint, chain element, counts, deferral and answer are kept in
one transaction; a request that was answered gets the same bytes again; a refusal changes nothing.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from diptych.crypto.signing import Signer
from diptych.errors import Refused, Unavailable
from diptych.formats.tlog.label import ChainElement
from diptych.private import Personal, Secret
from diptych.protocols.certifying.standing import Standing, Trusted, log_time, see
from diptych.protocols.opening.answer import build_answer
from diptych.protocols.opening.decision import (
    Deferral,
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

OPENINGS = "opening"


@dataclass(frozen=True)
class KeptAnswer:
    """An answer that is given again, with the same bytes, until `expires_at`."""

    request: bytes
    answer: bytes = field(repr=False)
    expires_at: datetime


class Review(StrEnum):
    """Where a request stands that a person has to approve."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True)
class Reviewed:
    """A request that a person at the trustee has to look at, with what that person is shown."""

    request: bytes
    review: Review
    officer: bytes
    record_id: bytes
    legal_basis: str
    purpose: str
    case: Personal[str] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Counted:
    """What is counted in a day: openings, or lookups of one purpose; by one officer, or by the whole agency (None)."""

    what: str
    officer: bytes | None
    day: date


class HolderTransaction(Standing, Protocol):
    """The part of a holder's memory, inside one transaction, that openings are decided upon."""

    def answer(self, request: bytes) -> KeptAnswer | None:
        """What was answered to the request with this digest."""
        ...

    def save_answer(self, answer: KeptAnswer) -> None:
        """Insert it."""
        ...

    def count(self, counted: Counted) -> int:
        """How many there were."""
        ...

    def count_one(self, counted: Counted) -> None:
        """One more."""
        ...

    def deferral(self, request: bytes) -> Deferral | None:
        """The deferred opening that was answered here and is not disclosed yet."""
        ...

    def save_deferral(self, deferral: Deferral) -> None:
        """Watch it from now on."""
        ...

    def drop_deferral(self, request: bytes) -> None:
        """It was disclosed."""
        ...

    def oldest_deferral(self) -> date | None:
        """The earliest day on which an opening that is watched is to be disclosed."""
        ...

    def review(self, request: bytes) -> Reviewed | None:
        """What a person said of this request, or that nobody has yet."""
        ...

    def save_review(self, review: Reviewed) -> None:
        """Insert or replace it."""
        ...


_T = TypeVar("_T", bound=HolderTransaction)
_T_contra = TypeVar("_T_contra", bound=HolderTransaction, contravariant=True)


class Kept(Protocol[_T_contra]):
    """What a holder has of records, in its own memory."""

    def known(self, state: _T_contra, record_id: bytes) -> KnownRecord | None:
        """The record's latest version and an element of its label chain."""
        ...

    def secret(self, state: _T_contra, presentation: Presentation) -> tuple[int, Secret]:
        """The index and the secret that this holder answers with: its share, or the agency's half."""
        ...

    def move(self, state: _T_contra, record_id: bytes, chain: ChainElement) -> None:
        """Keep this element of the record's chain from now on."""
        ...


@dataclass(frozen=True)
class Holder(Generic[_T]):
    """The opening half of a holder."""

    signer: Signer
    trusted: Trusted
    policy: HolderPolicy
    transaction: Callable[[], AbstractContextManager[_T]]
    kept: Kept[_T]

    def answer(self, presentation: Presentation) -> bytes:
        """The secret, sealed to the request's reply key. `Unavailable` "opening.approval" until a person approves."""
        refusal: Unavailable | None = None
        with self.transaction() as state:
            found = self._state(state, presentation)
            known = state.answer(presentation.request.digest)
            if known is not None:
                check_answered(presentation, state=found, expires_at=known.expires_at, now=log_time(state))
                return known.answer
            try:
                granted = decide(presentation, policy=self.policy, state=found)
            except Unavailable as unavailable:
                refusal = unavailable
                self._ask_a_person(state, presentation)
            else:
                index, secret = self.kept.secret(state, presentation)
                answer = build_answer(granted, secret, index=index, signer=self.signer).encode()
                self._keep(state, granted, answer)
        if refusal is not None:
            raise refusal
        return answer

    def disclose(self, disclosure: Disclosure) -> None:
        """A deferred opening was disclosed to its citizen: it is watched no longer. Twice is once."""
        with self.transaction() as state:
            shown = see(state, disclosure.shown, self.trusted)
            deferral = state.deferral(disclosure.request)
            if deferral is None:
                return
            known = self.kept.known(state, deferral.record_id)
            if known is None:
                raise Refused("opening.record", "no record of that id is held here")
            decide_disclosure(deferral, shown, chain=known.chain)
            state.drop_deferral(disclosure.request)

    def review(self, request: bytes, review: Review) -> Reviewed:
        """A person's word on a request that waits for one. `Refused` for a request that does not."""
        with self.transaction() as state:
            found = state.review(request)
            if found is None:
                raise Refused("review.unknown", "no such request waits for a person: it may have expired")
            decided = replace(found, review=review)
            state.save_review(decided)
            return decided

    def _state(self, state: _T, presentation: Presentation) -> HolderState:
        request = presentation.request.unverified
        reviewed = state.review(presentation.request.digest)
        if reviewed is not None and reviewed.review is Review.REFUSED:
            raise Refused("opening.refused_by_person", "a person at this holder refused this request")
        return HolderState(
            checkpoint=state.kept_checkpoint(),
            officer=state.officer(request.officer),
            revocation=state.revocation(request.officer),
            record=self.kept.known(state, request.record_id),
            attestation=state.attestation(),
            officer_count=lambda day: state.count(Counted(OPENINGS, request.officer, day)),
            agency_count=lambda day: state.count(Counted(OPENINGS, None, day)),
            oldest_deferral=state.oldest_deferral(),
            is_approved=reviewed is not None and reviewed.review is Review.APPROVED,
        )

    def _keep(self, state: _T, granted: Granted, answer: bytes) -> None:
        state.keep_checkpoint(granted.checkpoint)
        for officer in (granted.request.officer, None):
            state.count_one(Counted(OPENINGS, officer, granted.counted_on))
        if granted.deferral is not None:
            state.save_deferral(granted.deferral)
        self.kept.move(state, granted.request.record_id, granted.chain)
        state.save_answer(KeptAnswer(granted.request_digest, answer, granted.expires_at))

    def _ask_a_person(self, state: _T, presentation: Presentation) -> None:
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
