"""Entries: what the public log says of an act, the same 103 bytes long for every act (docs/spec/acts.md).

An entry says what kind of act, on which day, by what kind of actor; never who, about whom or what exactly. That is the
act itself (`act`), to which `commitment` binds; `label` is what its subject finds it by.
"""

import struct
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum
from functools import lru_cache

from diptych.errors import FormatError

VERSION = 1
ENTRY_BYTES = 103
HASH_BYTES = 32
NO_LABEL = bytes(HASH_BYTES)

_LAYOUT = struct.Struct(">BBBI32s32s32s")
_KIND = struct.Struct(">BBBI")
_LABEL = slice(_KIND.size, _KIND.size + HASH_BYTES)
_EPOCH = date(1970, 1, 1)
_LAST_DAY = (date.max - _EPOCH).days
_FIRST_ABOUT_A_SUBJECT = 32


class ActType(IntEnum):
    """Everything that must be logged. From 32 upward an act carries a label: it is about one subject.

    The subject of `EPOCH_PUBLISHED` is its issuer, whose labels anybody can compute.
    """

    KEY_CEREMONY = 1
    TRUSTEE_SET_CHANGED = 2
    OFFICER_CERTIFIED = 3
    POLICY_CHANGED = 4
    DOCUMENT_TYPE_REGISTERED = 5
    VERIFIER_REGISTERED = 6
    AUDIT_ATTESTED = 7
    ROLE_STATE = 8
    BREACH_NOTICE = 9
    SECURITY_ADVISORY = 10
    SOFTWARE_RELEASE = 11
    LABEL_TREE = 12

    ENROLLED = 32
    CORRECTED = 33
    LOOKED_UP = 34
    ISSUED = 35
    RENEWED = 36
    SUSPENDED = 37
    REINSTATED = 38
    REVOKED = 39
    OPENING_REQUESTED = 40
    OPENED = 41
    OPENING_REFUSED = 42
    OPENING_DEFERRED = 43
    OPENING_DISCLOSED = 44
    MASK_DELETED = 45
    EPOCH_PUBLISHED = 46

    @property
    def is_about_a_subject(self) -> bool:
        return self >= _FIRST_ABOUT_A_SUBJECT

    @property
    def word(self) -> str:
        """The name that files, terminals and pages use."""
        return self.name.lower()


class ActorClass(IntEnum):
    """What kind of party did it."""

    AGENCY = 1
    OFFICER = 2
    ISSUER = 3
    REGISTRY = 4
    TRUSTEE = 5
    CITIZEN = 6
    AUDITOR = 7
    RIGHTS_DESK = 8
    LOG = 9
    WITNESS = 10

    @property
    def word(self) -> str:
        """The name that files, terminals and pages use."""
        return self.name.lower()


@dataclass(frozen=True)
class Entry:
    """One leaf of the log. `policy_hash` is the SHA-256 of the policy file in force when the act was made."""

    act_type: ActType
    day: date
    actor: ActorClass
    label: bytes = field(repr=False)
    commitment: bytes
    policy_hash: bytes

    def __post_init__(self) -> None:
        if any(len(value) != HASH_BYTES for value in (self.label, self.commitment, self.policy_hash)):
            raise FormatError("tlog.entry.hash", f"label, commitment and policy hash have {HASH_BYTES} bytes")
        if self.day < _EPOCH:
            raise FormatError("tlog.entry.day", "days count from 1970-01-01")
        if self.act_type.is_about_a_subject != (self.label != NO_LABEL):
            raise FormatError("tlog.entry.label", "acts about a subject carry a label, and no others do")

    def encode(self) -> bytes:
        """The exact inverse of `parse_entry`."""
        day = (self.day - _EPOCH).days
        return _LAYOUT.pack(VERSION, self.act_type, self.actor, day, self.label, self.commitment, self.policy_hash)


@dataclass(frozen=True)
class Kind:
    """What an entry says without its three hashes."""

    act_type: ActType
    actor: ActorClass
    day: date


def parse_entry(data: bytes) -> Entry:
    """The entry in `data`, or `FormatError`."""
    kind = parse_kind(data)
    _, _, _, _, label, commitment, policy_hash = _LAYOUT.unpack(data)
    return Entry(kind.act_type, kind.day, kind.actor, label, commitment, policy_hash)


def parse_kind(data: bytes) -> Kind:
    """The kind of the entry in `data`, or `FormatError` wherever `parse_entry` has one: for whole logs at a time."""
    if len(data) != ENTRY_BYTES:
        raise FormatError("tlog.entry.length", f"an entry has {ENTRY_BYTES} bytes")
    kind = _kind(data[: _KIND.size])
    if kind.act_type.is_about_a_subject != (data[_LABEL] != NO_LABEL):
        raise FormatError("tlog.entry.label", "acts about a subject carry a label, and no others do")
    return kind


def label_in(data: bytes) -> bytes:
    """The label of an entry that `parse_kind` has accepted."""
    return data[_LABEL]


@lru_cache(maxsize=4096)
def _kind(head: bytes) -> Kind:
    """Few of these are in use on one day: each is read once."""
    version, act_type, actor, day = _KIND.unpack(head)
    if version != VERSION:
        raise FormatError("tlog.entry.version", f"only version {VERSION} is known here")
    if day > _LAST_DAY:
        raise FormatError("tlog.entry.day", "the day is no date")
    try:
        return Kind(ActType(act_type), ActorClass(actor), _EPOCH + timedelta(days=day))
    except ValueError as error:
        raise FormatError("tlog.entry.type", "an act type or actor class that this version does not know") from error
