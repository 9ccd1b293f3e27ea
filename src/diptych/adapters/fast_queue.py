"""A queue of the fast suite's answers: those that come together are verified together, in the thread of one of them.

    wait a few milliseconds for others -> verify all that wait, 64 at most -> each thread has its own result

Whoever comes first leads: it waits, verifies for everybody, and hands the lead to the first of those that came
meanwhile. So there is no thread that could die, and under load batches grow by themselves while one is verified. What
holds for a batch (bad members are named, the others are good) is `roles.verifier.fast_answer`'s to say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Generic, TypeVar

from diptych.errors import DiptychError, Unavailable

MOST_AT_ONCE = 64
MOST_WAITING = 1_024

E = TypeVar("E")
V = TypeVar("V")


@dataclass(eq=False)
class _Waiting(Generic[E, V]):
    presentation: bytes = field(repr=False)
    expected: E = field(repr=False)
    outcome: V | BaseException | None = field(default=None, repr=False)


class FastQueue(Generic[E, V]):
    """`FastCheck` that any number of threads call at once: presentation and what is expected in, what holds out.

    `verify_batch` gives each member's result or error, in order; `seconds` is how long the first waits for others.
    """

    def __init__(
        self,
        verify_batch: Callable[[Sequence[tuple[bytes, E]]], Sequence[V | DiptychError]],
        *,
        seconds: float,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._verify_batch = verify_batch
        self._seconds = seconds
        self._most_waiting = most_waiting
        self._changed = Condition()
        self._waiting: list[_Waiting[E, V]] = []
        self._leader: _Waiting[E, V] | None = None

    def __call__(self, presentation: bytes, expected: E) -> V:
        """What the answer reveals, or the error that names what does not hold; `Unavailable` if too many wait."""
        mine = _Waiting[E, V](presentation, expected)
        with self._changed:
            if len(self._waiting) >= self._most_waiting:
                raise Unavailable("presentation.queue", "too many answers wait to be checked: try again in a moment")
            self._waiting.append(mine)
            if self._leader is None:
                self._leader = mine
            else:
                self._changed.notify_all()  # the leader may have enough now
            self._changed.wait_for(lambda: mine.outcome is not None or self._leader is mine)
        if mine.outcome is None:
            self._lead()
        if isinstance(mine.outcome, BaseException):
            raise mine.outcome
        assert mine.outcome is not None  # `_lead` gives every member of its batch an outcome, its own included
        return mine.outcome

    def _lead(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) >= MOST_AT_ONCE, timeout=self._seconds)
            # The leader came first, so it is among them.
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        try:
            outcomes: Sequence[V | BaseException] = self._verify_batch(
                [(one.presentation, one.expected) for one in batch]
            )
        except BaseException as error:  # noqa: BLE001: a bug must not leave the others waiting for ever
            outcomes = [error] * len(batch)
        with self._changed:
            for one, outcome in zip(batch, outcomes, strict=True):
                one.outcome = outcome
            self._leader = self._waiting[0] if self._waiting else None
            self._changed.notify_all()
