"""What the officer's workstation handles: an order as a person wrote it, an attempt to place it, an approval.

An approval exists once the issuer has the order; before that there is only an attempt, which can be repeated exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from diptych.crypto import sealing
from diptych.crypto.entropy import Entropy
from diptych.formats.order.standing import Standing
from diptych.private import Personal, Secret
from diptych.protocols.openid4vci.offer import CredentialOffer


@dataclass(frozen=True)
class OrderFile:
    """An order as written: its type, its raw attributes, and what the officer chose to narrow."""

    type_id: str
    documents: tuple[str, ...] | None
    """The documents wanted; None: the type's own and every proof that goes along with it."""
    valid_until: date | None
    attributes: Personal[Mapping[str, object]]


@dataclass(frozen=True)
class Attempt:
    """The moment and the seed of an approval: with the same order file they give the same signed order again."""

    approved_at: datetime
    seed: Secret


@dataclass(frozen=True)
class Approval:
    """An order that the issuer has. `offer` and `tx_code` go to the citizen on two ways, and are kept nowhere."""

    order_id: bytes
    """By this the order is found again: it goes into the case file, and opens nothing."""
    offer: CredentialOffer = field(repr=False)
    tx_code: Secret
    documents: tuple[str, ...]
    left_out: tuple[str, ...]
    """Proofs that would say nothing: nothing in them is true."""
    expires_at: datetime


@dataclass(frozen=True)
class Declared:
    """What the issuer knows of an order from now on. Not in force: its act does not stand in the public log yet."""

    order_id: bytes
    standing: Standing
    is_in_force: bool


def replayable(seed: Secret) -> Entropy:
    """Entropy that follows from a seed: the same draws in the same order give the same bytes."""
    drawn = 0

    def draw(count: int) -> bytes:
        nonlocal drawn
        found = b""
        while len(found) < count:
            info = b"diptych approval" + drawn.to_bytes(8, "big")
            found += sealing.derive(seed, salt=b"", info=info).reveal()
            drawn += 1
        return found[:count]

    return draw
