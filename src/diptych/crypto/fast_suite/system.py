"""The relations that statements put between points and hidden scalars, in one system with one set of unknowns.

A statement adds points that the prover sends, secrets, and equations; prover and verifier run the same code over it,
so that what is proved is written once. Making and checking the proof is left to `proof`, meanings to `statements`.

An equation says   sum(base * secret form) = sum(base * public scalar)   in G1, or, when it is paired with a key,
e(sum(base * secret form), g2) = e(point, key).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from diptych.crypto.bls12381 import G1, G2, FixedBase
from diptych.crypto.fast_suite.credential import Kind, Layout
from diptych.crypto.fast_suite.tokens import parse_key
from diptych.errors import FormatError

MAX_CREDENTIALS = 4


class Attribute(NamedTuple):
    """One signed scalar: of which possession statement (counted from 0), at which position of its layout."""

    credential: int
    position: int


class Sent(NamedTuple):
    """A point that the prover sends, by its number."""

    number: int


Base = Sent | FixedBase | G1


class Linear:
    """A public affine form of secrets: constant + sum(coefficient * secret). Has a response without sending one."""

    __slots__ = ("constant", "terms")

    def __init__(self, constant: int, terms: dict[int, int]) -> None:
        self.constant = constant
        self.terms = terms

    def __add__(self, other: "Linear") -> "Linear":
        terms = dict(self.terms)
        for secret, coefficient in other.terms.items():
            terms[secret] = terms.get(secret, 0) + coefficient
        return Linear(self.constant + other.constant, terms)

    def __mul__(self, factor: int) -> "Linear":
        return Linear(self.constant * factor, {secret: factor * value for secret, value in self.terms.items()})

    def __neg__(self) -> "Linear":
        return self * -1

    def __sub__(self, other: "Linear") -> "Linear":
        return self + -other

    def at(self, secrets: Sequence[int], unit: int) -> int:
        """Its value where 1 stands as `unit`: 1 for witnesses, 0 for nonces, the challenge for responses."""
        total = self.constant * unit
        for secret, coefficient in self.terms.items():
            total += coefficient * secrets[secret]
        return total


@dataclass(frozen=True)
class Equation:
    """`paired_with` None: in G1. Otherwise `equals` is one sent point, paired with that key."""

    terms: tuple[tuple[Base, Linear], ...]
    equals: tuple[tuple[Base, int], ...]
    paired_with: G2 | None


class System:
    """What one presentation's statements add up to. Filled by `link` of each statement, then by `relate` of each."""

    def __init__(self, audience: str) -> None:
        self.audience = audience
        self.point_count = 0
        self.secret_count = 0
        self.equations: list[Equation] = []
        self.attribute_secrets: dict[Attribute, int] = {}
        self.own_secrets: list[int] = []
        self.published: list[Sent] = []
        self._layouts: list[Layout] = []
        self._same: dict[Attribute, Attribute] = {}
        self._public: dict[Attribute, int] = {}
        self._roles: dict[bytes, bytes] = {}

    # link: before any relation, what is there, what is public, what is the same

    def add_credential(self, number: int, layout: Layout) -> None:
        if number != len(self._layouts) or number == MAX_CREDENTIALS:
            raise FormatError("fast_suite.statements", f"possessions count from 0 to at most {MAX_CREDENTIALS - 1}")
        self._layouts.append(layout)

    def disclose(self, attribute: Attribute, scalar: int) -> None:
        root = self.root(attribute)
        if self._public.setdefault(root, scalar) != scalar:
            raise FormatError("fast_suite.disclosure", "one attribute is disclosed with two values")

    def identify(self, one: Attribute, other: Attribute) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            if other in self._public:
                self.disclose(one, self._public.pop(other))
            self._same[other] = one

    # relate

    def kind(self, attribute: Attribute) -> Kind:
        """FormatError when the presentation has no such attribute."""
        if not 0 <= attribute.credential < len(self._layouts):
            raise FormatError("fast_suite.attribute", "the attribute of a credential that is not presented")
        layout = self._layouts[attribute.credential]
        if not 0 <= attribute.position < layout.size:
            raise FormatError("fast_suite.attribute", "an attribute outside the credential's layout")
        return layout.kind(attribute.position)

    def attribute(self, attribute: Attribute) -> Linear:
        """Its form: the disclosed value, or the one secret that everything said about it shares."""
        root = self.root(attribute)
        if root in self._public:
            return Linear(self._public[root], {})
        if root not in self.attribute_secrets:
            self.kind(root)
            self.attribute_secrets[root] = self.secret_count
            self.secret_count += 1
        return Linear(0, {self.attribute_secrets[root]: 1})

    def hidden_attribute(self, attribute: Attribute, *kinds: Kind) -> Linear:
        """As `attribute`; FormatError when it is disclosed, or of another kind than the statement is about."""
        if self.kind(attribute) not in kinds:
            raise FormatError("fast_suite.kind", "a statement about an attribute of another kind")
        if self.root(attribute) in self._public:
            raise FormatError("fast_suite.disclosed", "a statement about an attribute that is disclosed")
        return self.attribute(attribute)

    def point(self) -> Sent:
        self.point_count += 1
        return Sent(self.point_count - 1)

    def secret(self) -> Linear:
        """One that is the statement's own, not an attribute."""
        self.own_secrets.append(self.secret_count)
        self.secret_count += 1
        return Linear(0, {self.secret_count - 1: 1})

    def publish(self, point: Sent) -> None:
        """This point is a result that the verifier keeps."""
        self.published.append(point)

    def key(self, role: bytes, encoded: bytes) -> G2:
        """A public key in one role. The same key in two would let one role's signatures pass for the other's."""
        if self._roles.setdefault(encoded, role) != role:
            raise FormatError("fast_suite.keys", "one key in two roles")
        return parse_key(encoded)

    def equation(self, terms: Sequence[tuple[Base, Linear]], equals: Sequence[tuple[Base, int]]) -> None:
        self.equations.append(Equation(tuple(terms), tuple(equals), None))

    def paired_equation(self, terms: Sequence[tuple[Base, Linear]], equals: Sent, key: G2) -> None:
        self.equations.append(Equation(tuple(terms), ((equals, 1),), key))

    def root(self, attribute: Attribute) -> Attribute:
        while attribute in self._same:
            attribute = self._same[attribute]
        return attribute
