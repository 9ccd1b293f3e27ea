"""`StatusBook` in memory; a part of `fakes`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.formats.status_list.lists import Status
from diptych.roles.issuer.status_model import (
    LIST_SIZE,
    ListCount,
    OrderStanding,
    PublishedList,
    StatusEntry,
    ToldStanding,
)


@dataclass
class MemoryStatusBook:
    """`StatusBook` over dictionaries; a transaction works on a copy."""

    lists: dict[int, PublishedList] = field(default_factory=dict)
    entries: dict[tuple[int, int], tuple[StatusEntry | None, Status]] = field(default_factory=dict)
    """By list and index; without an entry where its copy has expired."""
    standings: dict[bytes, OrderStanding] = field(default_factory=dict)
    tellings: dict[bytes, ToldStanding] = field(default_factory=dict)
    orders: Collection[bytes] = ()
    """The ids of the orders there are, by whoever keeps them."""

    def copy(self, orders: Collection[bytes]) -> "MemoryStatusBook":
        """Another one that says the same."""
        return MemoryStatusBook(dict(self.lists), dict(self.entries), dict(self.standings), dict(self.tellings), orders)

    def hold(self) -> None:
        return None

    def numbers(self) -> Sequence[int]:
        return tuple(sorted(self.lists))

    def published(self, number: int) -> PublishedList | None:
        return self.lists.get(number)

    def publish(self, number: int, version: PublishedList) -> None:
        self.lists[number] = version

    def assigned(self, number: int) -> int:
        return sum(1 for listed, _ in self.entries if listed == number)

    def assign(self, entry: StatusEntry) -> bool:
        place = (entry.list_number, entry.index)
        if place in self.entries:
            return False
        self.entries[place] = (entry, Status.VALID)
        return True

    def flipped(self, number: int) -> Mapping[int, Status]:
        return {
            index: status
            for (listed, index), (_, status) in self.entries.items()
            if listed == number and status is not Status.VALID
        }

    def flip(self, order_id: bytes, status: Status) -> None:
        for place, (entry, _) in self.entries.items():
            if entry is not None and entry.order_id == order_id:
                self.entries[place] = (entry, status)

    def is_listed(self, order_id: bytes) -> bool:
        return any(entry is not None and entry.order_id == order_id for entry, _ in self.entries.values())

    def standing(self, order_id: bytes) -> OrderStanding | None:
        return self.standings.get(order_id)

    def save_standing(self, standing: OrderStanding) -> None:
        self.standings[standing.order_id] = standing

    def waiting(self) -> Sequence[OrderStanding]:
        found = [one for one in self.standings.values() if not one.is_in_force]
        return tuple(sorted(found, key=lambda one: one.order_id))

    def keep_told(self, told: ToldStanding) -> None:
        self.tellings[told.asked_by] = told

    def told(self, asked_by: bytes) -> bytes | None:
        found = self.tellings.get(asked_by)
        return None if found is None else found.sealed

    def counts(self) -> Sequence[ListCount]:
        return tuple(
            ListCount(
                number,
                LIST_SIZE,
                self.assigned(number),
                sum(status is Status.SUSPENDED for status in self.flipped(number).values()),
                sum(status is Status.INVALID for status in self.flipped(number).values()),
                self.lists[number].issued_at,
            )
            for number in self.numbers()
        )

    def forget(self, now: datetime) -> None:
        self.tellings = {key: told for key, told in self.tellings.items() if told.until > now}
        for place, (entry, status) in self.entries.items():
            if entry is not None and entry.expires_at <= now:
                self.entries[place] = (None, status)
        linked = {entry.order_id for entry, _ in self.entries.values() if entry is not None}
        self.standings = {
            order_id: one
            for order_id, one in self.standings.items()
            if order_id in linked or order_id in self.orders or not one.is_in_force
        }
        alive = {number for (number, _), (entry, _) in self.entries.items() if entry is not None}
        for number in self.numbers()[:-1]:
            if number not in alive:
                del self.lists[number]
                self.entries = {place: kept for place, kept in self.entries.items() if place[0] != number}
