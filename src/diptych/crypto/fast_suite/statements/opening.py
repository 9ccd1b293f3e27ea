"""Opening: whoever asks for a credential knows what is in the commitment that the request carries, here and now.

The proof inside a commitment is bound to no session; this statement's transcript has the issuer and its nonce. That a
renewal commits to the same secret is left to the issuer, who compares commitments, or to `committed`.
"""

from dataclasses import dataclass

from diptych.crypto.bls12381 import G1_BYTES, parse_g1
from diptych.crypto.fast_suite.credential import fixed_generators
from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Opened, Witness, described
from diptych.crypto.fast_suite.system import System
from diptych.errors import FormatError


@dataclass(frozen=True)
class Opening:
    """`commitment`: what `credential.request` returned. Witness: `Opened`."""

    commitment: bytes

    def describe(self) -> bytes:
        return described("opening", self.commitment)

    def link(self, system: System) -> None:
        pass

    def relate(self, system: System) -> None:
        if len(self.commitment) < G1_BYTES:
            raise FormatError("fast_suite.commitment", "a commitment begins with a point")
        *_, q2, j1 = fixed_generators(0)
        blind, secret = system.secret(), system.secret()
        system.equation([(q2, blind), (j1, secret)], [(parse_g1(self.commitment[:G1_BYTES]), 1)])

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        if not isinstance(witness, Opened):
            raise TypeError("the witness of an opening is what was committed")
        return Assignment((), (witness.blind, witness.secret))
