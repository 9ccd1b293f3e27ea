"""What the issuer remembers of how orders stand, and of the lists that say so without saying who.

A standing's life: said by an officer and queued with its act; in force once the act stands in the public log, with the
next version of the lists. Reinstated is the same, the other way; what was revoked stays revoked.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diptych.formats.order.standing import Standing
from diptych.formats.status_list.lists import Status

LIST_SIZE = 2**20
"""Indices of a list, all of them there from its first version on: a young list singles nobody out."""
FULL_AT = LIST_SIZE * 3 // 4
"""A list is given no more documents beyond this, so that a free index is found at once."""
TOLD_FOR = timedelta(days=366)
"""How long a holder can ask what was said. The order may be gone long before: a revoked one is void at once."""
STATUS_OF = {Standing.SUSPENDED: Status.SUSPENDED, Standing.REINSTATED: Status.VALID, Standing.REVOKED: Status.INVALID}


@dataclass(frozen=True)
class StatusEntry:
    """One index of one list, given to one copy and never to another. Who can link it to its order, is in `order_id`."""

    list_number: int
    index: int
    order_id: bytes
    expires_at: datetime
    """When the copy expires; from then on the index stays used and belongs to nobody."""


@dataclass(frozen=True)
class PublishedList:
    """One version of a list in both its forms, as everybody gets it."""

    cwt: bytes = field(repr=False)
    jwt: bytes = field(repr=False)
    issued_at: datetime


@dataclass(frozen=True)
class ListCount:
    """How large the crowd is in which a document of this list stands."""

    number: int
    size: int
    assigned: int
    suspended: int
    revoked: int
    issued_at: datetime


@dataclass(frozen=True)
class OrderStanding:
    """The last that an officer said about an order."""

    order_id: bytes
    standing: Standing
    reason: str
    said_at: datetime
    digest: bytes
    """SHA-256 of what the officer sent: the same sent twice is recognised, however it was signed."""
    counter: int | None = None
    """Which of the order's acts says so; None where nothing was issued, or nothing is recorded."""
    is_in_force: bool = False


@dataclass(frozen=True)
class ToldStanding:
    """What an act of a standing says, for whoever has its chain element. It belongs to no order that can be named here.

    `asked_by` is the hash of what its holder asks with (`label.asked_by`), `sealed` the act with its salt, under the
    element's key.
    """

    asked_by: bytes
    sealed: bytes = field(repr=False)
    until: datetime


@dataclass(frozen=True)
class Publication:
    """How often lists are published, and for how long a version is believed."""

    every: timedelta = timedelta(minutes=10)
    lifetime: timedelta = timedelta(hours=6)
