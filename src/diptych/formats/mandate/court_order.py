"""Court orders: a court's own signature over one record and one case, and whether its disclosure is deferred.

Which courts count for which legal basis is left to the policy of whoever asks for one (`protocols/opening`).
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import FullDate, TDate, as_tdate
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    as_code,
    as_day,
    as_exactly,
    as_fingerprint,
    as_line,
    parse_payload,
)
from diptych.private import Personal


@dataclass(frozen=True)
class CourtOrder:
    """What a court allows. It stands through `expires`; `disclose_on` is the day of a deferred disclosure."""

    court: bytes
    record: bytes
    case: Personal[str] = field(repr=False)
    legal_basis: str
    issued_at: datetime
    expires: date
    disclose_on: date | None

    @property
    def signer(self) -> bytes:
        return self.court

    def encode(self) -> bytes:
        """The exact inverse of `parse_court_order`."""
        return cbor.encode(
            {
                "version": VERSION,
                "court": self.court,
                "record": self.record,
                "case": self.case.reveal(),
                "legal_basis": self.legal_basis,
                "issued_at": TDate.of(self.issued_at),
                "expires": FullDate.of(self.expires),
                "disclose_on": None if self.disclose_on is None else FullDate.of(self.disclose_on),
            }
        )


def parse_court_order(payload: bytes) -> CourtOrder:
    """The order in a payload, or `FormatError`."""
    check = "court_order"
    names = ("court", "record", "case", "legal_basis", "issued_at", "expires", "disclose_on")
    court, record, case, legal_basis, issued_at, expires, disclose_on = parse_payload(payload, check, names)
    found = CourtOrder(
        as_fingerprint(court, check),
        as_exactly(record, RECORD_ID_BYTES, check),
        Personal(as_line(case, check)),
        as_code(legal_basis, check),
        as_tdate(issued_at, check),
        as_day(expires, check),
        None if disclose_on is None else as_day(disclose_on, check),
    )
    if found.expires < found.issued_at.date() or (found.disclose_on and found.disclose_on < found.issued_at.date()):
        raise FormatError(f"{check}.days", "an order does not end, nor is disclosed, before it is issued")
    return found


COURT_ORDER = Kind("diptych court order 1", parse_court_order)
