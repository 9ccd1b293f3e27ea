"""Range: a date or integer is on one side of a bound, within a window below or above it.

The distance to the bound is written in digits, each digit has a token in the digit set, and the lowest digit is the
affine form `distance - sum(other digits)`: it has no response of its own, so the sum needs no equation. A two-sided
range is two of these. What a bound means (older than 18 today) is left to the caller, with `latest_birth_date`.
"""

from dataclasses import dataclass

from diptych.crypto.fast_suite.credential import INTEGER_LIMIT, Kind
from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Witness, described, described_attribute
from diptych.crypto.fast_suite.statements.token import assign_token, relate_token
from diptych.crypto.fast_suite.system import Attribute, Linear, System
from diptych.crypto.fast_suite.tokens import PublicSet, SignedSet
from diptych.errors import FormatError, Refused

MAX_DIGITS = 8


@dataclass(frozen=True)
class Range:
    """Witness: the `SignedSet` of `digits`, whose elements are 0 ... base - 1.

    With w = base^length (65,536 by default: 179 years of days):
    at most:  bound - w < value <= bound        at least:  bound <= value < bound + w
    """

    attribute: Attribute
    digits: PublicSet
    at_most: int | None = None
    at_least: int | None = None
    length: int = 2

    def describe(self) -> bytes:
        side = b"at most" if self.at_most is not None else b"at least"
        return described(
            "range",
            described_attribute(self.attribute),
            side,
            self._bound().to_bytes(8, "big"),
            self.length.to_bytes(1, "big"),
            self.digits.role,
            self.digits.key,
        )

    def link(self, system: System) -> None:
        base = len(self.digits.elements)
        if self.digits.elements != tuple(range(base)) or base < 2:
            raise FormatError("fast_suite.range", "the digit set is 0 to base - 1")
        if not 1 <= self.length <= MAX_DIGITS or base**self.length > INTEGER_LIMIT:
            # Far below the group order, so that no distance can wrap around it
            raise FormatError("fast_suite.range", "a window of at most 2^64")

    def relate(self, system: System) -> None:
        key = system.key(self.digits.role, self.digits.key)
        lowest = self._distance(system.hidden_attribute(self.attribute, Kind.INTEGER, Kind.DATE))
        others = []
        for place in range(1, self.length):
            digit = system.secret()
            lowest = lowest - digit * len(self.digits.elements) ** place
            others.append(digit)
        for digit in (lowest, *others):
            relate_token(system, key, digit)

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        if not isinstance(witness, SignedSet) or witness.public != self.digits:
            raise TypeError("the witness of a range is its signed digits")
        base = len(self.digits.elements)
        distance = self._distance(Linear(knowledge.attribute(self.attribute), {})).constant
        if not 0 <= distance < base**self.length:
            raise Refused("fast_suite.range", "the attribute is not in the range")
        digits = [distance // base**place % base for place in range(self.length)]
        tokens = [assign_token(witness.tokens[digit], knowledge) for digit in digits]
        return Assignment(
            [point for token in tokens for point in token.points],
            [*digits[1:], *(secret for token in tokens for secret in token.secrets)],
        )

    def _bound(self) -> int:
        bounds = [bound for bound in (self.at_most, self.at_least) if bound is not None]
        if len(bounds) != 1 or not 0 <= bounds[0] < INTEGER_LIMIT:
            raise FormatError("fast_suite.range", "one bound, from 0 to 2^64 - 1")
        return bounds[0]

    def _distance(self, value: Linear) -> Linear:
        bound = Linear(self._bound(), {})
        return bound - value if self.at_most is not None else value - bound
