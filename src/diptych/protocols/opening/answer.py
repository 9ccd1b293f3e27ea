"""A holder's answer: its share, or the agency's half, sealed to the key that the officer made for this request.

Whether it may be given is `decision`; at the workstation, what becomes of it is `states`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from diptych.crypto import hpke, sharing
from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import PublicKey, Signer, fingerprint
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import as_bytes, as_unsigned
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    UnverifiedStatement,
    as_exactly,
    as_fingerprint,
    parse_payload,
)
from diptych.private import Secret
from diptych.protocols.opening.decision import Granted
from diptych.protocols.opening.request import OpeningRequest

AGENCY_INDEX = 0
"""The index under which the agency's half is answered."""

_TAG = "diptych share answer 1"
_SEALED_BYTES = hpke.OVERHEAD_BYTES[hpke.HYBRID] + sharing.SHARE_BYTES


@dataclass(frozen=True)
class ShareAnswer:
    """One half's worth: a trustee's share, or, at index 0, the agency's half. `request` is the request's digest."""

    holder: bytes
    request: bytes
    record_id: bytes
    number: int
    index: int
    sealed: bytes = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.holder

    def encode(self) -> bytes:
        """The exact inverse of `parse_share_answer`."""
        return cbor.encode(
            {
                "version": VERSION,
                "holder": self.holder,
                "request": self.request,
                "record": self.record_id,
                "number": self.number,
                "index": self.index,
                "sealed": self.sealed,
            }
        )


def build_answer(granted: Granted, secret: Secret, *, index: int, signer: Signer) -> UnverifiedStatement[ShareAnswer]:
    """The answer to a granted request. HPKE draws anew each time: keep it, and give the same one again."""
    request, holder = granted.request, fingerprint(signer.public_key)
    info = _info(holder, granted.request_digest, request, index)
    sealed = hpke.seal(request.reply_key, secret.reveal(), info=info)
    answer = ShareAnswer(holder, granted.request_digest, request.record_id, request.number, index, sealed)
    return SHARE_ANSWER.sign(answer, signer=signer)


def open_answer(
    answer: UnverifiedStatement[ShareAnswer],
    *,
    holder_key: PublicKey,
    expected_request: UnverifiedStatement[OpeningRequest],
    expected_index: int,
    reply: Recipient,
    now: datetime,
) -> Secret:
    """The share or half in an answer, if this holder signed it for this request and index.

    Whether it is a true share is left to `formats/record/sealing.check_share`.
    """
    content = SHARE_ANSWER.verify(answer, holder_key, now=now).content
    request = expected_request.unverified
    expected = (expected_request.digest, request.record_id, request.number, expected_index)
    if (content.request, content.record_id, content.number, content.index) != expected:
        raise VerificationError("share_answer.request", "this answers another request, or for another holder")
    info = _info(content.holder, content.request, request, content.index)
    return Secret(reply.open_sealed(content.sealed, info=info))


def parse_share_answer(payload: bytes) -> ShareAnswer:
    """The answer in a payload, or `FormatError`."""
    check = "share_answer"
    holder, request, record, number, index, sealed = parse_payload(
        payload, check, ("holder", "request", "record", "number", "index", "sealed")
    )
    envelope = as_bytes(sealed, check)
    hpke.check_sealed(envelope, suite=hpke.HYBRID)
    found = ShareAnswer(
        as_fingerprint(holder, check),
        as_fingerprint(request, check),
        as_exactly(record, RECORD_ID_BYTES, check),
        as_unsigned(number, check),
        as_unsigned(index, check),
        envelope,
    )
    if len(envelope) != _SEALED_BYTES or found.index > sharing.MAX_INDEX:
        raise FormatError(check, "an answer seals 32 bytes, at an index of at most 255")
    return found


SHARE_ANSWER = Kind("diptych share answer 1", parse_share_answer)


def _info(holder: bytes, request_digest: bytes, request: OpeningRequest, index: int) -> bytes:
    return cbor.encode([_TAG, holder, request_digest, request.record_id, request.number, index])
