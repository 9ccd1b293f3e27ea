"""What the issuer needs from outside: memory, a signing key for each document type, a way into the public log."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from diptych.crypto.signing import Signer
from diptych.private import Secret
from diptych.protocols.reading.states import StateKeeper
from diptych.roles.issuer.model import (
    AccessGrant,
    Enrolment,
    Incident,
    KeptBatch,
    QueuedAct,
    RedeemedOrder,
    RefreshGrant,
    StoredOrder,
)
from diptych.roles.issuer.status_ports import StatusBook


class IssuerTransaction(StateKeeper, Protocol):
    """The issuer's memory inside one transaction: what is read here nobody else changes until it ends."""

    def order(self, order_id: bytes) -> StoredOrder | None:
        """The order, if there is one."""
        ...

    def order_by_code(self, code_hash: bytes) -> StoredOrder | None:
        """The order whose code has this hash, if there is one."""
        ...

    def save_order(self, order: StoredOrder) -> None:
        """Insert the order, or replace the one with its id. `Conflict` if another order has the same code."""
        ...

    def access_grant(self, token_hash: bytes) -> AccessGrant | None:
        """The access token's grant, expired or not, if it was not forgotten yet."""
        ...

    def save_access_grant(self, grant: AccessGrant) -> None:
        """Insert the grant of a new access token."""
        ...

    def refresh_grant(self, token_hash: bytes) -> RefreshGrant | None:
        """The refresh token's grant, superseded or not."""
        ...

    def save_refresh_grant(self, grant: RefreshGrant) -> None:
        """Insert the grant, or replace the one of its token."""
        ...

    def forget_access_of(self, refresh_hash: bytes) -> None:
        """Forget the access tokens that were handed out with this refresh token."""
        ...

    def successors(self, refresh_hash: bytes) -> Sequence[RefreshGrant]:
        """The grants of tokens that this one was exchanged for."""
        ...

    def refresh_grants(self, order_id: bytes) -> Sequence[RefreshGrant]:
        """Every refresh grant of an order."""
        ...

    def forget_grants(self, order_id: bytes) -> None:
        """Forget every token of an order, and every batch kept for it. Its acts stay."""
        ...

    def acts(self, order_id: bytes) -> Sequence[QueuedAct]:
        """Every act about an order, in their order."""
        ...

    def save_act(self, act: QueuedAct) -> None:
        """Insert the act, or replace the one of its order and counter."""
        ...

    def batch(self, order_id: bytes, request: bytes) -> KeptBatch | None:
        """The batch that was signed for this request, expired or not, if it was not forgotten yet."""
        ...

    def save_batch(self, batch: KeptBatch) -> None:
        """Insert the batch, or replace the one of its order and request."""
        ...

    def use_once(self, value: bytes, *, expires_at: datetime) -> bool:
        """Remember a 32-byte value until `expires_at`. False if it was remembered already."""
        ...

    @property
    def status(self) -> StatusBook:
        """Status lists and standings, in this transaction."""
        ...

    def record(self, incident: Incident) -> None:
        """Keep an incident for the operator."""
        ...

    def enrolments(self, order_id: bytes) -> Sequence[Enrolment]:
        """What was signed by the fast suite under an order, by type."""
        ...

    def save_enrolment(self, enrolment: Enrolment) -> None:
        """Insert the enrolment, or replace the one of its order and type."""
        ...


class IssuerStore(Protocol):
    """The issuer's memory."""

    def transaction(self) -> AbstractContextManager[IssuerTransaction]:
        """Everything or nothing: durable when the block ends, undone when it raises.

        Raises `Unavailable` where it cannot be kept; whether it was, nobody knows if the answer to a commit was lost.
        An order that was read or looked for, by itself, its code or a token, is this transaction's until it ends:
        others that come to it wait.
        """
        ...

    def forget_expired(self, now: datetime) -> None:
        """Delete what can no longer be used, in one transaction of its own; twice is once:

        - access tokens, batches and remembered values past their time;
        - offered and void orders past theirs, and every order past `renewable_until`, with all their tokens and acts,
          once all of these are recorded;
        - what `StatusBook.forget` says;
        - the code wraps of a redeemed order whose code has expired;
        - the full ciphertext of every order that neither a code wrap nor an access token can open any more;
        - enrolments past their `valid_until`.
        """
        ...

    def redeemed_orders(self, *, after: bytes, most: int) -> Sequence[RedeemedOrder]:
        """Orders redeemed and not void whose id is above `after`, by id, `most` of them at most. Changes nothing."""
        ...

    def unrecorded_acts(self, *, most: int) -> Sequence[QueuedAct]:
        """Acts that are not in the log yet, an order's own in their order, `most` of them at most. Changes nothing."""
        ...

    def incidents(self) -> Sequence[Incident]:
        """Every incident recorded, oldest first."""
        ...

    def standing_ids(self, now: datetime, *, after: bytes, most: int) -> Sequence[bytes]:
        """Revocation ids above `after` that are not revoked and valid at `now`, in order, `most` at most."""
        ...


@dataclass(frozen=True)
class DocumentSigner:
    """The key that signs one document type, and its certificate chain (DER, leaf first, without the root)."""

    signer: Signer
    chain: Sequence[bytes]


class DocumentSigners(Protocol):
    """The signing keys, one per document type, so that no document can pass for one of another type."""

    def signer_for(self, doc_type: str) -> DocumentSigner:
        """The signer of `doc_type`, or of `STATUS_LISTS`. `Unavailable` if its key cannot be reached."""
        ...


@dataclass(frozen=True)
class ProvingSigner:
    """The key that signs one document type for the fast suite."""

    secret: Secret
    public_key: bytes


class ProvingSigners(Protocol):
    """The fast suite's keys, one per document type."""

    def signer_for(self, doc_type: str) -> ProvingSigner:
        """The present signer of `doc_type`. `Unavailable` if there is none, or its key cannot be reached."""
        ...
