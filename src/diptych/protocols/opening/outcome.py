"""How an opening ended, as its officer reports it: `opened` or `opening_refused`, logged on the record's chain."""

from dataclasses import dataclass
from datetime import datetime

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import TDate, as_bytes, as_tdate
from diptych.formats.cose.statement import VERSION, Kind, UnverifiedStatement, as_fingerprint, as_members, parse_payload
from diptych.formats.mandate.court_order import COURT_ORDER, CourtOrder
from diptych.protocols.opening.request import OPENING_REQUEST, OpeningRequest

_CHECK = "opening_outcome"


@dataclass(frozen=True)
class OpeningOutcome:
    """Whether the request with this digest was answered by a quorum and read."""

    officer: bytes
    request: bytes
    is_opened: bool
    ended_at: datetime

    @property
    def signer(self) -> bytes:
        return self.officer

    def encode(self) -> bytes:
        """The exact inverse of `parse_opening_outcome`."""
        return cbor.encode(
            {
                "version": VERSION,
                "officer": self.officer,
                "request": self.request,
                "opened": self.is_opened,
                "ended_at": TDate.of(self.ended_at),
            }
        )


def parse_opening_outcome(payload: bytes) -> OpeningOutcome:
    """The outcome in a payload, or `FormatError`."""
    officer, request, opened, ended_at = parse_payload(payload, _CHECK, ("officer", "request", "opened", "ended_at"))
    if not isinstance(opened, bool):
        raise FormatError(_CHECK, "it was opened, or it was not")
    return OpeningOutcome(
        as_fingerprint(officer, _CHECK),
        as_fingerprint(request, _CHECK),
        opened,
        as_tdate(ended_at, _CHECK),
    )


OPENING_OUTCOME = Kind("diptych opening outcome 1", parse_opening_outcome)


@dataclass(frozen=True)
class Publication:
    """A request that is to be made public, with the court's order where there is one. Unverified."""

    request: UnverifiedStatement[OpeningRequest]
    court_order: UnverifiedStatement[CourtOrder] | None

    def encode(self) -> bytes:
        """The exact inverse of `parse_publication`."""
        order = None if self.court_order is None else self.court_order.encode()
        return cbor.encode({"request": self.request.encode(), "court_order": order})


def parse_publication(data: bytes) -> Publication:
    """The body of the registry's `POST /requests`, or `FormatError`."""
    request, court_order = as_members(cbor.decode(data), "publication", ("request", "court_order"))
    found = Publication(
        OPENING_REQUEST.parse(as_bytes(request, "publication")),
        None if court_order is None else COURT_ORDER.parse(as_bytes(court_order, "publication")),
    )
    if found.encode() != data:
        raise FormatError("publication.canonical", "not the one encoding of this publication")
    return found
