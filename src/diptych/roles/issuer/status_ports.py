"""What the issuer's memory has to do for status lists: a part of `IssuerTransaction`, in the same transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from diptych.formats.status_list.lists import Status
from diptych.roles.issuer.status_model import ListCount, OrderStanding, PublishedList, StatusEntry, ToldStanding


class StatusBook(Protocol):
    """Indices, standings and published lists. Whatever is written here stands or falls with its transaction."""

    def hold(self) -> None:
        """Until the transaction ends, nobody else publishes or opens a list."""
        ...

    def numbers(self) -> Sequence[int]:
        """The numbers of all lists, the oldest first."""
        ...

    def published(self, number: int) -> PublishedList | None:
        """The present version of a list, if there is such a list."""
        ...

    def publish(self, number: int, version: PublishedList) -> None:
        """Replace a list's version, or begin the list with its first one."""
        ...

    def assigned(self, number: int) -> int:
        """How many indices of the list documents have, or had."""
        ...

    def assign(self, entry: StatusEntry) -> bool:
        """Give an index to a copy; False if it was given to one before, whenever that was."""
        ...

    def flipped(self, number: int) -> Mapping[int, Status]:
        """The indices of a list that do not stand."""
        ...

    def flip(self, order_id: bytes, status: Status) -> None:
        """Every index of the order says this from the next version on."""
        ...

    def is_listed(self, order_id: bytes) -> bool:
        """Whether a copy of the order has an index and has not expired."""
        ...

    def standing(self, order_id: bytes) -> OrderStanding | None:
        """The last that was said about the order, in force or not."""
        ...

    def save_standing(self, standing: OrderStanding) -> None:
        """Insert it, or replace the order's former one."""
        ...

    def waiting(self) -> Sequence[OrderStanding]:
        """Standings that are not in force yet."""
        ...

    def keep_told(self, told: ToldStanding) -> None:
        """Keep what a holder may ask for, in the place of what was kept for the same question."""
        ...

    def told(self, asked_by: bytes) -> bytes | None:
        """What is sealed for whoever asks with this hash's secret, if it is still kept."""
        ...

    def counts(self) -> Sequence[ListCount]:
        """The crowd of each list, the oldest first."""
        ...

    def forget(self, now: datetime) -> None:
        """Unlink indices of expired copies from their orders; they stay used. Twice is once.

        A standing in force goes once its order has, and no copy of it is left to expire; a list once none of its copies
        is and it is not the last; what holders may ask for once its time is over.
        """
        ...
