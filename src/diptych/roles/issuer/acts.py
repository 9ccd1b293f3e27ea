"""Acts about orders: queued in the transaction that decides them, and in the public log before anybody gets anything.

    [queue: the act, its entry under the next label, the label chain moved on] -> the log -> [marked as recorded]

In brackets one transaction of the store; none is open while the log is waited for. What was queued is recorded sooner
or later, whatever dies: sending an entry twice is sending it once. Kinds of acts and what they are about are the
callers' business. What is kept of an act is sealed under its chain element, which the order has no longer: a thief of
the database reads the acts to come, if he stays, and none of the past.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diptych.crypto import sealing
from diptych.crypto.entropy import Entropy
from diptych.errors import Conflict, DiptychError, Unavailable
from diptych.formats import cbor
from diptych.formats.cbor import as_array, as_bytes
from diptych.formats.tlog.act import Act, CommittedAct, commit, parse_act
from diptych.formats.tlog.entry import parse_entry
from diptych.formats.tlog.label import ChainElement, derived_chain
from diptych.formats.tlog.proof import LogProof
from diptych.private import Secret
from diptych.protocols.recording.recorder import Recorder
from diptych.roles.issuer.model import OrderState, QueuedAct, StoredOrder
from diptych.roles.issuer.ports import IssuerStore, IssuerTransaction

MAX_AT_ONCE = 256  # docs/spec/recording.md, "Submission"

_ACT, _BATCH = b"diptych act 1", b"diptych batch 1"


@dataclass(frozen=True)
class PublicLog:
    """The log that this issuer records in, and the hash of the policy under which it believes it."""

    recorder: Recorder
    policy_hash: bytes

    def record(self, acts: Sequence[QueuedAct]) -> Sequence[LogProof]:
        """A verified receipt for each act, in their order. `Unavailable`, with the reason's name, if there is none.

        Whatever the reason is (a log that is down, refuses, or answers with receipts that do not hold): the acts stay
        queued, and nothing is handed out.
        """
        receipts: list[LogProof] = []
        try:
            for start in range(0, len(acts), MAX_AT_ONCE):
                entries = [parse_entry(act.entry) for act in acts[start : start + MAX_AT_ONCE]]
                receipts += self.recorder.record(entries)
        except DiptychError as error:
            raise Unavailable(
                error.check, "this does not stand in the public log yet, so it is not done yet: ask for it again"
            ) from error
        return receipts


def first_element(order: StoredOrder, renewal_key: Secret) -> ChainElement:
    """`c_0` of an order, which nobody stores: from a key that is at hand only while the citizen's token is."""
    return derived_chain(renewal_key, subject=order.order_id)


def queue(
    state: IssuerTransaction,
    order: StoredOrder,
    act: Act,
    *,
    policy_hash: bytes,
    entropy: Entropy,
    first: ChainElement | None = None,
) -> QueuedAct:
    """Queue an act about the order, which must be as it was read in this transaction, under its next label.

    `first` is needed for the first act alone. `Conflict` "act.chain" where there is none: nothing was issued under
    the order, so nobody could find an act about it.
    """
    element = order.chain or first
    if element is None:
        raise Conflict("act.chain", "nothing was issued under this order yet")
    committed = commit(act, entropy=entropy)
    queued = QueuedAct(
        order.order_id,
        element.counter,
        committed.entry(policy_hash=policy_hash, label=element.label).encode(),
        sealing.seal(
            element.sealing_key,
            cbor.encode([act.encode(), committed.salt.reveal()]),
            context=_ACT,
            entropy=entropy,
        ),
    )
    state.save_act(queued)
    state.save_order(replace(order, chain=element.next()))
    return queued


def waiting_until(state: IssuerTransaction, act: QueuedAct) -> Sequence[QueuedAct]:
    """What is to be recorded about an order before this act, and the act itself, recorded or not."""
    before = [one for one in state.acts(act.order_id) if not one.is_recorded and one.counter < act.counter]
    return (*before, act)


def record(store: IssuerStore, log: PublicLog, act: QueuedAct) -> LogProof:
    """The receipt of an act that was queued; `Unavailable` if there is none yet. Again is once."""
    with store.transaction() as state:
        acts = waiting_until(state, act)
    receipts = log.record(acts)
    with store.transaction() as state:
        mark_recorded(state, act.order_id, acts)
    return receipts[-1]


def record_waiting(store: IssuerStore, log: PublicLog) -> int:
    """Record what was queued by requests that died, or that the log did not answer; how many acts."""
    count = 0
    while waiting := store.unrecorded_acts(most=MAX_AT_ONCE):
        log.record(waiting)
        for order_id in dict.fromkeys(act.order_id for act in waiting):
            with store.transaction() as state:
                mark_recorded(state, order_id, [act for act in waiting if act.order_id == order_id])
        count += len(waiting)
    return count


def mark_recorded(state: IssuerTransaction, order_id: bytes, acts: Sequence[QueuedAct]) -> StoredOrder | None:
    """These stand in the log. The order as it is now, held until the transaction ends; None if it is gone."""
    order = state.order(order_id)
    if order is not None:
        for act in acts:
            if not act.is_recorded:
                state.save_act(replace(act, is_recorded=True))
    return order


def is_open(order: StoredOrder | None) -> bool:
    """Whether anything may still be handed out under the order."""
    return order is not None and order.state is not OrderState.VOID


def open_acts(acts: Sequence[QueuedAct], first: ChainElement) -> Sequence[CommittedAct]:
    """What the acts say, with their salts, for whoever has `c_0`. They are in their order."""
    found: list[CommittedAct] = []
    for queued in acts:
        plaintext = sealing.open_sealed(first.at(queued.counter).sealing_key, queued.sealed, context=_ACT)
        act, salt = as_array(cbor.decode(plaintext), "act.kept", length=2)
        found.append(CommittedAct(parse_act(as_bytes(act, "act.kept")), Secret(as_bytes(salt, "act.kept"))))
    return found


def seal_batch(credentials: Sequence[bytes], element: ChainElement, *, entropy: Entropy) -> bytes:
    """The credentials of one act, for `open_batch`."""
    return sealing.seal(element.sealing_key, cbor.encode(list(credentials)), context=_BATCH, entropy=entropy)


def open_batch(sealed: bytes, element: ChainElement) -> tuple[bytes, ...]:
    """The very bytes that were issued by the act of this element."""
    found = as_array(cbor.decode(sealing.open_sealed(element.sealing_key, sealed, context=_BATCH)), "act.batch")
    return tuple(as_bytes(credential, "act.batch") for credential in found)
