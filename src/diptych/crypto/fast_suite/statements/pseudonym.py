"""Pseudonym: the same holder, at the same verifier and purpose, is the same point; anywhere else, an unrelated one.

The scope is the audience that the whole presentation is bound to, so a verifier cannot ask for another's pseudonyms.
That this audience was authenticated is left to the protocol; that a person has one holder secret, to issuance.
"""

from dataclasses import dataclass
from functools import lru_cache

from diptych.crypto.bls12381 import G1, hash_to_g1
from diptych.crypto.fast_suite.credential import Kind
from diptych.crypto.fast_suite.statements import (
    Assignment,
    Knowledge,
    Witness,
    described,
    described_attribute,
)
from diptych.crypto.fast_suite.system import Attribute, System


@dataclass(frozen=True)
class Pseudonym:
    """No witness. `attribute` is a possession's `holder_secret`; `verify` returns the 48-byte pseudonym."""

    attribute: Attribute
    purpose: str = ""

    def describe(self) -> bytes:
        return described("pseudonym", described_attribute(self.attribute), self.purpose.encode())

    def link(self, system: System) -> None:
        pass

    def relate(self, system: System) -> None:
        pseudonym = system.point()
        secret = system.hidden_attribute(self.attribute, Kind.SECRET)
        system.equation([(scope_point(system.audience, self.purpose), secret)], [(pseudonym, 1)])
        system.publish(pseudonym)

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        scope = scope_point(knowledge.audience, self.purpose)
        return Assignment((scope * knowledge.attribute(self.attribute),))


@lru_cache(maxsize=1_024)
def scope_point(audience: str, purpose: str) -> G1:
    """A point whose logarithm nobody knows, one for each audience and purpose."""
    return hash_to_g1(described("scope", audience.encode(), purpose.encode()), b"DIPTYCH_FAST_SUITE_V1_SCOPE_")
