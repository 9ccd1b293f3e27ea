"""Randomness that is the same everywhere for the same seed: SHA-256 in counter mode. Never for keys."""

import hashlib
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws for one purpose; another purpose's draws do not depend on how many were drawn here."""

    def __init__(self, seed: str, purpose: str) -> None:
        self._stream = _stream(f"{seed}\0{purpose}".encode())

    def below(self, end: int) -> int:
        """0 to `end` - 1, evenly: 64 bits more than needed make the bias too small to see."""
        length = end.bit_length() // 8 + 9
        return int.from_bytes(bytes(next(self._stream) for _ in range(length)), "big") % end

    def happens(self, once_in: int) -> bool:
        """True once in so many times."""
        return self.below(once_in) == 0

    def pick(self, items: Sequence[T]) -> T:
        """One of them, each equally likely."""
        return items[self.below(len(items))]

    def bytes(self, length: int) -> bytes:
        """So many bytes."""
        return bytes(next(self._stream) for _ in range(length))

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of them in another order (Fisher-Yates)."""
        found = list(items)
        for last in range(len(found) - 1, 0, -1):
            other = self.below(last + 1)
            found[last], found[other] = found[other], found[last]
        return found


class Weighted:
    """Draws positions 0, 1, 2, ... with falling likelihood, as names are spread: 1 / (rank + `head`) ^ `slope`."""

    def __init__(self, count: int, *, head: float, slope: float) -> None:
        self._sums = list(accumulate(1 / (rank + head) ** slope for rank in range(1, count + 1)))

    def draw(self, dice: Dice) -> int:
        """A position."""
        return min(bisect(self._sums, dice.below(1 << 53) / (1 << 53) * self._sums[-1]), len(self._sums) - 1)


def _stream(seed: bytes) -> Iterator[int]:
    counter = 0
    while True:
        yield from hashlib.sha256(seed + counter.to_bytes(8, "big")).digest()
        counter += 1
