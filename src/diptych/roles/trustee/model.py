"""What a trustee remembers. Masks and chain elements stand here sealed, each under the key of its month.

A thief of the memory alone has ciphertext, record ids, versions, officers and times; `vault` opens it with those keys.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from diptych.private import Secret
from diptych.protocols.depositing.deposit import RecordVersion


@dataclass(frozen=True)
class SealedSecrets:
    """A mask and a chain element, sealed under the key of `period`."""

    period: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True)
class StoredPrekey:
    """A one-time key given to one officer, until a deposit uses it. `answer` is what the officer was given."""

    prekey_id: bytes
    officer: bytes
    request: bytes
    expires: datetime
    seeds: Secret = field(repr=False)
    answer: bytes = field(repr=False)


@dataclass(frozen=True)
class StoredVersion:
    """One version of a record, with its secrets sealed.

    `envelope`: the masked share under this trustee's own key, where the record has no envelope for it.
    """

    version: RecordVersion
    retention: str
    epoch: int
    index: int
    share_hash: bytes
    secrets: SealedSecrets
    envelope: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class StoredDeposit:
    """A deposit that was acknowledged and that no act has confirmed yet; it is dropped at `expires_at`."""

    held: StoredVersion
    digest: bytes
    acknowledgement: bytes = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class StoredRecord:
    """The latest confirmed version of a record. Once erased, its secrets hold no mask."""

    held: StoredVersion
    is_erased: bool = False


@dataclass(frozen=True)
class StoredCeremony:
    """A key ceremony that this trustee takes part in: its secrets, what was heard, what was said. All gone at its end.

    `channel` and `said` are encoded as they travel (`protocols/ceremony/channel`).
    """

    call: bytes
    seed: Secret = field(repr=False)
    recipient: Secret = field(repr=False)
    channel: bytes = field(repr=False)
    said: bytes = field(repr=False)


class Consent(StrEnum):
    """Where a change of the trustee set stands with the people of this trustee."""

    PENDING = "pending"
    AGREED = "agreed"
    REFUSED = "refused"


@dataclass(frozen=True)
class StoredChange:
    """A change that the agency proposed here, until it is over or `ends_at`.

    `encoded` is the signed change. Once agreed to: `seed` and `recipient`, the secrets of this change alone, and
    `answer`, the signed key that says so.
    """

    digest: bytes
    encoded: bytes = field(repr=False)
    consent: Consent
    ends_at: datetime
    seed: Secret = field(default=Secret(b""), repr=False)
    recipient: Secret = field(default=Secret(b""), repr=False)
    answer: bytes = field(default=b"", repr=False)
