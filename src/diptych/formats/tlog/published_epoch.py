"""An epoch of the fast suite in the log: the key that all holders and verifiers see, under a label that all can name.

An act that hides nothing: whoever has the epoch computes its entry, and whoever knows the issuer's URL its label. So
the log's labels show whether an issuer has a second key for an epoch, or an epoch that it does not show to everybody
(docs/spec/bbs-credential.md, "Epochs in the log"). Reading the log is left to `protocols.reading.epochs`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from diptych.formats.tlog.act import SALT_BYTES, Act, CommittedAct, Detail
from diptych.formats.tlog.entry import ActorClass, ActType, Entry
from diptych.formats.tlog.label import ChainElement
from diptych.private import Personal, Secret


@dataclass(frozen=True)
class PublishedEpoch:
    """What the log is told of an epoch. `key` is its public key, `buckets` the digest of its bucket files."""

    issuer: str
    number: int
    name: str
    starts: datetime
    ends: datetime
    since: int
    key: bytes
    buckets: bytes

    @property
    def label(self) -> bytes:
        """The label of an issuer's epoch of that number: public, and one alone may stand under it."""
        return epoch_label(self.issuer, self.number)

    def entry(self, *, policy_hash: bytes) -> Entry:
        """The one entry of this epoch."""
        details: Mapping[str, Detail] = {
            "issuer": self.issuer,
            "number": self.number,
            "epoch": self.name,
            "ends": int(self.ends.timestamp()),
            "since": self.since,
            "key": hashlib.sha256(self.key).digest(),
            "buckets": self.buckets,
        }
        act = Act(ActType.EPOCH_PUBLISHED, self.starts.date(), ActorClass.ISSUER, Personal(details))
        return CommittedAct(act, Secret(bytes(SALT_BYTES))).entry(policy_hash=policy_hash, label=self.label)


def epoch_label(issuer: str, number: int) -> bytes:
    """The label of the issuer's epoch of that number: of the chain that follows from its URL alone."""
    first = hashlib.sha256(b"diptych epochs 1\n" + issuer.encode()).digest()
    return ChainElement(Secret(first)).at(number).label
