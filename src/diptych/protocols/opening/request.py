"""Opening requests, the acts that make them public, and what is presented to each holder.

Whether a holder answers is `decision`; a holder is a trustee or the agency's key service.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from diptych.crypto import hpke
from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import FullDate, TDate, as_bytes, as_tdate, as_unsigned
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    UnverifiedStatement,
    as_code,
    as_day,
    as_exactly,
    as_fingerprint,
    as_line,
    as_members,
    parse_payload,
)
from diptych.formats.mandate.court_order import COURT_ORDER, CourtOrder
from diptych.formats.record.sealed import MAX_NUMBER, as_envelope
from diptych.formats.tlog.act import Act, Detail
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.shown_act import ShownAct, shown_act_from_cbor
from diptych.private import Personal

MAX_PRESENTATION_BYTES = 64 * 1024

_CHECK = "opening_request"
_MEMBERS = (
    "officer", "record", "number", "record_hash", "purpose", "legal_basis", "case", "requested_at", "reply_key",
    "court_order", "disclose_on",
)  # fmt: skip


@dataclass(frozen=True)
class OpeningRequest:
    """Which version of which record an officer wants to read, why, and the key that answers are sealed to."""

    officer: bytes
    record_id: bytes
    number: int
    record_hash: bytes
    purpose: str
    legal_basis: str
    case: Personal[str] = field(repr=False)
    requested_at: datetime
    reply_key: bytes = field(repr=False)
    court_order: bytes | None = None
    disclose_on: date | None = None

    @property
    def signer(self) -> bytes:
        return self.officer

    @property
    def is_deferred(self) -> bool:
        """Whether the citizen learns of it only on the day of its disclosure."""
        return self.disclose_on is not None

    def encode(self) -> bytes:
        """The exact inverse of `parse_opening_request`."""
        return cbor.encode(
            {
                "version": VERSION,
                "officer": self.officer,
                "record": self.record_id,
                "number": self.number,
                "record_hash": self.record_hash,
                "purpose": self.purpose,
                "legal_basis": self.legal_basis,
                "case": self.case.reveal(),
                "requested_at": TDate.of(self.requested_at),
                "reply_key": self.reply_key,
                "court_order": self.court_order,
                "disclose_on": None if self.disclose_on is None else FullDate.of(self.disclose_on),
            }
        )


@dataclass(frozen=True)
class Presentation:
    """What is sent to one holder: the request, its public act, the holder's envelope. All parts unverified.

    A trustee that took a spare index holds its share whole, and there is no envelope for it.
    """

    request: UnverifiedStatement[OpeningRequest]
    shown: ShownAct
    envelope: bytes | None = field(repr=False)
    court_order: UnverifiedStatement[CourtOrder] | None = None

    def encode(self) -> bytes:
        """The exact inverse of `parse_presentation`."""
        return cbor.encode(
            {
                "request": self.request.encode(),
                "shown": self.shown.to_cbor(),
                "envelope": self.envelope,
                "court_order": None if self.court_order is None else self.court_order.encode(),
            }
        )


def request_act(request: UnverifiedStatement[OpeningRequest], *, day: date) -> Act:
    """The act by which the request is public: `opening_requested`, or `opening_deferred`."""
    act_type = ActType.OPENING_DEFERRED if request.unverified.is_deferred else ActType.OPENING_REQUESTED
    return Act(act_type, day, ActorClass.OFFICER, Personal(request_details(request)))


def request_details(request: UnverifiedStatement[OpeningRequest]) -> dict[str, Detail]:
    """What that act says of the request."""
    content = request.unverified
    details: dict[str, Detail] = {
        "request": request.digest,
        "legal_basis": content.legal_basis,
        "purpose": content.purpose,
    }
    if content.disclose_on is not None:
        details["disclose_on"] = content.disclose_on.isoformat()
    return details


def outcome_act(request: UnverifiedStatement[OpeningRequest], outcome: ActType, *, day: date) -> Act:
    """`opened` or `opening_refused`, logged on the record's chain when it is over."""
    content = request.unverified
    details: dict[str, Detail] = {
        "request": request.digest,
        "legal_basis": content.legal_basis,
        "purpose": content.purpose,
    }
    return Act(outcome, day, ActorClass.OFFICER, Personal(details))


def parse_opening_request(payload: bytes) -> OpeningRequest:
    """The request in a payload, or `FormatError`."""
    values = parse_payload(payload, _CHECK, _MEMBERS)
    officer, record, number, record_hash, purpose, legal_basis, case, requested_at, reply_key, *judicial = values
    court_order, disclose_on = judicial
    key = as_bytes(reply_key, _CHECK)
    hpke.check_public_key(key)
    if key[0] != hpke.HYBRID:
        raise FormatError("opening_request.suite", f"a reply key is made for one request, of suite {hpke.HYBRID}")
    found = OpeningRequest(
        as_fingerprint(officer, _CHECK),
        as_exactly(record, RECORD_ID_BYTES, _CHECK),
        as_unsigned(number, _CHECK),
        as_fingerprint(record_hash, _CHECK),
        as_line(purpose, _CHECK),
        as_code(legal_basis, _CHECK),
        Personal(as_line(case, _CHECK)),
        as_tdate(requested_at, _CHECK),
        key,
        None if court_order is None else as_fingerprint(court_order, _CHECK),
        None if disclose_on is None else as_day(disclose_on, _CHECK),
    )
    if not 0 < found.number <= MAX_NUMBER:
        raise FormatError("opening_request.number", "versions count from 1")
    if found.is_deferred and found.court_order is None:
        raise FormatError("opening_request.deferral", "only a court defers")
    return found


OPENING_REQUEST = Kind("diptych opening request 1", parse_opening_request, max_bytes=8192)


def parse_presentation(data: bytes) -> Presentation:
    """The presentation in `data`, or `FormatError`."""
    check = "presentation"
    if len(data) > MAX_PRESENTATION_BYTES:
        raise FormatError("presentation.size", f"a presentation has at most {MAX_PRESENTATION_BYTES} bytes")
    request, shown, envelope, court_order = as_members(
        cbor.decode(data), check, ("request", "shown", "envelope", "court_order")
    )
    found = Presentation(
        OPENING_REQUEST.parse(as_bytes(request, check)),
        shown_act_from_cbor(shown),
        None if envelope is None else as_envelope(envelope, check),
        None if court_order is None else COURT_ORDER.parse(as_bytes(court_order, check)),
    )
    if found.encode() != data:
        raise FormatError("presentation.canonical", "not the one encoding of this presentation")
    return found
