"""Committed: the holder secret in a request for a new credential is the one of a credential presented with it.

So a renewal cannot grow a second pseudonym. That the commitment has its own proof too is left to `credential.issue`.
"""

from dataclasses import dataclass

from diptych.crypto.bls12381 import G1_BYTES, parse_g1
from diptych.crypto.fast_suite.credential import Kind, fixed_generators
from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Witness, described, described_attribute
from diptych.crypto.fast_suite.system import Attribute, System


@dataclass(frozen=True)
class Committed:
    """`commitment`: what `credential.request` returned. Witness: its blind, as an integer."""

    attribute: Attribute
    commitment: bytes

    def describe(self) -> bytes:
        return described("committed", described_attribute(self.attribute), self.commitment)

    def link(self, system: System) -> None:
        pass

    def relate(self, system: System) -> None:
        *_, q2, j1 = fixed_generators(0)
        secret = system.hidden_attribute(self.attribute, Kind.SECRET)
        system.equation([(q2, system.secret()), (j1, secret)], [(parse_g1(self.commitment[:G1_BYTES]), 1)])

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        if not isinstance(witness, int):
            raise TypeError("the witness of a commitment is its blind")
        return Assignment((), (witness,))
