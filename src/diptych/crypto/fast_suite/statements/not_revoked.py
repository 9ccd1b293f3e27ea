"""Not revoked: the credential's revocation id has a token in this epoch, and neither is shown.

Which epochs a verifier accepts (two, around a change) is left to its policy.
"""

from dataclasses import dataclass

from diptych.crypto.bls12381 import G1
from diptych.crypto.fast_suite.credential import Kind
from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Witness, described, described_attribute
from diptych.crypto.fast_suite.statements.token import assign_token, relate_token
from diptych.crypto.fast_suite.system import Attribute, System
from diptych.crypto.fast_suite.tokens import EpochKey


@dataclass(frozen=True)
class NotRevoked:
    """Witness: the token of one's own id, as `tokens.verify_token` returned it."""

    attribute: Attribute
    epoch_key: EpochKey

    def describe(self) -> bytes:
        return described(
            "not_revoked", described_attribute(self.attribute), self.epoch_key.epoch.encode(), self.epoch_key.key
        )

    def link(self, system: System) -> None:
        pass

    def relate(self, system: System) -> None:
        key = system.key(self.epoch_key.role, self.epoch_key.key)
        relate_token(system, key, system.hidden_attribute(self.attribute, Kind.IDENTIFIER))

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        if not isinstance(witness, G1):
            raise TypeError("the witness of a non-revocation is a token")
        return assign_token(witness, knowledge)
