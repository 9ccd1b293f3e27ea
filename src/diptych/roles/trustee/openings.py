"""What a trustee has of records, for `protocols/opening/holding`: a share that it unmasks, a chain that moves on."""

from dataclasses import dataclass, replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import Recipient
from diptych.errors import Refused, VerificationError
from diptych.formats.record.sealing import unmask_share
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.depositing.decision import HeldRecord
from diptych.protocols.opening.decision import KnownRecord
from diptych.protocols.opening.request import Presentation
from diptych.roles.trustee.ports import MonthKeys, TrusteeTransaction
from diptych.roles.trustee.vault import open_record, store_held


@dataclass(frozen=True)
class Masks:
    """A trustee's masks at one moment."""

    recipient: Recipient
    keys: MonthKeys
    now: datetime
    entropy: Entropy

    def known(self, state: TrusteeTransaction, record_id: bytes) -> KnownRecord | None:
        held = self._held(state, record_id)
        return None if held is None else KnownRecord.of(held)

    def secret(self, state: TrusteeTransaction, presentation: Presentation) -> tuple[int, Secret]:
        held = self._expect(state, presentation.request.unverified.record_id)
        assert held.mask is not None  # an erased record is refused before
        # A newcomer's envelope is in no record: what is presented for it says nothing.
        envelope = held.envelope or presentation.envelope
        if envelope is None:
            raise VerificationError("opening.envelope", "the share is masked here: its envelope is needed")
        share = unmask_share(
            envelope,
            mask=held.mask,
            recipient=self.recipient,
            record_id=held.version.record_id,
            number=held.version.number,
            epoch=held.epoch,
            index=held.index,
            share_hash=held.share_hash,
        )
        return held.index, share

    def move(self, state: TrusteeTransaction, record_id: bytes, chain: ChainElement) -> None:
        stored = state.record(record_id)
        assert stored is not None
        moved = replace(self._expect(state, record_id), chain=chain)
        period = stored.held.secrets.period
        kept = store_held(moved, self.keys, day=self.now.date(), entropy=self.entropy, period=period)
        state.save_record(replace(stored, held=kept))

    def _expect(self, state: TrusteeTransaction, record_id: bytes) -> HeldRecord:
        held = self._held(state, record_id)
        if held is None:
            raise Refused("opening.record", "no record of that id is held here")
        return held

    def _held(self, state: TrusteeTransaction, record_id: bytes) -> HeldRecord | None:
        stored = state.record(record_id)
        return None if stored is None else open_record(stored, self.keys)
