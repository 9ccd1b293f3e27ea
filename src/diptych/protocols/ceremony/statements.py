"""What is said in a key ceremony: the agency's call, each receiver's key, everyone's messages, the end of a round.

All are statements (docs/spec/statements.md). What the messages mean is `crypto/lookup_prf`; their order is `channel`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.crypto import hpke
from diptych.crypto.lookup_prf.ceremony import NONCE_BYTES
from diptych.crypto.lookup_prf.keys import MAX_INDEX, PurposeKey, parse_purpose_key
from diptych.crypto.lookup_prf.messages import Message, parse_message
from diptych.crypto.lookup_prf.participant import Round
from diptych.crypto.signing import PublicKey, encode_public_key, parse_public_key
from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, as_array, as_bytes, as_unsigned
from diptych.formats.cose.statement import (
    VERSION,
    Kind,
    as_code,
    as_exactly,
    as_fingerprint,
    as_members,
    parse_payload,
)

MAX_BYTES = 64 * 1024

_CALL_MEMBERS = ("agency", "purpose", "threshold", "nonce", "participants", "dealers", "receivers", "previous")


@dataclass(frozen=True)
class CeremonyCall:
    """The agency calls trustees to make a key, or to share an old one anew. `participants`: their keys, by index."""

    agency: bytes
    purpose: str
    threshold: int
    nonce: bytes
    participants: Mapping[int, PublicKey] = field(repr=False)
    dealers: tuple[int, ...]
    receivers: tuple[int, ...]
    previous: PurposeKey | None

    @property
    def signer(self) -> bytes:
        return self.agency

    def encode(self) -> bytes:
        """The exact inverse of `parse_ceremony_call`."""
        participants: list[CborValue] = [
            {"index": index, "signer": encode_public_key(key)} for index, key in self.participants.items()
        ]
        return cbor.encode(
            {
                "version": VERSION,
                "agency": self.agency,
                "purpose": self.purpose,
                "threshold": self.threshold,
                "nonce": self.nonce,
                "participants": participants,
                "dealers": list(self.dealers),
                "receivers": list(self.receivers),
                "previous": None if self.previous is None else self.previous.encode(),
            }
        )


@dataclass(frozen=True)
class CeremonyKey:
    """A receiver's HPKE key for this ceremony alone. `call` is the call's digest, here and below."""

    trustee: bytes
    call: bytes
    key: bytes = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_ceremony_key`."""
        return cbor.encode({"version": VERSION, "trustee": self.trustee, "call": self.call, "key": self.key})


@dataclass(frozen=True)
class CeremonyMessage:
    """One message of a participant."""

    trustee: bytes
    call: bytes
    message: Message = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_ceremony_message`."""
        return cbor.encode(
            {"version": VERSION, "trustee": self.trustee, "call": self.call, "message": self.message.encode()}
        )


@dataclass(frozen=True)
class RoundClosed:
    """The agency ends a round that somebody silent holds up."""

    agency: bytes
    call: bytes
    round: Round

    @property
    def signer(self) -> bytes:
        return self.agency

    def encode(self) -> bytes:
        """The exact inverse of `parse_round_closed`."""
        return cbor.encode({"version": VERSION, "agency": self.agency, "call": self.call, "round": int(self.round)})


def parse_ceremony_call(payload: bytes) -> CeremonyCall:
    """The call in a payload, or `FormatError`. Whether its terms make sense is `crypto/lookup_prf`'s."""
    check = "ceremony_call"
    agency, purpose, threshold, nonce, participants, dealers, receivers, previous = parse_payload(
        payload, check, _CALL_MEMBERS
    )
    found = CeremonyCall(
        as_fingerprint(agency, check),
        as_code(purpose, check),
        as_unsigned(threshold, check),
        as_exactly(nonce, NONCE_BYTES, check),
        dict(_as_participant(value) for value in as_array(participants, check)),
        _as_indices(dealers, check),
        _as_indices(receivers, check),
        None if previous is None else parse_purpose_key(as_bytes(previous, check)),
    )
    if sorted(set(found.dealers) | set(found.receivers)) != list(found.participants):
        raise FormatError(f"{check}.participants", "participants are dealers and receivers, by index, each once")
    if found.previous is None and found.dealers != found.receivers:
        raise FormatError(f"{check}.participants", "who makes a new key deals and receives")
    return found


def parse_ceremony_key(payload: bytes) -> CeremonyKey:
    """The key in a payload, or `FormatError`."""
    check = "ceremony_key"
    trustee, call, key = parse_payload(payload, check, ("trustee", "call", "key"))
    public_key = as_bytes(key, check)
    hpke.check_public_key(public_key)
    return CeremonyKey(as_fingerprint(trustee, check), as_fingerprint(call, check), public_key)


def parse_ceremony_message(payload: bytes) -> CeremonyMessage:
    """The message in a payload, or `FormatError`."""
    check = "ceremony_message"
    trustee, call, message = parse_payload(payload, check, ("trustee", "call", "message"))
    return CeremonyMessage(
        as_fingerprint(trustee, check), as_fingerprint(call, check), parse_message(as_bytes(message, check))
    )


def parse_round_closed(payload: bytes) -> RoundClosed:
    """The end of a round in a payload, or `FormatError`."""
    check = "round_closed"
    agency, call, number = parse_payload(payload, check, ("agency", "call", "round"))
    try:
        closed = Round(as_unsigned(number, check))
    except ValueError as error:
        raise FormatError(check, "there is no such round") from error
    return RoundClosed(as_fingerprint(agency, check), as_fingerprint(call, check), closed)


CEREMONY_CALL = Kind("diptych ceremony call 1", parse_ceremony_call, max_bytes=MAX_BYTES)
CEREMONY_KEY = Kind("diptych ceremony key 1", parse_ceremony_key)
CEREMONY_MESSAGE = Kind("diptych ceremony message 1", parse_ceremony_message, max_bytes=1024 * 1024)
ROUND_CLOSED = Kind("diptych ceremony close 1", parse_round_closed)


def _as_participant(value: CborValue) -> tuple[int, PublicKey]:
    check = "ceremony_call"
    index, signer = as_members(value, check, ("index", "signer"))
    return _as_index(index, check), parse_public_key(as_bytes(signer, check))


def _as_indices(value: CborValue, check: str) -> tuple[int, ...]:
    indices = tuple(_as_index(item, check) for item in as_array(value, check))
    if list(indices) != sorted(set(indices)):
        raise FormatError(f"{check}.index", "indices ascend, each once")
    return indices


def _as_index(value: CborValue, check: str) -> int:
    index = as_unsigned(value, check)
    if not 0 < index <= MAX_INDEX:
        raise FormatError(f"{check}.index", f"an index is from 1 to {MAX_INDEX}")
    return index
