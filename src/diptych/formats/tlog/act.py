"""Acts: what was done, in full. Sealed with its subject, never in the log, and bound to its entry by a commitment.

The entry alone is public (`entry`); who keeps act and salt, and erases them, is left to the roles.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import FullDate, as_array, as_text, as_text_map, as_unsigned
from diptych.formats.tlog import tree
from diptych.formats.tlog.entry import HASH_BYTES, NO_LABEL, VERSION, ActorClass, ActType, Entry
from diptych.private import Personal, Secret

SALT_BYTES = 32
MAX_ACT_BYTES = 4096
MAX_TEXT_CHARACTERS = 1000

Detail: TypeAlias = str | int | bytes


@dataclass(frozen=True)
class Schema:
    """The details of one act type: text, unsigned number, or `bytes` for a SHA-256 hash."""

    required: Mapping[str, type[Detail]]
    optional: Mapping[str, type[Detail]]


_PUBLISHED = Schema({"title": str, "document": bytes}, {"reference": str})  # `document`: SHA-256 of what was published
_BATCH = Schema({"type": str, "count": int, "credentials": bytes}, {})
_STATUS = Schema({"type": str, "reason": str}, {"credentials": bytes})
_REQUEST = Schema({"request": bytes, "legal_basis": str}, {"purpose": str})

SCHEMAS: Mapping[ActType, Schema] = {
    ActType.KEY_CEREMONY: _PUBLISHED,
    ActType.TRUSTEE_SET_CHANGED: _PUBLISHED,
    ActType.OFFICER_CERTIFIED: _PUBLISHED,
    ActType.POLICY_CHANGED: _PUBLISHED,
    ActType.DOCUMENT_TYPE_REGISTERED: _PUBLISHED,
    ActType.VERIFIER_REGISTERED: _PUBLISHED,
    ActType.AUDIT_ATTESTED: _PUBLISHED,
    ActType.ROLE_STATE: Schema({"role": str, "counter": int, "state": bytes}, {}),
    ActType.BREACH_NOTICE: _PUBLISHED,
    ActType.SECURITY_ADVISORY: _PUBLISHED,
    ActType.SOFTWARE_RELEASE: _PUBLISHED,
    ActType.LABEL_TREE: Schema({"entries": int, "size": int, "root": bytes}, {}),
    ActType.ENROLLED: Schema({"type": str, "record": bytes}, {}),
    # A trustee sees no record: these two show it that the version it holds follows the one it held.
    ActType.CORRECTED: Schema({"type": str, "record": bytes, "number": int, "predecessor": bytes, "reason": str}, {}),
    ActType.LOOKED_UP: Schema({"purpose": str, "legal_basis": str}, {}),
    ActType.ISSUED: _BATCH,
    ActType.RENEWED: _BATCH,
    ActType.SUSPENDED: _STATUS,
    ActType.REINSTATED: _STATUS,
    ActType.REVOKED: _STATUS,
    ActType.OPENING_REQUESTED: _REQUEST,
    ActType.OPENED: _REQUEST,
    ActType.OPENING_REFUSED: _REQUEST,
    ActType.OPENING_DEFERRED: Schema({"request": bytes, "legal_basis": str, "disclose_on": str}, {"purpose": str}),
    ActType.OPENING_DISCLOSED: Schema({"request": bytes, "legal_basis": str, "deferred": bytes}, {"purpose": str}),
    ActType.MASK_DELETED: Schema({"record": bytes, "statement": bytes}, {}),
    ActType.EPOCH_PUBLISHED: Schema(
        {"issuer": str, "number": int, "epoch": str, "ends": int, "since": int, "key": bytes, "buckets": bytes}, {}
    ),
}


@dataclass(frozen=True)
class Act:
    """What was done: the public half that its entry repeats, and the details that only the commitment shows."""

    act_type: ActType
    day: date
    actor: ActorClass
    details: Personal[Mapping[str, Detail]]

    def __post_init__(self) -> None:
        _check_details(self.act_type, self.details.reveal())

    def encode(self) -> bytes:
        """The canonical act, the exact inverse of `parse_act`: what is committed to."""
        details = dict(sorted(self.details.reveal().items(), key=_canonical_order))
        return cbor.encode([VERSION, int(self.act_type), FullDate.of(self.day), int(self.actor), details])


@dataclass(frozen=True)
class CommittedAct:
    """An act with the salt that hides it: what its subject keeps, and what opens the entry's commitment."""

    act: Act
    salt: Secret

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_BYTES:
            raise FormatError("tlog.act.salt", f"a salt has {SALT_BYTES} bytes")

    @property
    def commitment(self) -> bytes:
        """SHA-256(salt || canonical act); the salt's length is fixed, so that no two pairs read alike."""
        return hashlib.sha256(self.salt.reveal() + self.act.encode()).digest()

    def entry(self, *, policy_hash: bytes, label: bytes = NO_LABEL) -> Entry:
        """The entry that the log is asked to append."""
        act = self.act
        return Entry(act.act_type, act.day, act.actor, label, self.commitment, policy_hash)


