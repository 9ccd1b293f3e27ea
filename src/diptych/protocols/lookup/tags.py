"""Asking the registry which records stand under the looked-up values, and its answer, every hit with its receipt.

Making tags of values is the agency's key service; having hits logged before the answer is left to `roles/registry`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, TDate, as_array, as_bytes, as_tdate, as_unsigned
from diptych.formats.civil_status.inputs import SEARCHED
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    as_code,
    as_exactly,
    as_fingerprint,
    as_members,
    parse_payload,
)
from diptych.formats.record.content import LOOKUP_VALUE_BYTES
from diptych.formats.tlog.entry import ActType, parse_entry
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.proof import LogProof, parse_proof, verify_receipt
from diptych.private import Secret
from diptych.protocols.lookup.request import NONCE_BYTES

MAX_MATCHES = 1000
MAX_ANSWER_BYTES = 64 * 1024 * 1024

_CHECK = "tag_answer"


@dataclass(frozen=True)
class TagRequest:
    """The values `y` that are searched for, in the positions of `formats/civil_status/inputs.SEARCHED`."""

    officer: bytes
    purpose: str
    legal_basis: str
    nonce: bytes
    requested_at: datetime
    values: tuple[Secret, ...] = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.officer

    def encode(self) -> bytes:
        """The exact inverse of `parse_tag_request`."""
        return cbor.encode(
            {
                "version": VERSION,
                "officer": self.officer,
                "purpose": self.purpose,
                "legal_basis": self.legal_basis,
                "nonce": self.nonce,
                "requested_at": TDate.of(self.requested_at),
                "values": [value.reveal() for value in self.values],
            }
        )


@dataclass(frozen=True)
class Match:
    """A record that stands under one of the values: a reason to look. `receipt` is its act's, unverified."""

    record_id: bytes
    receipt: LogProof = field(repr=False)


@dataclass(frozen=True)
class TagAnswer:
    """What was found. Unverified: that nothing else is there, is the registry's word."""

    request: bytes
    matches: tuple[Match, ...]

    def encode(self) -> bytes:
        """The exact inverse of `parse_tag_answer`."""
        matches: list[CborValue] = [
            {"record": match.record_id, "receipt": match.receipt.encode()} for match in self.matches
        ]
        return cbor.encode({"version": VERSION, "request": self.request, "matches": matches})


def verify_tag_answer(answer: TagAnswer, *, expected_request: bytes, policy: Policy) -> tuple[bytes, ...]:
    """The ids of the records that match, once all of this holds; `VerificationError` otherwise:

    1. it answers the request of that digest;
    2. each match has a receipt that stands under the workstation's own policy;
    3. each receipt is of a look-up, and none stands for two matches: every hit is seen by its own citizen.
    """
    # 1.
    if answer.request != expected_request:
        raise VerificationError("tag_answer.request", "this answers another request")
    # 2.
    entries = [verify_receipt(match.receipt, policy=policy).entry for match in answer.matches]
    # 3.
    if any(parse_entry(entry).act_type is not ActType.LOOKED_UP for entry in entries):
        raise VerificationError("tag_answer.act", "a receipt is of another act than a look-up")
    if len({match.receipt.index for match in answer.matches}) != len(entries):
        raise VerificationError("tag_answer.act", "two matches have one receipt")
    return tuple(match.record_id for match in answer.matches)


def parse_tag_request(payload: bytes) -> TagRequest:
    """The request in a payload, or `FormatError`."""
    check = "tag_request"
    names = ("officer", "purpose", "legal_basis", "nonce", "requested_at", "values")
    officer, purpose, legal_basis, nonce, requested_at, values = parse_payload(payload, check, names)
    return TagRequest(
        as_fingerprint(officer, check),
        as_code(purpose, check),
        as_code(legal_basis, check),
        as_exactly(nonce, NONCE_BYTES, check),
        as_tdate(requested_at, check),
        tuple(
            Secret(as_exactly(value, LOOKUP_VALUE_BYTES, check))
            for value in as_array(values, check, length=len(SEARCHED))
        ),
    )


TAG_REQUEST = Kind("diptych tag request 1", parse_tag_request)


def parse_tag_answer(data: bytes) -> TagAnswer:
    """The answer in `data`, or `FormatError`."""
    if len(data) > MAX_ANSWER_BYTES:
        raise FormatError("tag_answer.size", f"an answer has at most {MAX_ANSWER_BYTES} bytes")
    version, request, matches = as_members(cbor.decode(data), _CHECK, ("version", "request", "matches"))
    if as_unsigned(version, _CHECK) != VERSION:
        raise FormatError("tag_answer.version", f"only version {VERSION} is known here")
    found = TagAnswer(as_fingerprint(request, _CHECK), tuple(_as_match(match) for match in as_array(matches, _CHECK)))
    ids = [match.record_id for match in found.matches]
    if len(ids) > MAX_MATCHES or ids != sorted(set(ids)):
        raise FormatError("tag_answer.matches", f"at most {MAX_MATCHES} records, ascending, each once")
    return found


def _as_match(value: CborValue) -> Match:
    record_id, receipt = as_members(value, _CHECK, ("record", "receipt"))
    return Match(as_exactly(record_id, RECORD_ID_BYTES, _CHECK), parse_proof(as_bytes(receipt, _CHECK)))
