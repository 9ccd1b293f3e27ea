"""What the officer needs from outside: the issuer's desk for orders, and a memory for unfinished attempts."""

from datetime import datetime
from typing import Protocol

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
