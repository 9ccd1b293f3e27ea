"""What the officer needs from outside: the desk for orders, a memory for unfinished attempts, registry and holders."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, TypeAlias

from diptych.errors import DiptychError, Unavailable
from diptych.roles.officer.model import Attempt


class OrderDesk(Protocol):
    """Where an issuer takes signed orders."""

    def submit(self, signed_order: bytes) -> None:
        """Hand over a signed order. Durable at the issuer on return; the same bytes twice are one order.

        Raises `Unavailable` when it is not known whether the order arrived: submit the same bytes again. Any other
        error is the desk's last word on this order.
        """
        ...

    def declare(self, signed_standing: bytes) -> bool:
        """Hand over how an order stands (`formats/order/standing`); whether it is in force. Durable at the issuer on
        return; to say the same again changes nothing. Errors as for `submit`.
        """
        ...


class Attempts(Protocol):
    """Attempts whose end is not known yet, by the fingerprint of what was approved."""

    def find(self, fingerprint: bytes) -> Attempt | None:
        """The unfinished attempt, if there is one."""
        ...

    def keep(self, fingerprint: bytes, attempt: Attempt) -> None:
        """Remember an attempt, in place of an earlier one. Durable on return; nobody else can read it."""
        ...

    def forget(self, fingerprint: bytes) -> None:
        """Delete the attempt; nothing happens if there is none."""
        ...

    def forget_before(self, moment: datetime) -> None:
        """Delete every attempt that began before `moment`: it would not be repeated any more."""
        ...


Question: TypeAlias = tuple[str, str, bytes | None]
"""A holder's URL, the path, the body (None to get)."""


class Slow(Unavailable):
    """Nothing yet. Others may be asked in its place; an answer that comes after all is given then."""


class Replies(Protocol):
    """What holders say, by index, as they say it: answers, or why there is none. Before an answer may come a `Slow`.

    Ends when everybody who was asked has answered, or within a bounded time. Nobody need wait for that end.
    """

    def ask(self, questions: Mapping[int, Question]) -> None:
        """Ask this too, of holders that have answered or were not asked: what they say comes among the rest."""
        ...

    def __iter__(self) -> "Replies": ...

    def __next__(self) -> tuple[int, bytes | DiptychError]: ...


class Answers(Protocol):
    """Holders asked side by side: one that is slow delays no other."""

    def ask(self, questions: Mapping[int, Question]) -> Replies:
        """By index. They are asked at once."""
        ...


class RegistryLine(Protocol):
    """The registry, over whatever network. Raises what it said, or `Unavailable`."""

    @property
    def url(self) -> str:
        """Where it is: the key service too."""
        ...

    def send(self, path: str, body: bytes | None) -> bytes:
        """The answer to a message, or to a question without one; empty where there is nothing to say."""
        ...


class History(Protocol):
    """The log's own files."""

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the log of size `new` goes on from that of size `old`; `old` at most `new`."""
        ...
