"""Confirmations: the public act of a record's enrolment or correction, shown to a trustee that holds a deposit for it.

Unsigned: the log speaks. What a trustee makes of one is `decision` (docs/spec/record.md, "Confirmation").
"""

from dataclasses import dataclass

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import as_unsigned
from diptych.formats.cose.statement import RECORD_ID_BYTES, as_exactly, as_fingerprint, as_members
from diptych.formats.tlog.shown_act import ShownAct, shown_act_from_cbor

_CHECK = "confirmation"


@dataclass(frozen=True)
class Confirmation:
    """Which version of which record, and the act that commits to it. Unverified."""

    record_id: bytes
    number: int
    record_hash: bytes
    shown: ShownAct

    def encode(self) -> bytes:
        """The exact inverse of `parse_confirmation`."""
        return cbor.encode(
            {
                "record": self.record_id,
                "number": self.number,
                "record_hash": self.record_hash,
                "shown": self.shown.to_cbor(),
            }
        )


def parse_confirmation(data: bytes) -> Confirmation:
    """The confirmation in `data`, or `FormatError`."""
    record, number, record_hash, shown = as_members(
        cbor.decode(data), _CHECK, ("record", "number", "record_hash", "shown")
    )
    found = Confirmation(
        as_exactly(record, RECORD_ID_BYTES, _CHECK),
        as_unsigned(number, _CHECK),
        as_fingerprint(record_hash, _CHECK),
        shown_act_from_cbor(shown),
    )
    if found.encode() != data:
        raise FormatError("confirmation.canonical", "not the one encoding of this confirmation")
    return found
