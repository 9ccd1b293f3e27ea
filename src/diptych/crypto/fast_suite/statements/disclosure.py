"""Disclosure: an attribute has this value, and the verifier learns it.

The holder secret and revocation ids are never disclosed: both would make every presentation linkable.
"""

from dataclasses import dataclass, field

from diptych.crypto.bls12381 import encode_scalar
from diptych.crypto.fast_suite.credential import Kind, Value, to_scalar
from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Witness, described, described_attribute
from diptych.crypto.fast_suite.system import Attribute, System
from diptych.errors import FormatError, Refused


@dataclass(frozen=True)
class Disclosure:
    """No witness. `kind` must be the layout's own for this attribute."""

    attribute: Attribute
    kind: Kind
    value: Value = field(repr=False)

    def describe(self) -> bytes:
        return described(
            "disclosure",
            described_attribute(self.attribute),
            self.kind.value,
            encode_scalar(to_scalar(self.kind, self.value)),
        )

    def link(self, system: System) -> None:
        if self.kind in (Kind.IDENTIFIER, Kind.SECRET, Kind.BLIND):
            raise FormatError("fast_suite.disclosure", "identifiers and secrets are never disclosed")
        system.disclose(self.attribute, to_scalar(self.kind, self.value))

    def relate(self, system: System) -> None:
        if system.kind(self.attribute) is not self.kind:
            raise FormatError("fast_suite.disclosure", "the attribute is of another kind")

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        if knowledge.attribute(self.attribute) != to_scalar(self.kind, self.value):
            raise Refused("fast_suite.disclosure", "the credential says something else")
        return Assignment()
