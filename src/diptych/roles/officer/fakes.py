"""The officer's outside world in memory, for tests and journeys. It can fail before and after taking an order."""

from datetime import datetime
from typing import Literal

from diptych.errors import Unavailable
from diptych.roles.officer.model import Attempt


class MemoryDesk:
    """`OrderDesk` that keeps what it took."""

    def __init__(self) -> None:
        self.orders: list[bytes] = []
        self.standings: list[bytes] = []
        self._fail: Literal["before", "after"] | None = None

    def fail_once(self, when: Literal["before", "after"]) -> None:
        """Let the next submission raise `Unavailable`, before or after the order was taken."""
        self._fail = when

    def submit(self, signed_order: bytes) -> None:
        fail, self._fail = self._fail, None
        if fail == "before":
            raise Unavailable("desk", "the issuer cannot be reached")
        if signed_order not in self.orders:
            self.orders.append(signed_order)
        if fail == "after":
            raise Unavailable("desk", "the issuer's answer was lost")

    def declare(self, signed_standing: bytes) -> bool:
        if self._fail is not None:
            self._fail = None
            raise Unavailable("desk", "the issuer cannot be reached")
        self.standings.append(signed_standing)
        return True


class MemoryAttempts:
    """`Attempts` over a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[bytes, Attempt] = {}

    def find(self, fingerprint: bytes) -> Attempt | None:
        return self.kept.get(fingerprint)

    def keep(self, fingerprint: bytes, attempt: Attempt) -> None:
        self.kept[fingerprint] = attempt

    def forget(self, fingerprint: bytes) -> None:
        self.kept.pop(fingerprint, None)

    def forget_before(self, moment: datetime) -> None:
        self.kept = {fingerprint: kept for fingerprint, kept in self.kept.items() if kept.approved_at >= moment}
