"""The channel of a ceremony: what everyone said, in one order that everyone replays to the same end.

The agency relays and orders; it cannot say anything in a trustee's name, and whoever is shown another channel than the
others ends at another transcript, which no majority confirms. Closing rounds is all that it can do by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from diptych.crypto.hpke import Recipient
from diptych.crypto.lookup_prf import participant
from diptych.crypto.lookup_prf.ceremony import Ceremony, Outcome, generation, resharing
from diptych.crypto.lookup_prf.keys import KeyShare
from diptych.crypto.lookup_prf.messages import Message
from diptych.crypto.lookup_prf.participant import Participant, Round
from diptych.crypto.signing import PublicKey, fingerprint
from diptych.errors import Conflict, FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, as_array, as_bytes, as_text
from diptych.formats.cose.statement import UnverifiedStatement, VerifiedStatement, as_members
from diptych.private import Secret
from diptych.protocols.ceremony.statements import (
    CEREMONY_CALL,
    CEREMONY_KEY,
    CEREMONY_MESSAGE,
    ROUND_CLOSED,
    CeremonyCall,
    CeremonyKey,
    CeremonyMessage,
    RoundClosed,
)

MAX_CHANNEL_BYTES = 16 * 1024 * 1024

Said: TypeAlias = (
    "UnverifiedStatement[CeremonyKey] | UnverifiedStatement[CeremonyMessage] | UnverifiedStatement[RoundClosed]"
)

_KEY, _MESSAGE, _CLOSED = "key", "message", "closed"


@dataclass(frozen=True)
class Channel:
    """The call, and what was said since, in order. Unverified."""

    call: UnverifiedStatement[CeremonyCall]
    said: tuple[Said, ...] = ()

    def encode(self) -> bytes:
        """The exact inverse of `parse_channel`."""
        said: list[CborValue] = [said_to_cbor(one) for one in self.said]
        return cbor.encode({"call": self.call.encode(), "said": said})

    def continues(self, earlier: "Channel") -> bool:
        """Whether this is `earlier` with more behind it."""
        before = [one.encode() for one in earlier.said]
        return self.call.digest == earlier.call.digest and [one.encode() for one in self.said[: len(before)]] == before


def parse_channel(data: bytes) -> Channel:
    """The channel in `data`, or `FormatError`."""
    if len(data) > MAX_CHANNEL_BYTES:
        raise FormatError("ceremony.size", f"a ceremony has at most {MAX_CHANNEL_BYTES} bytes")
    call, said = as_members(cbor.decode(data), "ceremony", ("call", "said"))
    found = Channel(CEREMONY_CALL.parse(as_bytes(call, "ceremony")), said_from_cbor(said))
    if found.encode() != data:
        raise FormatError("ceremony.canonical", "not the one encoding of this channel")
    return found


def said_to_cbor(said: Said) -> CborValue:
    """One statement with its kind."""
    kinds = {CeremonyKey: _KEY, CeremonyMessage: _MESSAGE, RoundClosed: _CLOSED}
    return {"kind": kinds[type(said.unverified)], "statement": said.encode()}


def said_from_cbor(value: CborValue) -> tuple[Said, ...]:
    """The statements that `value` lists, or `FormatError`."""
    return tuple(_as_said(one) for one in as_array(value, "ceremony"))


@dataclass(frozen=True)
class Member:
    """Who one is in a ceremony, and the secrets one brings: all kept until it has ended."""

    index: int
    seed: Secret
    recipient: Recipient | None = field(repr=False)
    held: KeyShare | None = field(repr=False)


@dataclass(frozen=True)
class Followed:
    """Where a channel leads. `ceremony` is None while keys are missing; `outcome` stands once `is_done`."""

    ceremony: Ceremony | None
    messages: tuple[Message, ...] = field(repr=False)
    waits_for: tuple[int, ...]
    round: Round
    outcome: Outcome | None

    @property
    def is_done(self) -> bool:
        return self.round is Round.DONE


def follow(channel: Channel, *, agency_key: PublicKey, member: Member | None, now: datetime) -> Followed:
    """Replay the channel; every signature in it is checked. `messages` are all that `member` has to have said by now.

    A reveal that is made again has other envelopes: whoever said its own keeps it, and says the same.
    """
    call = CEREMONY_CALL.verify(channel.call, agency_key, now=now)
    keys: dict[int, bytes] = {}
    state: Participant | None = None
    messages: list[Message] = []
    for said in channel.said:
        if state is None:
            index, key = _verified_key(said, call, now)
            if keys.setdefault(index, key) != key:
                raise Conflict("ceremony.contradicts", "a receiver has two keys for one ceremony")
            ceremony = _ceremony(call.content, keys)
            if ceremony is not None:
                state, first = _begin(ceremony, member)
                messages.extend(first)
            continue
        if isinstance(said.unverified, RoundClosed):
            state, more = _close(state, said, call, agency_key, now)
        else:
            state = participant.receive(state, _verified_message(said, call, now))
            state, more = _advance(state)
        messages.extend(more)
    if state is None:
        missing = tuple(index for index in call.content.receivers if index not in keys)
        return Followed(None, (), missing, Round.COMMITS, None)
    return Followed(state.ceremony, tuple(messages), participant.missing(state), state.round, state.outcome)


def _begin(ceremony: Ceremony, member: Member | None) -> tuple[Participant, tuple[Message, ...]]:
    if member is None:
        return participant.observe(ceremony), ()
    return participant.join(
        ceremony, index=member.index, seed=member.seed, recipient=member.recipient, held=member.held
    )


def _advance(state: Participant) -> tuple[Participant, tuple[Message, ...]]:
    messages: list[Message] = []
    while state.round is not Round.DONE and not participant.missing(state):
        state, more = participant.advance(state)
        messages.extend(more)
    return state, tuple(messages)


def _close(
    state: Participant,
    said: Said,
    call: VerifiedStatement[CeremonyCall],
    agency_key: PublicKey,
    now: datetime,
) -> tuple[Participant, tuple[Message, ...]]:
    assert isinstance(said.unverified, RoundClosed)
    closed = ROUND_CLOSED.verify(said, agency_key, now=now).content
    if closed.call != call.digest:
        raise VerificationError("ceremony.call", "a statement of another ceremony")
    if closed.round != state.round:
        raise Conflict("ceremony.round", "another round is closed than the one that is under way")
    state, messages = participant.advance(state, is_closing=True)
    state, more = _advance(state)
    return state, (*messages, *more)


def _verified_key(said: Said, call: VerifiedStatement[CeremonyCall], now: datetime) -> tuple[int, bytes]:
    if not isinstance(said.unverified, CeremonyKey):
        raise VerificationError("ceremony.keys", "the receivers' keys come first")
    index, signer = _who(said.unverified.trustee, call.content)
    content = CEREMONY_KEY.verify(said, signer, now=now).content
    if content.call != call.digest:
        raise VerificationError("ceremony.call", "a statement of another ceremony")
    return index, content.key


def _verified_message(said: Said, call: VerifiedStatement[CeremonyCall], now: datetime) -> Message:
    if not isinstance(said.unverified, CeremonyMessage):
        raise VerificationError("ceremony.keys", "all receivers' keys are here already")
    index, signer = _who(said.unverified.trustee, call.content)
    content = CEREMONY_MESSAGE.verify(said, signer, now=now).content
    if content.call != call.digest or content.message.sender != index:
        raise VerificationError("ceremony.call", "a statement of another ceremony, or in another's name")
    return content.message


def _who(trustee: bytes, call: CeremonyCall) -> tuple[int, PublicKey]:
    for index, key in call.participants.items():
        if fingerprint(key) == trustee:
            return index, key
    raise VerificationError("ceremony.participant", "somebody speaks who takes no part")


def _ceremony(call: CeremonyCall, keys: Mapping[int, bytes]) -> Ceremony | None:
    """The ceremony, once every receiver's key is there."""
    if not set(call.receivers) <= set(keys):
        return None
    receivers = {index: keys[index] for index in call.receivers}
    if call.previous is None:
        return generation(purpose=call.purpose, threshold=call.threshold, trustee_keys=receivers, nonce=call.nonce)
    return resharing(
        call.previous, threshold=call.threshold, receiver_keys=receivers, dealers=call.dealers, nonce=call.nonce
    )


def _as_said(value: CborValue) -> Said:
    kind, statement = as_members(value, "ceremony", ("kind", "statement"))
    data = as_bytes(statement, "ceremony")
    name = as_text(kind, "ceremony")
    if name == _KEY:
        return CEREMONY_KEY.parse(data)
    if name == _MESSAGE:
        return CEREMONY_MESSAGE.parse(data)
    if name == _CLOSED:
        return ROUND_CLOSED.parse(data)
    raise FormatError("ceremony.kind", "a statement of no kind that a ceremony has")


def encode_said(said: Sequence[Said]) -> bytes:
    """What a trustee answers: all that it has said so far, in its order."""
    statements: list[CborValue] = [said_to_cbor(one) for one in said]
    return cbor.encode({"said": statements})


def parse_said(data: bytes) -> tuple[Said, ...]:
    """A trustee's answer, or `FormatError`."""
    if len(data) > MAX_CHANNEL_BYTES:
        raise FormatError("ceremony.size", f"an answer has at most {MAX_CHANNEL_BYTES} bytes")
    (said,) = as_members(cbor.decode(data), "ceremony", ("said",))
    return said_from_cbor(said)