@dataclass(frozen=True)
class VerifiedAct:
    """An act that its entry commits to."""

    act: Act
    entry: Entry


def commit(act: Act, *, entropy: Entropy) -> CommittedAct:
    """The act under a fresh salt."""
    return CommittedAct(act, Secret(entropy(SALT_BYTES)))


def verify_act(committed: CommittedAct, *, entry: Entry) -> VerifiedAct:
    """The act, if `entry` is the one that stands for it. That the entry is in the log is a receipt's to show."""
    act = committed.act
    if (act.act_type, act.day, act.actor) != (entry.act_type, entry.day, entry.actor):
        raise VerificationError("tlog.act.entry", "the entry is of another type, day or actor than the act")
    if committed.commitment != entry.commitment:
        raise VerificationError("tlog.act.commitment", "the entry commits to another act")
    return VerifiedAct(act, entry)


def batch_digest(credentials: Sequence[bytes]) -> bytes:
    """The `credentials` of an issuing act: the RFC 6962 root over a batch, so that each can be shown to be in it."""
    if not credentials:
        raise ValueError("a batch has at least one credential")
    return tree.root_of(credentials)


def parse_act(data: bytes) -> Act:
    """The act in `data`, or `FormatError`."""
    if len(data) > MAX_ACT_BYTES:
        raise FormatError("tlog.act.length", f"an act has at most {MAX_ACT_BYTES} bytes")
    version, act_type, day, actor, details = as_array(cbor.decode(data), "tlog.act", length=5)
    if as_unsigned(version, "tlog.act.version") != VERSION:
        raise FormatError("tlog.act.version", f"only version {VERSION} is known here")
    if not isinstance(day, FullDate):
        raise FormatError("tlog.act.day", "the day is not a full date")
    try:
        kinds = ActType(as_unsigned(act_type, "tlog.act.type")), ActorClass(as_unsigned(actor, "tlog.act.actor"))
    except ValueError as error:
        raise FormatError("tlog.act.type", "an act type or actor class that this version does not know") from error
    found: dict[str, Detail] = {}
    for name, value in as_text_map(details, "tlog.act.details").items():
        if isinstance(value, bool) or not isinstance(value, str | int | bytes):
            raise FormatError("tlog.act.details", "details are texts, numbers and hashes")
        found[as_text(name, "tlog.act.details")] = value
    act = Act(kinds[0], day.day(), kinds[1], Personal(found))
    if act.encode() != data:
        raise FormatError("tlog.act.canonical", "not the one encoding of this act")
    return act


def _check_details(act_type: ActType, details: Mapping[str, Detail]) -> None:
    schema = SCHEMAS[act_type]
    known = {**schema.required, **schema.optional}
    if not schema.required.keys() <= details.keys() <= known.keys():
        raise FormatError("tlog.act.details", f"the details of {act_type.word} are {', '.join(known)}")
    for name, value in details.items():
        if type(value) is not known[name] or not _is_in_bounds(value):
            raise FormatError("tlog.act.details", f"the detail {name} of {act_type.word} is of another kind or size")


def _is_in_bounds(value: Detail) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= MAX_TEXT_CHARACTERS
    if isinstance(value, int):
        return 0 <= value < 2**63
    return len(value) == HASH_BYTES


def _canonical_order(detail: tuple[str, Detail]) -> bytes:
    """RFC 8949 4.2.1: map keys in the bytewise order of their encodings."""
    return cbor.encode(detail[0])
