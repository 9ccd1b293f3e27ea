"""Answering lookups: every point multiplied by this trustee's key share, counted once, within quotas.

The trustee learns neither who is looked for nor whether anybody was found (docs/spec/lookup.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto import lookup_prf
from diptych.crypto.lookup_prf import KeyShare
from diptych.crypto.signing import Signer, fingerprint
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.protocols.certifying.standing import log_time
from diptych.protocols.lookup.decision import TOLERANCE, LookupCounts, LookupPolicy, LookupState, decide_lookup
from diptych.protocols.lookup.request import LOOKUP_ANSWER, LookupAnswer, LookupRequest
from diptych.protocols.opening.holding import Counted, KeptAnswer
from diptych.roles.trustee.ports import TrusteeStore, TrusteeTransaction


@dataclass(frozen=True)
class Lookups:
    """The looking-up half of a trustee, which answers with its share of the key in its trustee set."""

    signer: Signer
    policies: Mapping[str, LookupPolicy]
    store: TrusteeStore

    def answer(self, request: UnverifiedStatement[LookupRequest], *, now: datetime) -> bytes:
        """The points times this trustee's share. `Refused` before anything is multiplied.

        The count is kept before the answer is made: whoever breaks off has used up one of its quota.
        """
        content = request.unverified
        with self.store.transaction() as state:
            known = state.nonce(content.nonce)
            share = _share_in_force(state, content.purpose)
            found = self._state(state, content, known, share, now)
            decide_lookup(request, state=found, now=now, log_time=log_time(state))
            if known is not None:
                return known.answer
            assert share is not None  # its generation is the request's
            made = self._evaluate(request, share)
            for officer in (content.officer, None):
                state.count_one(self._counted(content, officer, now))
            state.save_nonce(
                content.nonce, KeptAnswer(request.digest, made, now.replace(microsecond=0) + 2 * TOLERANCE)
            )
            return made

    def _state(
        self,
        state: TrusteeTransaction,
        content: LookupRequest,
        known: KeptAnswer | None,
        share: KeyShare | None,
        now: datetime,
    ) -> LookupState:
        return LookupState(
            policies=self.policies,
            generations={} if share is None else {content.purpose: share.generation},
            officer=state.officer(content.officer),
            revocation=state.revocation(content.officer),
            counts=LookupCounts(
                officer=state.count(self._counted(content, content.officer, now)),
                agency=state.count(self._counted(content, None, now)),
            ),
            seen=None if known is None else known.request,
        )

    def _evaluate(self, request: UnverifiedStatement[LookupRequest], share: KeyShare) -> bytes:
        content = request.unverified
        points = lookup_prf.evaluate(share, content.points)
        answer = LookupAnswer(
            fingerprint(self.signer.public_key), request.digest, content.purpose, share.generation, share.index, points
        )
        return LOOKUP_ANSWER.sign(answer, signer=self.signer).encode()

    @staticmethod
    def _counted(content: LookupRequest, officer: bytes | None, now: datetime) -> Counted:
        return Counted(f"lookup {content.purpose}", officer, now.date())


def _share_in_force(state: TrusteeTransaction, purpose: str) -> KeyShare | None:
    """The share of the generation in the trustee set: a key that was shared anew counts once its set is public."""
    found = state.trustee_set()
    key = None if found is None else next((key for key in found.purposes if key.purpose == purpose), None)
    return next((share for share in state.shares(purpose) if key and share.generation == key.generation), None)
