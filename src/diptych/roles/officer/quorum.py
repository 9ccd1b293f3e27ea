"""As many trustees as it takes: whoever fails, lies or is slow is named, and another is asked in its place.

All could be asked each time. But each look-up then costs every trustee its work and one of its quota, for answers that
nobody waits for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from diptych.crypto.entropy import Entropy
from diptych.errors import DiptychError
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.roles.officer.ports import Answers, Question, Replies, Slow


@dataclass
class Quorum:
    """Trustees on their way to `threshold` answers. `named` says by index who stood in the way, and by which check."""

    replies: Replies
    question: Callable[[Trustee], Question]
    waiting: Iterator[Trustee]
    besides: frozenset[int] = frozenset()
    named: dict[int, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[int, bytes | DiptychError]]:
        """What is said, until nobody is left to ask. Whoever is slow is named and replaced; its answer may yet come."""
        for index, answer in self.replies:
            if isinstance(answer, Slow):
                self.fault(index, answer.check)
            else:
                yield index, answer

    def fault(self, index: int, check: str) -> None:
        """This holder's answer does not count: the next trustee is asked, once for each that is named."""
        is_replaced = index in self.named or index in self.besides
        self.named[index] = check
        if not is_replaced:
            self.replies.ask({trustee.index: self.question(trustee) for trustee in islice(self.waiting, 1)})


def ask_quorum(
    holders: Answers,
    trustees: TrusteeSet,
    question: Callable[[Trustee], Question],
    *,
    threshold: int,
    besides: Mapping[int, Question] | None = None,
    entropy: Entropy,
) -> Quorum:
    """`threshold` trustees are asked, from a random one on, so that each has its share of the work and is seen to work.

    `besides` are holders that no trustee can stand in for. Draws `entropy(1)`.
    """
    start = entropy(1)[0] % len(trustees.trustees)
    waiting = iter((*trustees.trustees[start:], *trustees.trustees[:start]))
    first = {trustee.index: question(trustee) for trustee in islice(waiting, threshold)}
    others = besides or {}
    return Quorum(holders.ask({**others, **first}), question, waiting, frozenset(others))
