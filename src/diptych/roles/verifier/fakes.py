"""Fakes beside their ports: the store in memory, and a proof verifier that does as it is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from diptych.crypto.longfellow import Claim
from diptych.crypto.signing import PublicKey
from diptych.errors import Conflict, DiptychError, Refused
from diptych.formats.bbs_credential.epoch import Epoch, accepted
from diptych.formats.bbs_credential.trust import FastSuiteTrust
from diptych.roles.verifier.model import FINAL, READABLE_AFTER, Event, Presentation, State, Verdict, move


@dataclass
class FixedEpochs:
    """`Epochs` from a list that a test holds."""

    listed: list[Epoch] = field(default_factory=list)

    def accepted(self, trust: FastSuiteTrust, *, now: datetime) -> Sequence[Epoch]:
        return accepted(self.listed, now=now)


class MemoryVerifierStore:
    """A `VerifierStore` in memory. `fail` is called before and after each write, and may raise."""

    def __init__(self, fail: Callable[[str], None] = lambda moment: None) -> None:
        self._presentations: dict[str, Presentation] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._fail = fail

    def add(self, presentation: Presentation) -> None:
        self._fail("before add")
        if presentation.id in self._presentations or presentation.id in self._verdicts:
            raise Conflict("presentation.exists", "there is a presentation with this id")
        self._presentations[presentation.id] = presentation
        self._fail("after add")

    def presentation(self, presentation_id: str) -> Presentation | None:
        return self._presentations.get(presentation_id)

    def advance(self, presentation_id: str, event: Event, *, now: datetime) -> Presentation:
        self._fail("before advance")
        presentation = self._known(presentation_id)
        if presentation.is_due(now):
            presentation = self._expire(presentation)
        next_state = move(presentation.state, event)
        if next_state in FINAL:
            raise Conflict("presentation.verdict", "a verdict is reached by concluding")
        presentation = self._presentations[presentation_id] = replace(presentation, state=next_state)
        self._fail("after advance")
        return presentation

    def conclude(self, presentation_id: str, verdict: Verdict) -> None:
        self._fail("before conclude")
        presentation = self._known(presentation_id)
        move(presentation.state, Event.ACCEPT if verdict.accepted else Event.REFUSE)
        del self._presentations[presentation_id]
        self._verdicts[presentation_id] = verdict
        self._fail("after conclude")

    def verdict(self, presentation_id: str) -> Verdict | None:
        return self._verdicts.get(presentation_id)

    def verdicts(self) -> Sequence[Verdict]:
        return sorted(self._verdicts.values(), key=lambda verdict: verdict.time)

    def forget_expired(self, now: datetime) -> None:
        for presentation in list(self._presentations.values()):
            if presentation.is_due(now):
                self._expire(presentation)
            if now >= presentation.expires_at + READABLE_AFTER:
                del self._presentations[presentation.id]

    def _known(self, presentation_id: str) -> Presentation:
        if presentation_id in self._verdicts:
            move(self._verdicts[presentation_id].state, Event.ANSWER)
        if presentation_id not in self._presentations:
            raise Refused("presentation.unknown", "there is no such presentation", code="invalid_request")
        return self._presentations[presentation_id]

    def _expire(self, presentation: Presentation) -> Presentation:
        expired = self._presentations[presentation.id] = replace(presentation, state=State.EXPIRED, session=None)
        return expired


@dataclass
class FakeProofVerifier:
    """Believes every proof and remembers what it was asked, or raises `error`."""

    error: DiptychError | None = None
    asked: list[dict[str, object]] = field(default_factory=list)

    def verify(
        self,
        *,
        issuer_key: PublicKey,
        transcript: bytes,
        claims: Sequence[Claim],
        timestamp: datetime,
        proof: bytes,
        doc_type: str,
        zk_system_id: str,
    ) -> None:
        self.asked.append(
            {
                "issuer_key": issuer_key,
                "transcript": transcript,
                "claims": tuple(claims),
                "timestamp": timestamp,
                "doc_type": doc_type,
                "zk_system_id": zk_system_id,
            }
        )
        if self.error is not None:
            raise self.error
