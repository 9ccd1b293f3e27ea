"""What the registry's OpenAPI description says of each endpoint (docs/spec/registry-api.md). Data only."""

from diptych.protocols.enrolling.enrolment import ENROLMENT
from diptych.web import described_holder as holder
from diptych.web.described import Description
from diptych.web.described_holder import Wire, errors

MEDIA_TYPE = "application/vnd.diptych.registry+cbor"
MAX_BODY_BYTES = 128 * 1024

_WIRE = Wire(MEDIA_TYPE, MAX_BODY_BYTES)

TAGS = _WIRE.asks("The records under looked-up values, every hit logged first", "The tag answer")
ENROLMENTS = _WIRE.asks(
    "Store a record or a new version of one", "The shown act, once it is logged", max_bytes=ENROLMENT.max_bytes
)
RECORDS = _WIRE.asks("A record, sealed as it is", "The signed record")
REQUESTS = _WIRE.asks("Make an opening request public", "The shown act of the request, once it is logged")
OUTCOMES = _WIRE.tells("How an opening ended")
ERASURES = _WIRE.tells("Erase a record whose masks enough trustees deleted")
ERASURE_ORDERS = _WIRE.asks("The order on which a record was erased", "The signed order")
TRUSTEE_SET = Description(
    "The trustee set, and the act that published it",
    {200: _WIRE.said("Both"), **errors(403)},
)
ACT = Description(
    "An act, sealed for its citizen",
    {200: _WIRE.said("The sealed act"), 404: {"description": "Nothing is under this label"}, **errors()},
)
CHECKPOINT = holder.CHECKPOINT
OPENINGS = _WIRE.asks("A public request for the agency's half", "The share answer")
OFFICERS = holder.officers(_WIRE)
REVOCATIONS = holder.revocations(_WIRE)
ATTESTATIONS = holder.attestations(_WIRE)
DISCLOSURES = holder.disclosures(_WIRE)
HEALTH = holder.HEALTH
READY = holder.READY
