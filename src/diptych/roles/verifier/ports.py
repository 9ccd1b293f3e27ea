"""What the verifier needs from outside, in its own words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from diptych.crypto.longfellow import Claim
from diptych.crypto.signing import PublicKey
from diptych.formats.bbs_credential.epoch import Epoch
from diptych.formats.bbs_credential.trust import FastSuiteTrust
from diptych.private import Personal
from diptych.roles.verifier.model import Event, Presentation, Verdict
from diptych.roles.verifier.outcomes import Outcome


class VerifierStore(Protocol):
    """The verifier's memory. Every method is one transaction: durable on return, undone where it raises."""

    def add(self, presentation: Presentation) -> None:
        """Keep a new presentation. `Conflict` if there is one with its id."""
        ...

    def presentation(self, presentation_id: str) -> Presentation | None:
        """The presentation as it stands; None if there is none, or its verdict took its place."""
        ...

    def advance(self, presentation_id: str, event: Event, *, now: datetime) -> Presentation:
        """Make one move of `model.MOVES`, nobody else moving meanwhile, and return the result.

        One whose time has passed expires instead, and its session is deleted. `Conflict` where the table has no such
        move, or where it expired; `Refused` if there is no such presentation. Never makes a move to a verdict.
        """
        ...

    def conclude(self, presentation_id: str, verdict: Verdict) -> None:
        """Move to the verdict, which takes the presentation's place: one is kept and the other deleted, or neither.

        `Conflict` where the table has no such move: the second of two verdicts is not kept.
        """
        ...

    def verdict(self, presentation_id: str) -> Verdict | None:
        """The verdict, if there is one."""
        ...

    def verdicts(self) -> Sequence[Verdict]:
        """Every verdict kept, oldest first."""
        ...

    def forget_expired(self, now: datetime) -> None:
        """Expire what is due, deleting its session; delete what expired an hour ago. Verdicts stay."""
        ...


class Epochs(Protocol):
    """What the issuer's signer of epochs says: which keys of the fast suite say "not revoked" now."""

    def accepted(self, trust: FastSuiteTrust, *, now: datetime) -> Sequence[Epoch]:
        """The epochs accepted at `now`, the newest first, verified. `Unavailable` if they cannot be learned.

        `VerificationError` by its name for an issuer whose key of an epoch is not the one that everybody sees.
        """
        ...


class ProofVerifier(Protocol):
    """Checks zero-knowledge proofs where their crashing harms nobody."""

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
        """Raises `VerificationError` unless the proof holds for exactly this statement.

        `Refused` for what is outside its limits, `Unavailable` if nobody is free to check it.
        """
        ...


class Outcomes(Protocol):
    """What is in memory of accepted answers until their time is over. Never on disk; gone with its process.

    Every process that answers for one verifier shares it. A bounded number: of too many, the oldest is forgotten.
    """

    def remember(self, presentation_id: str, outcome: Outcome) -> None:
        """Hold it; whoever looks from now on finds it."""
        ...

    def find(self, presentation_id: str) -> Outcome | None:
        """The outcome, if it is held. Changes nothing."""
        ...

    def hand_over(self, presentation_id: str) -> Mapping[str, Personal[str | int | bool]]:
        """What was revealed, to the first who asks; the second, even at the same moment, gets nothing of it."""
        ...

    def forget_expired(self, now: datetime) -> None:
        """Let go of what is past its time."""
        ...
