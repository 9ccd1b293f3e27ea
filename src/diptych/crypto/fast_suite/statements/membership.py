"""Membership: an attribute is one of a small public set, and which one is not shown.

Who signed the set's tokens is left to the verifier to trust: one that signs its own set deceives only itself.
"""

from dataclasses import dataclass

from diptych.crypto.fast_suite.credential import Kind
from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Witness, described, described_attribute
from diptych.crypto.fast_suite.statements.token import assign_token, relate_token
from diptych.crypto.fast_suite.system import Attribute, System
from diptych.crypto.fast_suite.tokens import PublicSet, SignedSet
from diptych.errors import Refused


@dataclass(frozen=True)
class Membership:
    """Witness: the `SignedSet` of this public set. Elements are scalars (`credential.to_scalar`)."""

    attribute: Attribute
    among: PublicSet

    def describe(self) -> bytes:
        return described("membership", described_attribute(self.attribute), self.among.role, self.among.key)

    def link(self, system: System) -> None:
        pass

    def relate(self, system: System) -> None:
        value = system.hidden_attribute(self.attribute, Kind.INTEGER, Kind.DATE, Kind.TEXT)
        relate_token(system, system.key(self.among.role, self.among.key), value)

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        if not isinstance(witness, SignedSet) or witness.public != self.among:
            raise TypeError("the witness of a membership is its signed set")
        token = witness.tokens.get(knowledge.attribute(self.attribute))
        if token is None:
            raise Refused("fast_suite.membership", "the attribute is not in the set")
        return assign_token(token, knowledge)
