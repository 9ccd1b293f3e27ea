"""Acts of the registry: queued in the transaction that decides them, in the log before anybody gets anything.

    [queue: act, entry, label chain moved on, deliveries] -> the log -> [receipt kept] -> holders are shown it

In brackets one transaction; none is open while the log or a holder is waited for. What was queued is recorded sooner or
later, whatever dies: sending an entry twice is sending it once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diptych.crypto import sealing
from diptych.crypto.entropy import Entropy
from diptych.errors import DiptychError, Refused, Unavailable
from diptych.formats import cbor
from diptych.formats.tlog.act import Act, CommittedAct, commit, parse_act
from diptych.formats.tlog.entry import NO_LABEL, parse_entry
from diptych.formats.tlog.proof import LogProof, parse_proof
from diptych.formats.tlog.shown_act import ShownAct
from diptych.protocols.opening.decision import LAG
from diptych.protocols.recording.recorder import Recorder
from diptych.roles.registry.model import QueuedAct, StoredRecord
from diptych.roles.registry.ports import History, RegistryStore, RegistryTransaction

MAX_AT_ONCE = 256  # docs/spec/recording.md, "Submission"
ACT_ID_BYTES = 16
ACT_CONTEXT = b"diptych act 1"
"""As the issuer seals acts for its citizens: a wallet opens both alike."""


@dataclass(frozen=True)
class PublicLog:
    """The log that the registry records in, and the hash of the policy under which it believes it."""

    recorder: Recorder
    history: History
    policy_hash: bytes


def queue(
    state: RegistryTransaction,
    act: Act,
    *,
    record: StoredRecord | None,
    policy_hash: bytes,
    entropy: Entropy,
    label: bytes | None = None,
    is_shown: bool = True,
    act_id: bytes | None = None,
) -> QueuedAct:
    """Queue an act about the record, as it was read in this transaction, under its next label; or about none.

    With `label` it stands under that one, and the chain stays where it is. What is shown to nobody but the citizen
    (`is_shown` false) is kept for the citizen alone. An `act_id` that follows from what it says lets it be known again.
    """
    committed, sealed = commit(act, entropy=entropy), None
    if record is not None and label is None:
        element = record.next_element
        label = element.label
        plaintext = cbor.encode([act.encode(), committed.salt.reveal()])
        sealed = sealing.seal(element.sealing_key, plaintext, context=ACT_CONTEXT, entropy=entropy)
        following = element.next()
        seen_from = record.seen_from.at(max(record.seen_from.counter, following.counter - LAG))
        state.save_record(replace(record, next_element=following, seen_from=seen_from))
    queued = QueuedAct(
        act_id or entropy(ACT_ID_BYTES),
        None if record is None else record.record_id,
        label or NO_LABEL,
        committed.entry(policy_hash=policy_hash, label=label or NO_LABEL).encode(),
        act.encode() if is_shown else None,
        committed.salt if is_shown else None,
        sealed,
        None,
    )
    state.save_act(queued)
    return queued


def taken_over(act_id: bytes, act: ShownAct) -> QueuedAct:
    """Somebody else's act that the registry shows to others: it stands in the log already."""
    receipt = act.receipt
    assert receipt.extra is not None  # it was verified
    return QueuedAct(
        act_id, None, NO_LABEL, receipt.extra, act.committed.act.encode(), act.committed.salt, None, receipt.encode()
    )


def record_waiting(store: RegistryStore, log: PublicLog) -> int:
    """Have everything recorded that waits; how many acts. `Unavailable`, by the reason's name, where it cannot be."""
    count = 0
    while waiting := store.unrecorded(most=MAX_AT_ONCE):
        try:
            receipts = log.recorder.record([parse_entry(act.entry) for act in waiting])
        except DiptychError as error:
            raise Unavailable(
                error.check, "this does not stand in the public log yet, so it is not done yet: send it again"
            ) from error
        with store.transaction() as state:
            for act, receipt in zip(waiting, receipts, strict=True):
                current = state.act(act.act_id)
                if current is not None and not current.is_recorded:
                    state.save_act(replace(current, receipt=receipt.encode()))
        count += len(waiting)
    return count


def recorded(store: RegistryStore, log: PublicLog, act_id: bytes) -> QueuedAct:
    """The act, once it stands in the log."""
    with store.transaction() as state:
        found = state.act(act_id)
    if found is None or not found.is_recorded:
        record_waiting(store, log)
        with store.transaction() as state:
            found = state.act(act_id)
    if found is None or not found.is_recorded:
        raise Unavailable("act.unrecorded", "this does not stand in the public log yet: send it again")
    return found


def shown(act: QueuedAct, *, kept_size: int, history: History) -> ShownAct:
    """The recorded act, for a holder that keeps a checkpoint of this size. `Refused` once it is no longer opened."""
    if act.act is None or act.salt is None or act.receipt is None:
        raise Refused("act.closed", "everyone who had to see this act has seen it: it is not opened any more")
    receipt = parse_proof(act.receipt)
    size = receipt_size(receipt)
    steps: Sequence[bytes] = ()
    if kept_size not in (0, size):
        steps = history.consistency(min(kept_size, size), max(kept_size, size))
    return ShownAct(CommittedAct(parse_act(act.act), act.salt), receipt, kept_size, tuple(steps))


def receipt_size(receipt: LogProof) -> int:
    """The size of the log at the receipt's checkpoint."""
    return receipt.checkpoint.checkpoint.size
