"""Possession: the prover holds a credential of this issuer and layout. Every other statement is about one of these.

Which attributes are disclosed is left to `disclosure`; that the credential still stands, to `not_revoked`.
"""

from dataclasses import dataclass

from diptych.crypto.bls12381 import inverse
from diptych.crypto.fast_suite.credential import (
    Layout,
    VerifiedCredential,
    fixed_generators,
    signed_domain,
)
from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Witness, described
from diptych.crypto.fast_suite.system import Attribute, System
from diptych.errors import Refused


@dataclass(frozen=True)
class Possession:
    """`number`: this is the presentation's n-th possession, from 0. Witness: the `VerifiedCredential`."""

    number: int
    issuer_key: bytes
    layout: Layout

    def attribute(self, name: str) -> Attribute:
        return Attribute(self.number, self.layout.index(name))

    @property
    def holder_secret(self) -> Attribute:
        return Attribute(self.number, self.layout.holder_secret_index)

    def describe(self) -> bytes:
        return described("possession", self.number.to_bytes(2, "big"), self.issuer_key, self.layout.header)

    def link(self, system: System) -> None:
        self.layout.check()
        system.add_credential(self.number, self.layout)

    def relate(self, system: System) -> None:
        key = system.key(b"issuer", self.issuer_key)
        p1, q1, *generators = fixed_generators(len(self.layout.fields))
        domain = signed_domain(self.issuer_key, self.layout.header, len(self.layout.fields))
        messages = [system.attribute(Attribute(self.number, index)) for index in range(self.layout.size)]
        a_bar, d = system.point(), system.point()
        r1, e, r3 = system.secret(), system.secret(), system.secret()
        # Abar * sk = D * r1 - Abar * e: with D = B * (1/r3), a signature (Abar * (r3/r1), e) on B
        system.paired_equation([(d, r1), (a_bar, -e)], a_bar, key)
        # D * r3 = B = P1 + Q_1 * domain + sum(H * m)
        terms = [(generator, -message) for generator, message in zip(generators, messages, strict=True)]
        system.equation([(d, r3), *terms], [(p1, 1), (q1, domain)])

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        if not isinstance(witness, VerifiedCredential):
            raise TypeError("the witness of a possession is a credential")
        if (witness.issuer_key, witness.layout) != (self.issuer_key, self.layout):
            raise Refused("fast_suite.possession", "the credential is of another issuer or document type")
        r1, r2 = knowledge.draw(), knowledge.draw()
        return Assignment((witness.a * (r1 * r2), witness.b * r2), (r1, witness.e, inverse(r2)))
