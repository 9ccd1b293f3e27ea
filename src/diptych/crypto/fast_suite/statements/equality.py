"""Equality: two attributes, usually of two credentials, are the same, and neither is shown.

They become one unknown of the system, so it costs nothing, and saves a response.
"""

from dataclasses import dataclass

from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Witness, described, described_attribute
from diptych.crypto.fast_suite.system import Attribute, System
from diptych.errors import FormatError, Refused


@dataclass(frozen=True)
class Equality:
    """No witness. Of attributes of one kind."""

    one: Attribute
    other: Attribute

    def describe(self) -> bytes:
        return described("equality", described_attribute(self.one), described_attribute(self.other))

    def link(self, system: System) -> None:
        system.identify(self.one, self.other)

    def relate(self, system: System) -> None:
        if system.kind(self.one) is not system.kind(self.other):
            raise FormatError("fast_suite.equality", "attributes of two kinds are never equal")

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        if knowledge.attribute(self.one) != knowledge.attribute(self.other):
            raise Refused("fast_suite.equality", "the two attributes differ")
        return Assignment()
