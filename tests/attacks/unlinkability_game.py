"""The game: two answers; are they of one citizen or of two? The adversary has all verifiers, the issuer and its keys.

A transcript is all that a verifier receives: the bytes of the answer, what is in them, their size, and in which order
they came. The adversary gets no help from the test: it looks for anything that is equal in the two answers and is not
equal in everybody's, for anything that the issuer's records name, and for order and size.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, EncodedCbor, FullDate, Tag, TDate


@dataclass(frozen=True)
class Transcript:
    """One answer on the wire, opened as its verifier opens it."""

    presentation: bytes
    size: int


@dataclass(frozen=True)
class Adversary:
    """`common` is what every answer of this mode has, learned from answers of many others. `issued` is what the issuer
    remembers of each citizen: copies, device keys, revocation ids, commitments, tokens, signatures."""

    common: frozenset[bytes]
    sizes: frozenset[int]
    issued: Sequence[frozenset[bytes]]

    def is_one_citizen(self, one: Transcript, other: Transcript) -> bool | None:
        """Its verdict, or None where it sees no difference and would guess."""
        first, second = atoms(one.presentation), atoms(other.presentation)
        # 1. What both have and not everybody has: a signature, a key, a digest, a salt, an id.
        if (first & second) - self.common:
            return True
        # 2. What the issuer gave out: whose is each of them?
        owners = [
            {number for number, given in enumerate(self.issued) if not given.isdisjoint(found)}
            for found in (first, second)
        ]
        if all(owners):
            return owners[0] == owners[1]
        # 3. Sizes that are not everybody's.
        if one.size != other.size and {one.size, other.size} - self.sizes:
            return False
        return None


def atoms(data: bytes) -> frozenset[bytes]:
    """Everything in an answer that could be recognised: every scalar, key, string and piece of binary, at any depth."""
    found: set[bytes] = set()
    _collect(cbor.decode(data), found)
    return frozenset(found)


def _collect(value: CborValue, found: set[bytes]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _collect(key, found)
            _collect(inner, found)
        # The order of members is on the wire too.
        found.add(repr(list(value)).encode())
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, found)
    elif isinstance(value, EncodedCbor):
        _collect(value.decoded(), found)
    elif isinstance(value, Tag):
        _collect(value.value, found)
    elif isinstance(value, bytes):
        found.add(value)
        # A proof is a row of points and scalars: each piece by itself.
        for width in (32, 48, 96):
            found.update(value[start : start + width] for start in range(0, len(value) - width + 1, 16))
        if 32 < len(value) < 20_000:
            with suppress(FormatError):  # not CBOR inside: nothing more to see
                _collect(cbor.decode(value), found)
    elif isinstance(value, FullDate | TDate):
        found.add(value.text.encode())
    else:
        found.add(repr(value).encode())


def advantage(adversary: Adversary, play: Callable[[bool], tuple[Transcript, Transcript]], rounds: int) -> float:
    """How much better than a coin the adversary does: 0 for a guesser, 1 for one who is always right."""
    score = 0.0
    for number in range(rounds):
        is_one = number % 2 == 0
        verdict = adversary.is_one_citizen(*play(is_one))
        score += 0.5 if verdict is None else float(verdict is is_one)
    return abs(2 * score / rounds - 1)
