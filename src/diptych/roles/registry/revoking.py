"""Revoking an officer's key: the key service refuses it from now on, and so does every trustee once it was told.

It waits for no log: a revocation counts without a receipt, as it only takes away (docs/spec/statements.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.officer import OfficerRevocation
from diptych.formats.mandate.trustee_set import Trustee
from diptych.protocols.certifying.standing import take_revocation
from diptych.roles.registry.acts import ACT_ID_BYTES
from diptych.roles.registry.model import Announcement, Delivery, Message
from diptych.roles.registry.ports import Trustees
from diptych.roles.registry.publishing import Notice, deliver_waiting
from diptych.roles.registry.service import Registry


@dataclass(frozen=True)
class Revoked:
    """An officer's key that ended. `waiting`: the trustees that still have to be told; the registry goes on trying."""

    officer: bytes
    was_known: bool
    told: tuple[str, ...]
    waiting: tuple[str, ...]


def revoke_officer(
    registry: Registry,
    revocation: UnverifiedStatement[OfficerRevocation],
    trustees: Trustees,
    *,
    now: datetime,
    most: int,
    notice: Notice,
) -> Revoked:
    """End an officer's key here, and tell every trustee that answers; with it goes what else waits (`most` at once)."""
    encoded = revocation.encode()
    with registry.store.transaction() as state:
        officer = take_revocation(state, encoded, registry.policy.trusted, now=now).officer
        was_known, found = state.officer(officer) is not None, state.trustee_set()
        everyone: Sequence[Trustee] = () if found is None else found.trustees
        deliveries = {
            one.index: Delivery(revocation.digest[:ACT_ID_BYTES], one.index, Message.REVOCATION, encoded)
            for one in everyone
        }
        state.announce(Announcement(revocation.digest[:ACT_ID_BYTES], Message.REVOCATION, encoded))
        for delivery in deliveries.values():
            state.deliver(delivery)
    deliver_waiting(registry, trustees, most=most, notice=notice)
    left = registry.store.deliveries(most=most)
    return Revoked(
        officer,
        was_known,
        tuple(one.name for one in everyone if deliveries[one.index] not in left),
        tuple(one.name for one in everyone if deliveries[one.index] in left),
    )
