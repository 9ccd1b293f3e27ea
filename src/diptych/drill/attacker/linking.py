"""Are these two from the same person? Everything in two messages that no third one has is looked at.

Every run of `RUN` bytes of a message is compared with those of all others. What two have and others do not links them:
a device key, a signature, a salt, a number, whatever its format. What all have (a docType, a certificate) says nothing.
A run or two are chance: proofs vary in size, and the first bytes of two lengths agree beside a format's own bytes.
"""

from collections import Counter
from collections.abc import Sequence

RUN = 12
LINK = 5
"""So many runs are a link: sixteen bytes in one piece, the shortest salt (ISO/IEC 18013-5, 9.1.2.5)."""


def runs_of(data: bytes) -> frozenset[bytes]:
    """Every run of bytes in a message."""
    return frozenset(data[start : start + RUN] for start in range(max(0, len(data) - RUN + 1)))


def linked(messages: Sequence[tuple[int, bytes]]) -> int:
    """How many messages are put together with another of the same person, by what only the two have.

    `messages` are pairs of who it was, for keeping score, and the bytes.
    """
    runs = [runs_of(data) for _, data in messages]
    owners = Counter(run for found in runs for run in found)
    right = 0
    for position, (person, _) in enumerate(messages):
        shared = {
            other: sum(owners[run] == 2 for run in runs[position] & runs[other])
            for other in range(len(messages))
            if other != position
        }
        best = max(shared, key=lambda other: shared[other])
        right += shared[best] >= LINK and messages[best][0] == person
    return right


def recognised(messages: Sequence[tuple[int, bytes]], issued: Sequence[tuple[int, bytes]]) -> int:
    """How many messages an issuer that remembers all it ever issued can put a name to.

    What every message has (a date, a certificate) is nobody's, though it stand in one person's documents alone.
    """
    right = 0
    in_all = frozenset[bytes].intersection(*(runs_of(data) for _, data in messages))
    known = {person: runs_of(data) for person, data in issued}
    everybody = Counter(run for found in known.values() for run in found)
    for person, data in messages:
        found = runs_of(data) - in_all
        shared = {owner: sum(everybody[run] == 1 for run in found & runs) for owner, runs in known.items()}
        best = max(shared, key=lambda owner: shared[owner])
        right += shared[best] > 0 and best == person
    return right
