"""What participants of a key ceremony say to one another, byte for byte (docs/spec/lookup-prf.md, "Messages").

Every message names its ceremony and its sender; that it is the sender's is left to the signature around it. All are
broadcast: what is for one receiver alone is sealed to it within.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from diptych.crypto import hpke
from diptych.crypto.bls12381 import G1, G1_BYTES, G2, G2_BYTES, SCALAR_BYTES, parse_g1, parse_g2, parse_scalar
from diptych.errors import FormatError

VERSION = 1
HASH_BYTES = 32
DEAL_BYTES = hpke.OVERHEAD_BYTES[hpke.HYBRID] + SCALAR_BYTES
_HEAD_BYTES = 1 + 1 + HASH_BYTES + 1


class Kind(IntEnum):
    """The messages, one for each round, in order."""

    COMMIT = 1
    REVEAL = 2
    VERDICT = 3
    ANSWER = 4
    CONFIRM = 5


@dataclass(frozen=True)
class Message(ABC):
    """What all messages have: `ceremony` is the ceremony's id (32 bytes), `sender` its index."""

    ceremony: bytes
    sender: int

    kind: ClassVar[Kind]

    def encode(self) -> bytes:
        """The exact inverse of `parse_message`."""
        return bytes([VERSION, self.kind]) + self.ceremony + bytes([self.sender]) + self._body()

    @abstractmethod
    def _body(self) -> bytes: ...


@dataclass(frozen=True)
class Commit(Message):
    """A dealer binds itself to its polynomial before it has seen another's."""

    digest: bytes
    kind = Kind.COMMIT

    def _body(self) -> bytes:
        return self.digest


@dataclass(frozen=True)
class Reveal(Message):
    """A dealer's polynomial in public, and a deal to each receiver, which is its value at the receiver's index."""

    commitments: tuple[G2, ...]
    """Each coefficient times g2, constant term first."""
    possession: G1
    """The proof that the dealer has the constant term."""
    deals: tuple[bytes, ...]
    """Sealed (`hpke` suite 1, 32 bytes within), in the order of the ceremony's receivers."""
    kind = Kind.REVEAL

    def polynomial(self) -> bytes:
        """The part that a `Commit` binds to."""
        points = b"".join(commitment.encode() for commitment in self.commitments)
        return bytes([len(self.commitments)]) + points + self.possession.encode()

    def _body(self) -> bytes:
        return self.polynomial() + bytes([len(self.deals)]) + b"".join(self.deals)


@dataclass(frozen=True)
class Verdict(Message):
    """What a receiver saw of each dealer, in the order of the ceremony, and whose deals do not fit."""

    views: tuple[bytes, ...]
    complaints: tuple[int, ...]
    kind = Kind.VERDICT

    def _body(self) -> bytes:
        return bytes([len(self.views)]) + b"".join(self.views) + bytes([len(self.complaints), *self.complaints])


@dataclass(frozen=True)
class Answer(Message):
    """A dealer's answer to complaints: the deals in question, now public, by receiver."""

    shares: tuple[tuple[int, int], ...]
    kind = Kind.ANSWER

    def _body(self) -> bytes:
        pairs = (bytes([receiver]) + share.to_bytes(SCALAR_BYTES, "big") for receiver, share in self.shares)
        return bytes([len(self.shares)]) + b"".join(pairs)


@dataclass(frozen=True)
class Confirm(Message):
    """A receiver has its share, and its transcript is this one."""

    transcript: bytes
    possession: G1
    kind = Kind.CONFIRM

    def _body(self) -> bytes:
        return self.transcript + self.possession.encode()


def parse_message(data: bytes) -> Message:
    """The message in these bytes, or `FormatError`. Whether it fits its ceremony is seen where it is received."""
    if len(data) < _HEAD_BYTES or data[0] != VERSION:
        raise FormatError("dkg.message", f"a message begins with version {VERSION}, its kind, ceremony and sender")
    if data[1] not in _PARSERS:
        raise FormatError("dkg.message", "unknown kind of message")
    return _PARSERS[data[1]](data[2 : 2 + HASH_BYTES], data[_HEAD_BYTES - 1], data[_HEAD_BYTES:])


def _commit(ceremony: bytes, sender: int, body: bytes) -> Commit:
    return Commit(ceremony, sender, _exact(body, HASH_BYTES))


def _reveal(ceremony: bytes, sender: int, body: bytes) -> Reveal:
    count = body[0] if body else 0
    end = 1 + count * G2_BYTES
    points = tuple(parse_g2(body[start : start + G2_BYTES]) for start in range(1, end, G2_BYTES))
    possession = parse_g1(body[end : end + G1_BYTES])
    deals = body[end + G1_BYTES :]
    _exact(deals, 1 + (deals[0] if deals else 0) * DEAL_BYTES)
    starts = range(1, len(deals), DEAL_BYTES)
    return Reveal(ceremony, sender, points, possession, tuple(deals[at : at + DEAL_BYTES] for at in starts))


def _verdict(ceremony: bytes, sender: int, body: bytes) -> Verdict:
    count = body[0] if body else 0
    end = 1 + count * HASH_BYTES
    complaints = body[end + 1 :]
    if len(body) <= end or body[end] != len(complaints) or not _ascends(complaints):
        raise FormatError("dkg.message", "a verdict has a view of each dealer, and complaints that ascend")
    views = tuple(body[start : start + HASH_BYTES] for start in range(1, end, HASH_BYTES))
    return Verdict(ceremony, sender, views, tuple(complaints))


def _answer(ceremony: bytes, sender: int, body: bytes) -> Answer:
    step = 1 + SCALAR_BYTES
    count = body[0] if body else 0
    _exact(body, 1 + count * step)
    pairs = [body[start : start + step] for start in range(1, len(body), step)]
    if not _ascends(bytes(pair[0] for pair in pairs)):
        raise FormatError("dkg.message", "answers ascend by receiver")
    return Answer(ceremony, sender, tuple((pair[0], parse_scalar(pair[1:])) for pair in pairs))


def _confirm(ceremony: bytes, sender: int, body: bytes) -> Confirm:
    _exact(body, HASH_BYTES + G1_BYTES)
    return Confirm(ceremony, sender, body[:HASH_BYTES], parse_g1(body[HASH_BYTES:]))


_PARSERS: dict[int, Callable[[bytes, int, bytes], Message]] = {
    Kind.COMMIT: _commit,
    Kind.REVEAL: _reveal,
    Kind.VERDICT: _verdict,
    Kind.ANSWER: _answer,
    Kind.CONFIRM: _confirm,
}


def _exact(body: bytes, size: int) -> bytes:
    if len(body) != size:
        raise FormatError("dkg.message", "the message is longer or shorter than it says")
    return body


def _ascends(indices: bytes) -> bool:
    return list(indices) == sorted(set(indices))
