"""The agency's key service: tags of looked-up values, and the agency's half of a record's key for what the log shows.

It checks what a trustee checks, with a policy of its own. Without k trustees its half opens nothing, and without their
keys nobody computes the value behind a tag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diptych.crypto import lookup_prf
from diptych.crypto.hpke import Recipient
from diptych.errors import Refused, VerificationError
from diptych.formats.record.sealed import SEALED_RECORD
from diptych.formats.record.sealing import open_agency_half
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.opening.answer import AGENCY_INDEX
from diptych.protocols.opening.decision import KnownRecord
from diptych.protocols.opening.request import Presentation
from diptych.roles.registry.model import StoredRecord
from diptych.roles.registry.ports import RegistryTransaction


@dataclass(frozen=True)
class Peppers:
    """The agency's part of every tag, one for each purpose, so that registers cannot be joined."""

    by_purpose: Mapping[str, Secret] = field(repr=False)

    def tags(self, purpose: str, values: Sequence[Secret]) -> list[bytes]:
        """The tag of each value; `Refused` for a purpose that is not looked up here."""
        pepper = self.by_purpose.get(purpose)
        if pepper is None:
            raise Refused("lookup.purpose", "no such lookup purpose here")
        return [lookup_prf.tag(pepper, value) for value in values]


@dataclass(frozen=True)
class AgencyHalves:
    """The agency's halves, for `protocols/opening/holding`."""

    recipient: Recipient

    def known(self, state: RegistryTransaction, record_id: bytes) -> KnownRecord | None:
        found = state.record(record_id)
        if found is None:
            return None
        return KnownRecord(found.record_id, found.number, found.record_hash, found.seen_from, found.is_erased)

    def secret(self, state: RegistryTransaction, presentation: Presentation) -> tuple[int, Secret]:
        record = SEALED_RECORD.parse(_expect(state, presentation.request.unverified.record_id).encoded).unverified
        if presentation.envelope != record.agency.envelope:
            raise VerificationError("opening.envelope", "this is not the agency's envelope of that record")
        half = open_agency_half(
            record.agency.envelope,
            recipient=self.recipient,
            record_id=record.record_id,
            number=record.number,
            epoch=record.quorum.epoch,
        )
        return AGENCY_INDEX, half

    def move(self, state: RegistryTransaction, record_id: bytes, chain: ChainElement) -> None:
        """The chain moves on as acts are queued, and not as they are answered."""


def _expect(state: RegistryTransaction, record_id: bytes) -> StoredRecord:
    found = state.record(record_id)
    if found is None:
        raise Refused("opening.record", "no record of that id is held here")
    return found
