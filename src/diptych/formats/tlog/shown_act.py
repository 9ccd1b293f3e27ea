"""Shown acts: an act opened to one party, with the proof that it stands in the log which that party follows.

Whether it is the act that was expected is left to whoever asked for it (docs/spec/statements.md, "Shown acts").
"""

from dataclasses import dataclass, field
from datetime import datetime

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, Verbatim, as_array, as_bytes, as_struct, as_unsigned
from diptych.formats.tlog import tree
from diptych.formats.tlog.act import Act, CommittedAct, parse_act, verify_act
from diptych.formats.tlog.entry import HASH_BYTES, Entry, parse_entry
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint, accept_checkpoint
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.proof import LogProof, parse_proof, verify_receipt
from diptych.private import Secret

MAX_BYTES = 48 * 1024

_MEMBERS = ("act", "salt", "receipt", "since", "consistency")


@dataclass(frozen=True)
class ShownAct:
    """An act with its salt, its receipt, and the way from the checkpoint its reader kept. Unverified."""

    committed: CommittedAct
    receipt: LogProof = field(repr=False)
    since: int = 0
    consistency: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """The exact inverse of `parse_shown_act`."""
        return cbor.encode(
            {
                "act": self.committed.act.encode(),
                "salt": self.committed.salt.reveal(),
                "receipt": self.receipt.encode(),
                "since": self.since,
                "consistency": list(self.consistency),
            }
        )

    def to_cbor(self) -> Verbatim:
        """For embedding."""
        return Verbatim(self.encode())


@dataclass(frozen=True)
class VerifiedShownAct:
    """An act that is public. `time` is that of its receipt; `kept` is what its reader keeps from now on."""

    act: Act
    entry: Entry
    time: datetime
    kept: KeptCheckpoint


def parse_shown_act(data: bytes) -> ShownAct:
    """The shown act in `data`, or `FormatError`. Nothing about it is verified."""
    if len(data) > MAX_BYTES:
        raise FormatError("shown_act.size", f"a shown act has at most {MAX_BYTES} bytes")
    found = shown_act_from_cbor(cbor.decode(data))
    if found.encode() != data:
        raise FormatError("shown_act.canonical", "not the one encoding of this shown act")
    return found


def shown_act_from_cbor(value: CborValue) -> ShownAct:
    """The shown act that `value` is, or `FormatError`."""
    members = as_struct(value, "shown_act", required=_MEMBERS)
    if tuple(members) != _MEMBERS:
        raise FormatError("shown_act", "the members stand in another order than specified")
    act, salt, receipt, since, consistency = members.values()
    hashes = tuple(as_bytes(item, "shown_act.consistency") for item in as_array(consistency, "shown_act.consistency"))
    if len(hashes) > tree.MAX_PROOF_HASHES or any(len(item) != HASH_BYTES for item in hashes):
        raise FormatError("shown_act.consistency", f"expected at most {tree.MAX_PROOF_HASHES} hashes")
    return ShownAct(
        CommittedAct(parse_act(as_bytes(act, "shown_act.act")), Secret(as_bytes(salt, "shown_act.salt"))),
        parse_proof(as_bytes(receipt, "shown_act.receipt")),
        as_unsigned(since, "shown_act.since"),
        hashes,
    )


def verify_shown_act(shown: ShownAct, *, policy: Policy, kept: KeptCheckpoint | None) -> VerifiedShownAct:
    """The act, once all of this holds:

    1. the receipt carries its entry, and stands under the reader's own policy;
    2. its checkpoint and the one that the reader kept are of one history (`accept_checkpoint`);
    3. the entry is of the act, and commits to it.
    """
    # 1.
    receipt = verify_receipt(shown.receipt, policy=policy)
    entry = parse_entry(receipt.entry)
    # 2.
    next_kept, time = accept_checkpoint(
        receipt.inclusion.checkpoint, since=shown.since, consistency=shown.consistency, kept=kept
    )
    # 3.
    verified = verify_act(shown.committed, entry=entry)
    return VerifiedShownAct(verified.act, entry, time, next_kept)
