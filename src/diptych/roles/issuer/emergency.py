"""After a key was lost: which orders' documents have to be approved again, as far as the issuer can know.

Tokens are keys, so that is not far (docs/decisions/0012): the issuer sees that an order was redeemed, and on which
day, never what was in it or for whom. So the list holds every order that may have brought a document of the lost
signers which could still be shown. What a refresh renews is not on it: wallets fetch that themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from diptych.roles.issuer.keyring import Emergency
from diptych.roles.issuer.model import RedeemedOrder
from diptych.roles.issuer.ports import IssuerStore

PAGE = 1000


@dataclass(frozen=True)
class Page:
    """Orders looked at: those to be approved again, the last one seen, and how far through all of them that is."""

    to_approve: tuple[bytes, ...]
    last: bytes
    share: float


def to_approve_again(store: IssuerStore, emergency: Emergency, *, after: bytes = b"") -> Iterator[Page]:
    """The orders with ids above `after`, page by page: stop anywhere, and go on with the last id of the last page."""
    while found := store.redeemed_orders(after=after, most=PAGE):
        after = found[-1].order_id
        to_approve = tuple(order.order_id for order in found if _may_have_lost(order, emergency))
        # Ids are random: how far along the numbers is how far along the orders.
        yield Page(to_approve, after, int.from_bytes(after[:4], "big") / 2**32)


def _may_have_lost(order: RedeemedOrder, emergency: Emergency) -> bool:
    if emergency.documents_live_days == 0:
        return False
    # A document is signed between the day of redemption and the end of the offer, within which an answer that was
    # lost may be asked for again.
    last_signed = min(max(order.redeemed_on, order.expires_at), emergency.lost_at)
    was_signed_by_them = order.redeemed_on <= emergency.lost_at and last_signed >= emergency.signed_since
    return was_signed_by_them and last_signed + timedelta(days=emergency.documents_live_days) > emergency.lost_at
