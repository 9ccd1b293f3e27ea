"""What every holder keeps, in memory: for tests, and inside the fakes of the roles that hold."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Self

from diptych.protocols.certifying.fakes import MemoryStanding
from diptych.protocols.opening.decision import Deferral
from diptych.protocols.opening.holding import Counted, KeptAnswer, Review, Reviewed

COUNTS_KEPT = timedelta(days=7)


@dataclass
class MemoryHolder(MemoryStanding):
    """`HolderTransaction` over dictionaries."""

    answers: dict[bytes, KeptAnswer] = field(default_factory=dict)
    counts: dict[Counted, int] = field(default_factory=dict)
    deferrals: dict[bytes, Deferral] = field(default_factory=dict)
    reviewed: dict[bytes, Reviewed] = field(default_factory=dict)

    def copy(self) -> Self:
        """The same, to be changed apart."""
        copied = copy.copy(self)
        for name, table in vars(self).items():
            if isinstance(table, dict | list):
                setattr(copied, name, copy.copy(table))
        return copied

    def answer(self, request: bytes) -> KeptAnswer | None:
        return self.answers.get(request)

    def save_answer(self, answer: KeptAnswer) -> None:
        self.answers[answer.request] = answer

    def count(self, counted: Counted) -> int:
        return self.counts.get(counted, 0)

    def count_one(self, counted: Counted) -> None:
        self.counts[counted] = self.count(counted) + 1

    def deferral(self, request: bytes) -> Deferral | None:
        return self.deferrals.get(request)

    def save_deferral(self, deferral: Deferral) -> None:
        self.deferrals[deferral.request] = deferral

    def drop_deferral(self, request: bytes) -> None:
        self.deferrals.pop(request, None)

    def oldest_deferral(self) -> date | None:
        return min((deferral.disclose_on for deferral in self.deferrals.values()), default=None)

    def review(self, request: bytes) -> Reviewed | None:
        return self.reviewed.get(request)

    def save_review(self, review: Reviewed) -> None:
        self.reviewed[review.request] = review

    def forget_answers(self, now: datetime) -> None:
        """Answers and reviews past their time, and the counts of days that are more than a week gone."""
        self.answers = {key: one for key, one in self.answers.items() if one.expires_at > now}
        self.reviewed = {key: one for key, one in self.reviewed.items() if one.expires_at > now}
        self.counts = {key: n for key, n in self.counts.items() if key.day >= now.date() - COUNTS_KEPT}

    def pending_reviews(self) -> Sequence[Reviewed]:
        """Every request that waits for a person, oldest first."""
        waiting = [one for one in self.reviewed.values() if one.review is Review.PENDING]
        return tuple(sorted(waiting, key=lambda one: (one.expires_at, one.request)))
