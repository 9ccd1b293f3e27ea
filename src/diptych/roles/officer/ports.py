"""What the officer needs from outside: the desk for orders, a memory for unfinished attempts, registry and holders."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from diptych.errors import DiptychError
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


class Answers(Protocol):
    """Holders asked side by side: one that is slow delays no other."""

    def ask(self, questions: Mapping[int, tuple[str, str, bytes | None]]) -> Iterator[tuple[int, bytes | DiptychError]]:
        """By index: a holder's URL, the path, the body (None to get). Answers as they come, or why there is none.

        Ends when everybody has answered, within a bounded time.
        """
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
