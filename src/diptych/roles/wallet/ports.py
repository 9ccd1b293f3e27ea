"""What the wallet needs from outside: a place to keep things, lines to issuers and verifiers, a prover.

Adapters implement these; `memory.py` has the store's fake.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from diptych.crypto.longfellow import Claim
from diptych.crypto.signing import PublicKey
from diptych.errors import Refused
from diptych.private import Secret


class Kind(Enum):
    """What an entry of the wallet is about. The store does not show it to anyone without the key."""

    TRUST = "trust"
    GRANT = "grant"
    BATCH = "batch"
    DOCUMENT = "document"
    COPY = "copy"
    HISTORY = "history"
    STANDING = "standing"
    CHAIN = "chain"
    ACT = "act"
    CHECKPOINT = "checkpoint"
    EVIDENCE = "evidence"
    HOLDER = "holder"
    COMMITMENT = "commitment"
    PROVING = "proving"
    STANDS = "stands"
    RECORD = "record"


@dataclass(frozen=True)
class Key:
    """Where an entry is: its kind and its name, unique within the kind."""

    kind: Kind
    name: str


@dataclass(frozen=True)
class Change:
    """One entry that goes from what it was to what it shall be; None: it is not there."""

    key: Key
    before: bytes | None = field(repr=False)
    after: bytes | None = field(repr=False)


def copied() -> Refused:
    """What every store says of a copy."""
    return Refused(
        "wallet.copied",
        "this wallet's file was copied or put back from somewhere: run `diptych wallet adopt` before it is used",
    )


class WalletStore(Protocol):
    """The wallet's memory. What it keeps is unreadable without the passphrase that opened it."""

    def read(self) -> Mapping[Key, bytes]:
        """Every entry, as one moment saw them all."""
        ...

    def acting(self) -> AbstractContextManager[None]:
        """Inside, no other window acts for this wallet: each refresh token is redeemed by one of them.

        `Conflict` "wallet.busy" if another one is acting. Ends with the process, whatever ends it.
        """
        ...

    def save(self, changes: Sequence[Change]) -> None:
        """All of the changes or none, durable on return.

        `Conflict` "wallet.changed" and nothing saved if an entry is not what the change says it was: another window
        was faster, or the same changes were saved already. `Refused` "wallet.copied" and nothing saved if this is not
        what was last written here, but a copy. `Unavailable` if it cannot be written now.
        """
        ...

    def is_copied(self) -> bool:
        """Whether somebody copied or put back what is kept here, as far as that can be noticed."""
        ...

    def adopt(self, changes: Sequence[Change]) -> None:
        """Like `save`, for what is a copy; from then on it is none. Called again, it is a `Conflict` like `save`."""
        ...


class BackupPlace(Protocol):
    """Where one backup goes: a name that is free until the backup is whole."""

    def keep(self, data: bytes) -> None:
        """The bytes, durable on return, and not under the name yet. Called again, it keeps the new ones instead.

        `Conflict` "backup.exists" if the name is taken, `Unavailable` if it cannot be written now.
        """
        ...

    def kept(self) -> bytes:
        """What is kept, as it is read back."""
        ...

    def publish(self) -> None:
        """What is kept has the name, durable on return; `Conflict` "backup.exists" if that was taken meanwhile."""
        ...

    def published(self) -> bytes | None:
        """What has the name; None if nothing has."""
        ...

    def discard(self) -> None:
        """What is kept and was not published is gone. Nothing is kept: nothing happens."""
        ...


@dataclass(frozen=True)
class Answer:
    """What a server answered: nobody has judged it yet. `dpop_nonce` is the one to use next (RFC 9449 8.2)."""

    status: int
    media_type: str
    body: bytes = field(repr=False)
    dpop_nonce: str | None = None


class IssuerLine(Protocol):
    """Requests to an issuer. No redirects, https (or this machine) only, bounded in time and size.

    Each raises `Unavailable` when no whole answer came: the issuer may or may not have acted, so ask again.
    """

    def fetch(self, url: str) -> Answer:
        """A GET for JSON: metadata."""
        ...

    def fetch_file(self, url: str) -> Answer:
        """A GET for a static file: a bucket of an epoch."""
        ...

    def ask_token(self, url: str, form: bytes, *, dpop: str) -> Answer:
        """A token request."""
        ...

    def ask_nonce(self, url: str) -> Answer:
        """An empty POST to the nonce endpoint."""
        ...

    def ask_credential(self, url: str, body: bytes, *, media_type: str, access_token: Secret, dpop: str) -> Answer:
        """A credential request under a DPoP-bound token."""
        ...


class VerifierLine(Protocol):
    """Requests to a verifier, under the same limits; `Unavailable` when no whole answer came."""

    def fetch_request(self, url: str, form: bytes) -> Answer:
        """The request object, by POST (OpenID4VP 1.0, 5.10)."""
        ...

    def send_response(self, url: str, form: bytes) -> Answer:
        """The authorization response, or the error that says no."""
        ...


class Prover(Protocol):
    """Makes zero-knowledge proofs, away from everything else that the wallet knows."""

    def prove(
        self,
        *,
        document: bytes,
        issuer_key: PublicKey,
        transcript: bytes,
        claims: Sequence[Claim],
        timestamp: datetime,
        zk_system_id: str,
    ) -> bytes:
        """The proof that `document` makes the claims true, for whoever knows `transcript`, at `timestamp`.

        `document` is an encoded DeviceResponse with one document that holds no more than the claims. `Refused` for
        what cannot be proven, `VerificationError` for what is not true or ended the native prover.
        """
        ...
