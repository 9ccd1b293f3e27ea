"""What the wallet holds: grants to fetch documents with, documents in copies, and what was done with them.

Values only; `records` writes them down, `contents` finds them, the use-cases change them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from diptych.formats.cbor import CborValue
from diptych.formats.tlog.act import CommittedAct
from diptych.formats.tlog.proof import LogProof
from diptych.private import Personal, Secret

Names = Mapping[str, str]
"""What something is called, by language tag."""


@dataclass(frozen=True)
class Tokens:
    """What the issuer gave for a code or a refresh token. `expires_at` is the access token's."""

    access_token: Secret
    expires_at: datetime
    refresh_token: Secret | None


@dataclass(frozen=True)
class Grant:
    """An accepted offer: what is still to be fetched under it, and the keys and tokens to fetch it with.

    `code_digest` recognises the offer when it comes again. The code itself is kept until everything that was offered
    is here, so that a lost answer can be asked for again. `renewable` is None until the issuer has said which
    documents a refresh token renews.
    """

    id: str
    issuer: str
    issuer_names: Names
    configuration_ids: tuple[str, ...]
    outstanding: tuple[str, ...]
    code_digest: bytes
    code: Secret | None
    tx_code: Secret | None
    dpop_key: Secret
    tokens: Tokens | None = None
    renewable: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Batch:
    """Device keys that were made for one document and may have been sent already. Private keys are PKCS#8."""

    grant_id: str
    configuration_id: str
    device_keys: tuple[Secret, ...]


@dataclass(frozen=True)
class Document:
    """One document, whatever the number of its copies. `claim_names` is by (namespace, identifier)."""

    id: str
    grant_id: str
    configuration_id: str
    doc_type: str
    issuer: str
    names: Names
    claim_names: Mapping[tuple[str, str], Names]
    received_at: datetime
    valid_from: datetime
    valid_until: datetime

    def is_valid(self, now: datetime) -> bool:
        """Whether a verifier would take it now, as far as dates go."""
        return self.valid_from <= now <= self.valid_until


@dataclass(frozen=True)
class Copy:
    """One copy of a document with its own device key; `position` is its place in the batch.

    Once it was shown plainly it is spent: whoever sees it again would know it again.
    """

    id: str
    document_id: str
    position: int
    issuer_signed: Personal[bytes]
    device_key: Secret
    is_spent: bool = False


@dataclass(frozen=True)
class Commitment:
    """The commitment to the holder secret under which everything of one grant is asked for, with its blind."""

    grant_id: str
    commitment: bytes
    blind: Secret


@dataclass(frozen=True)
class Proving:
    """A document's credential of the fast suite, as `formats/bbs_credential` encodes it. Never spent."""

    document_id: str
    credential: Personal[bytes]


@dataclass(frozen=True)
class EpochToken:
    """That a document's revocation id stands in one epoch: verified when it was fetched."""

    document_id: str
    epoch: str
    key: bytes
    token: Secret
    ends: datetime


class Event(Enum):
    """What can stand in the history."""

    RECEIVED = "received"
    RENEWED = "renewed"
    PRESENTED = "presented"
    DECLINED = "declined"
    REFUSED = "refused"
    BACKED_UP = "backed_up"
    MOVED = "moved"
    RESTORED = "restored"


class Outcome(Enum):
    """How it ended, as far as this side knows."""

    DONE = "done"
    UNKNOWN = "unknown"
    REJECTED = "rejected"


@dataclass(frozen=True)
class HistoryEntry:
    """One line of the history. `learned` names what the other side learned, never the values."""

    id: str
    at: datetime
    event: Event
    outcome: Outcome
    who: Personal[str]
    purpose: Personal[str]
    documents: Personal[tuple[str, ...]]
    mechanism: str | None = None
    learned: Personal[tuple[str, ...]] = field(default_factory=lambda: Personal(()))


class Life(Enum):
    """Where a wallet stands between its first day and its last."""

    LIVE = "live"
    LEAVING = "leaving"
    """A move has begun: nothing is shown or renewed any more. Nobody has the file yet, so it can be undone."""
    RETIRED = "retired"
    """The file may be there: this wallet never comes back, and the move is to be finished."""
    MOVED = "moved"
    """The file is there: what was here lives where it is restored."""


@dataclass(frozen=True)
class Standing:
    """The life of this wallet. `since` is when it left `LIVE`.

    `unproven_grants` came from a copy of unknown age: whether their tokens still stand is known once one was used.
    """

    life: Life = Life.LIVE
    since: datetime | None = None
    backed_up_at: datetime | None = None
    unproven_grants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trust:
    """Whom this wallet believes: the files `trust.json` and `verifier-trust.json`, and the log's policy, as they came.

    Without a policy nothing can be known of a log, and no receipt is asked for.
    """

    issuers: bytes = field(repr=False)
    verifiers: bytes = field(repr=False)
    log: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Chain:
    """`c_0` of the order behind a grant: whoever has it finds every act about that order in the public log."""

    grant_id: str
    secret: Secret


@dataclass(frozen=True)
class OwnRecord:
    """This person's own copy of their record in a sealed registry, as the counter handed it over."""

    record_id: bytes
    registry: str
    content: bytes = field(repr=False)
    """Padded, as `formats/record/content` reads it."""

    @property
    def chain_id(self) -> str:
        """Under what its label chain stands among those of the grants."""
        return f"record {self.record_id.hex()}"


@dataclass(frozen=True)
class HeldAct:
    """An act about the order behind a grant, with its salt. `receipt` is there for acts that brought documents here."""

    grant_id: str
    counter: int
    committed: CommittedAct
    receipt: LogProof | None


@dataclass(frozen=True)
class Attribute:
    """One element of a document, as the person is shown it."""

    namespace: str
    identifier: str
    names: Names
    value: Personal[CborValue]


@dataclass(frozen=True)
class Holding:
    """A document and how it stands now. `is_renewable` is None where the issuer has not said yet."""

    document: Document
    copies: int
    copies_left: int
    is_valid: bool
    is_due: bool
    is_renewable: bool | None
    attributes: tuple[Attribute, ...] = ()
    lost_at: datetime | None = None
    """Since when the key that signed it is lost: it is not valid any more, whatever its dates."""
    is_fast: bool = False
    """Whether there is a credential of the fast suite beside it."""
    stands_until: datetime | None = None
    """Until when it can be proved not revoked, without asking the issuer again."""
