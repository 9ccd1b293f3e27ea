"""What the registry remembers: sealed records, tags, acts on their way into the log, what holders have to be shown.

A thief of it reads ciphertext and tags, and for each record the type of its document, and the labels of acts to come
and of the last few. Of requests under way, legal basis and purpose.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret


@dataclass(frozen=True)
class StoredRecord:
    """The latest version of a record. `next_element` is the next act's; `seen_from` leads the key service to it.

    `encoded` is the signed record; once it `is_erased`, the signed order that it was erased on, and no ciphertext.
    """

    record_id: bytes
    number: int
    record_hash: bytes
    encoded: bytes = field(repr=False)
    document_type: str
    act_id: bytes
    """The act that enrolled or corrected it."""
    next_element: ChainElement
    seen_from: ChainElement
    is_erased: bool = False


class Message(StrEnum):
    """What a holder is sent, by its path there (docs/spec/trustee-api.md): all but the first with a shown act."""

    REVOCATION = "revocations"
    OFFICER = "officers"
    ATTESTATION = "attestations"
    TRUSTEE_SET = "trustee-sets"
    CONFIRMATION = "confirmations"
    DISCLOSURE = "disclosures"


@dataclass(frozen=True)
class QueuedAct:
    """An act on its way into the log, and afterwards.

    `act` and `salt` are there while somebody may have to be shown it; `sealed` is the same for the record's citizen,
    under the chain element that the registry has no longer. Acts about no record have neither label nor `sealed`.
    """

    act_id: bytes
    record_id: bytes | None
    label: bytes
    entry: bytes
    act: bytes | None = field(repr=False)
    salt: Secret | None = field(repr=False)
    sealed: bytes | None = field(repr=False)
    receipt: bytes | None = field(repr=False)

    @property
    def is_recorded(self) -> bool:
        """Whether it stands in the log."""
        return self.receipt is not None


@dataclass(frozen=True)
class Delivery:
    """A holder that has to be shown an act, with the message that the act makes true. Index 0 is the key service.

    A revocation needs no act, as it only takes away: `act_id` is then of no act, and follows from the message.
    """

    act_id: bytes
    holder: int
    message: Message
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Announcement:
    """What every holder was told once, kept for trustees to come: a message, and the act that makes it true."""

    act_id: bytes
    message: Message
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class StoredChange:
    """A change of the trustee set that is being carried out: as it was signed, and the keys of those who agreed."""

    digest: bytes
    encoded: bytes = field(repr=False)
    keys: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class StoredRequest:
    """An opening request that is public, or about to be. `outcome_act` is that of its end, once it was reported."""

    digest: bytes
    record_id: bytes
    encoded: bytes = field(repr=False)
    act_id: bytes
    expires_at: datetime
    disclose_on: date | None
    outcome_act: bytes | None = None
    disclosed_act: bytes | None = None


@dataclass(frozen=True)
class Hits:
    """What a tag request found, for whoever sends it again. `matches`: record id and the act of the hit, ascending."""

    request: bytes
    matches: tuple[tuple[bytes, bytes], ...]
    expires_at: datetime
