"""What can be stated about hidden attributes: one file for each kind, and adding a kind is adding a file.

A statement is public: prover and verifier hold equal ones, and its `describe` stands in the transcript. What a prover
must know besides is its witness. How the proof is made and checked is left to `proof`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from diptych.crypto.bls12381 import G1
from diptych.crypto.fast_suite.credential import VerifiedCredential
from diptych.crypto.fast_suite.system import Attribute, System
from diptych.crypto.fast_suite.tokens import SignedSet


@dataclass(frozen=True)
class Opened:
    """What is in a commitment: its blind and the holder secret, as integers. Its repr says nothing."""

    blind: int
    secret: int

    def __repr__(self) -> str:
        return "<secret opening>"


Witness = VerifiedCredential | SignedSet | Opened | G1 | int | None
"""A credential, a signed set, what a commitment holds, the token of one's own id, a commitment's blind, or nothing."""


@dataclass(frozen=True)
class Assignment:
    """A prover's values for the points and secrets of one statement, in the order its `relate` asks for them."""

    points: Sequence[G1] = ()
    secrets: Sequence[int] = ()


@dataclass(frozen=True)
class Knowledge:
    """What a prover's statements may use: attribute values, blinding drawn once, and who the verifier is."""

    attribute: Callable[[Attribute], int]
    draw: Callable[[], int]
    audience: str


class Statement(Protocol):
    """One kind of thing to prove."""

    def describe(self) -> bytes:
        """Its kind and everything public in it, injectively encoded: the transcript's part about it."""
        ...

    def link(self, system: System) -> None:
        """Says which credentials there are, what is disclosed and what is equal, before any relation is added."""
        ...

    def relate(self, system: System) -> None:
        """Adds its points, secrets and equations. The same for prover and verifier."""
        ...

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        """The prover's values. `Refused` when the statement is not true of them, TypeError for another's witness."""
        ...


def described(kind: str, *parts: bytes) -> bytes:
    """The injective encoding that every `describe` uses: each part with its length."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), *parts))


def described_attribute(attribute: Attribute) -> bytes:
    return attribute.credential.to_bytes(2, "big") + attribute.position.to_bytes(2, "big")
