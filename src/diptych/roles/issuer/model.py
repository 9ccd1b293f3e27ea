"""What the issuer remembers: sealed orders, and hashes of the tokens under which their keys are wrapped.

Nothing here opens anything: every wrap needs the code or token that only the citizen's side holds. An order's life:

    OFFERED --code and transaction code--> REDEEMED --again, same DPoP key--> REDEEMED
    REDEEMED --first use of its tokens--> CLOSED          (from here on the code opens nothing)
    OFFERED, REDEEMED --fifth wrong transaction code--> VOID
    any --reuse of a superseded refresh token--> VOID     (nothing opens it any more)
    any --revoked by an officer, and public--> VOID       (see `standings`)
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from diptych.formats.tlog.label import ChainElement

MAX_TRIES = 5
ACCESS_LIFETIME = timedelta(minutes=10)
REFRESH_LIFETIME = timedelta(days=365)  # HAIP 1.0, 4.4: a refresh token is not to be used for longer than a year
NONCE_LIFETIME_SECONDS = 300
BATCH_LIFETIME = timedelta(hours=1)  # as long, a lost answer brings the same documents by the same act


class OrderState(StrEnum):
    """Where an order stands in its life."""

    OFFERED = "offered"
    REDEEMED = "redeemed"
    CLOSED = "closed"
    VOID = "void"


@dataclass(frozen=True)
class StoredOrder:
    """One order as the issuer keeps it. Ciphertexts and wraps are None once nothing may open them."""

    order_id: bytes
    digest: bytes
    """SHA-256 of the order without its signature: the same order sent twice is recognised, however it was signed."""
    code_hash: bytes = field(repr=False)
    state: OrderState
    expires_at: datetime
    sealed_full: bytes | None = field(repr=False)
    sealed_renewal: bytes | None = field(repr=False)
    code_wrap_full: bytes | None = field(repr=False)
    code_wrap_renewal: bytes | None = field(repr=False)
    tries: int = 0
    redeemed_by: str | None = None
    """The DPoP key (RFC 7638 thumbprint) that redeemed the code."""
    renewable_until: datetime | None = None
    chain: ChainElement | None = field(default=None, repr=False)
    """Under what the next act about this order stands in the log; None before the first."""


@dataclass(frozen=True)
class RedeemedOrder:
    """That an order was redeemed, and when: what the issuer can know of documents it signed under it."""

    order_id: bytes
    expires_at: datetime
    renewable_until: datetime

    @property
    def redeemed_on(self) -> datetime:
        """The day on which the code was first redeemed."""
        return self.renewable_until - REFRESH_LIFETIME


@dataclass(frozen=True)
class AccessGrant:
    """What the issuer keeps of an access token. Without `wrap_full` it came from a refresh and opens renewals only."""

    token_hash: bytes = field(repr=False)
    order_id: bytes
    jkt: str
    expires_at: datetime
    refresh_hash: bytes = field(repr=False)
    """The refresh token that was handed out in the same response."""
    wrap_full: bytes | None = field(repr=False)
    wrap_renewal: bytes = field(repr=False)


@dataclass(frozen=True)
class RefreshGrant:
    """What the issuer keeps of a refresh token. One without a wrap is superseded: it opens nothing."""

    token_hash: bytes = field(repr=False)
    order_id: bytes
    jkt: str
    predecessor: bytes | None = field(repr=False)
    """The refresh token that it was exchanged for; that one stands until this one, or its access token, is used."""
    wrap_renewal: bytes | None = field(repr=False)

    @property
    def is_superseded(self) -> bool:
        """Whether a successor was used."""
        return self.wrap_renewal is None


@dataclass(frozen=True)
class QueuedAct:
    """An act about an order, kept until it stands in the log and for the citizen after that.

    `sealed` is the act with its salt, under the chain element that the order no longer has: `c_0` alone opens it.
    """

    order_id: bytes
    counter: int
    entry: bytes
    sealed: bytes = field(repr=False)
    is_recorded: bool = False


@dataclass(frozen=True)
class KeptBatch:
    """Documents that were signed and whose answer may not have arrived: for the same request they are given again.

    `request` is a digest of the document type and the device keys; `counter` that of the act they were issued by.
    Sealed as the act is.
    """

    order_id: bytes
    request: bytes
    counter: int
    expires_at: datetime
    sealed: bytes = field(repr=False)


@dataclass(frozen=True)
class Incident:
    """Something that should not happen, to be looked into by the operator. Names an order, never a person."""

    order_id: bytes
    kind: str
    at: datetime


@dataclass(frozen=True)
class Enrolment:
    """What the issuer keeps of one credential of the fast suite: nothing by which its presentations are recognised.

    `commitment` is the holder's, perfectly hiding; every credential of an order is on the same. `revocation_id` is a
    random scalar that stands in the credential and, as long as it stands, in every epoch until `valid_until`.
    """

    order_id: bytes
    type_id: str
    commitment: bytes
    revocation_id: bytes = field(repr=False)
    valid_until: datetime
    is_revoked: bool = False


REFRESH_REUSE = "refresh-token-reuse"
TRIES_EXHAUSTED = "transaction-code-guessed"
RESTORED = "database-came-back"
"""The order was open in a database that came back from a backup: what happened to it since then is forgotten."""
UNLOGGED_STANDING = "standing-without-act"
"""What was issued before there was a log was suspended, reinstated or revoked: no label leads to that act."""
