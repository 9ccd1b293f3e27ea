"""Lookup requests to trustees and their answers: blinded points, always as many, whoever is looked for.

The function is `crypto/lookup_prf`; points are judged there. Which inputs stand behind them only the workstation knows.
"""

from dataclasses import dataclass, field
from datetime import datetime

from diptych.formats import cbor
from diptych.formats.cbor import TDate, as_tdate, as_unsigned
from diptych.formats.civil_status.inputs import COUNT
from diptych.formats.cose.statement import (
    VERSION,
    Kind,
    as_code,
    as_exactly,
    as_fingerprint,
    parse_payload,
)

POINTS_BYTES = 48 * COUNT
NONCE_BYTES = 16


@dataclass(frozen=True)
class LookupRequest:
    """Blinded points, one after the other, in the positions of `formats/civil_status/inputs`. The same to everyone."""

    officer: bytes
    purpose: str
    legal_basis: str
    generation: int
    nonce: bytes
    requested_at: datetime
    points: bytes = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.officer

    def encode(self) -> bytes:
        """The exact inverse of `parse_lookup_request`."""
        return cbor.encode(
            {
                "version": VERSION,
                "officer": self.officer,
                "purpose": self.purpose,
                "legal_basis": self.legal_basis,
                "generation": self.generation,
                "nonce": self.nonce,
                "requested_at": TDate.of(self.requested_at),
                "points": self.points,
            }
        )


@dataclass(frozen=True)
class LookupAnswer:
    """The points, each multiplied by one trustee's key share. `request` is the digest of what asked."""

    trustee: bytes
    request: bytes
    purpose: str
    generation: int
    index: int
    points: bytes = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_lookup_answer`."""
        return cbor.encode(
            {
                "version": VERSION,
                "trustee": self.trustee,
                "request": self.request,
                "purpose": self.purpose,
                "generation": self.generation,
                "index": self.index,
                "points": self.points,
            }
        )


def parse_lookup_request(payload: bytes) -> LookupRequest:
    """The request in a payload, or `FormatError`. Its points are not judged."""
    check = "lookup_request"
    names = ("officer", "purpose", "legal_basis", "generation", "nonce", "requested_at", "points")
    officer, purpose, legal_basis, generation, nonce, requested_at, points = parse_payload(payload, check, names)
    return LookupRequest(
        as_fingerprint(officer, check),
        as_code(purpose, check),
        as_code(legal_basis, check),
        as_unsigned(generation, check),
        as_exactly(nonce, NONCE_BYTES, check),
        as_tdate(requested_at, check),
        as_exactly(points, POINTS_BYTES, check),
    )


def parse_lookup_answer(payload: bytes) -> LookupAnswer:
    """The answer in a payload, or `FormatError`. Its points are not judged."""
    check = "lookup_answer"
    names = ("trustee", "request", "purpose", "generation", "index", "points")
    trustee, request, purpose, generation, index, points = parse_payload(payload, check, names)
    return LookupAnswer(
        as_fingerprint(trustee, check),
        as_fingerprint(request, check),
        as_code(purpose, check),
        as_unsigned(generation, check),
        as_unsigned(index, check),
        as_exactly(points, POINTS_BYTES, check),
    )


LOOKUP_REQUEST = Kind("diptych lookup request 1", parse_lookup_request)
LOOKUP_ANSWER = Kind("diptych lookup answer 1", parse_lookup_answer)
