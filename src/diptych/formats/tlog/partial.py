"""Part of a Merkle tree: some leaves, and the hash of every subtree that holds none of them. One proof for many leaves.

Which leaves, and what their order says, is left to the caller; the root that they lead to is compared with one that
the caller took from something verified.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

from diptych.errors import VerificationError
from diptych.formats.tlog import tree

_Ask = Callable[[int, int], bytes]


class PartialTree:
    """Leaves of a tree of `size`, by index, and `hashes`: of the largest subtrees without any of them, left to right.

    `VerificationError` where there are more or fewer hashes than these leaves leave out, or a leaf beyond the tree.
    """

    def __init__(self, size: int, leaves: Mapping[int, bytes], hashes: Sequence[bytes]) -> None:
        self._size = size
        self._indexes = sorted(leaves)
        self._nodes: dict[tuple[int, int], bytes] = {}
        if self._indexes and not 0 <= self._indexes[0] <= self._indexes[-1] < size:
            raise VerificationError("tlog.partial.index", f"a tree of {size} has no such leaf")
        given = iter(hashes)
        self.root = self._fill(0, size, leaves, lambda start, end: next(given)) if size else tree.EMPTY_ROOT
        if next(given, None) is not None:
            raise VerificationError("tlog.partial.length", "more hashes than the tree has other subtrees")

    def path(self, index: int) -> tuple[bytes, ...]:
        """The inclusion proof (RFC 6962 2.1.1) of one of the leaves, its sibling first."""
        found: list[bytes] = []
        start, end = 0, self._size
        while end - start > 1:
            split = tree.split_of(start, end)
            if index < split:
                found.append(self._nodes[split, end])
                end = split
            else:
                found.append(self._nodes[start, split])
                start = split
        return tuple(reversed(found))

    def hashes_beside(self, indexes: Sequence[int]) -> tuple[bytes, ...]:
        """The `hashes` of the part that has only these of the leaves."""
        return _beside(self._size, sorted(indexes), lambda start, end: self._nodes[start, end])

    def _fill(self, start: int, end: int, leaves: Mapping[int, bytes], given: _Ask) -> bytes:
        if not _any_in(self._indexes, start, end):
            try:
                found = given(start, end)
            except StopIteration as error:
                raise VerificationError("tlog.partial.length", "fewer hashes than the tree has subtrees") from error
        elif end - start == 1:
            found = leaves[start]
        else:
            split = tree.split_of(start, end)
            found = tree.node_hash(self._fill(start, split, leaves, given), self._fill(split, end, leaves, given))
        self._nodes[start, end] = found
        return found


def hashes_beside(size: int, indexes: Sequence[int], node: tree.NodeReader) -> tuple[bytes, ...]:
    """What a `PartialTree` with these leaves needs besides them, out of the whole tree."""
    return _beside(size, sorted(indexes), lambda start, end: tree.range_hash(start, end, node))


def _beside(size: int, indexes: Sequence[int], ask: _Ask) -> tuple[bytes, ...]:
    found: list[bytes] = []
    ranges = [(0, size)] if size else []
    while ranges:
        start, end = ranges.pop()
        if not _any_in(indexes, start, end):
            found.append(ask(start, end))
        elif end - start > 1:
            split = tree.split_of(start, end)
            ranges += [(split, end), (start, split)]
    return tuple(found)


def _any_in(indexes: Sequence[int], start: int, end: int) -> bool:
    at = bisect_left(indexes, start)
    return at < len(indexes) and indexes[at] < end
