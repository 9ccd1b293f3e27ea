"""Batches of credentials, each issued by one act: signed and queued once, given again for the same request.

A request is the same if it asks for the same document type with the same device keys, in the same order, or with the
same commitment; nonces and tokens may be others. So a lost answer, or a log that does not answer, costs the citizen
nothing and the log no second act. Recording is left to `acts`, who may ask to `service`.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.formats.tlog.act import Act, Detail, batch_digest
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import LogProof
from diptych.private import Personal
from diptych.protocols.openid4vci.recorded import KeptAct, RecordedBatch
from diptych.roles.issuer.acts import first_element, open_acts, open_batch, queue, seal_batch, waiting_until
from diptych.roles.issuer.model import BATCH_LIFETIME, KeptBatch, QueuedAct
from diptych.roles.issuer.ports import IssuerTransaction
from diptych.roles.issuer.tokens import OpenedOrder


@dataclass(frozen=True)
class IssuedBatch:
    """Credentials that may be handed out once `waiting`, of which their own act is the last, stands in the log."""

    credentials: tuple[bytes, ...]
    waiting: Sequence[QueuedAct]
    first: ChainElement

    def recorded(self, acts: Sequence[QueuedAct], receipt: LogProof) -> RecordedBatch:
        """What goes with the credentials: all that was done about the order until now, and the receipt of this act."""
        own = self.waiting[-1].counter
        until = [act for act in acts if act.counter <= own]
        kept = [KeptAct(act.counter, one) for act, one in zip(until, open_acts(until, self.first), strict=True)]
        return RecordedBatch(self.first.secret, tuple(kept), receipt)


def issue_batch(
    state: IssuerTransaction,
    opened: OpenedOrder,
    type_id: str,
    bound_to: Sequence[bytes],
    *,
    sign: Callable[[], tuple[bytes, ...]],
    policy_hash: bytes,
    now: datetime,
    entropy: Entropy,
) -> IssuedBatch:
    """The credentials that `sign` makes, with the act queued that issues them; or those of the same request before.

    `bound_to` says what they are bound to: the thumbprints of device keys, or a holder's commitment.
    """
    first = first_element(opened.order, opened.keys.renewal)
    request = _digest(type_id, bound_to)
    kept = state.batch(opened.order.order_id, request)
    if kept is not None and kept.expires_at > now:
        act = next(act for act in state.acts(opened.order.order_id) if act.counter == kept.counter)
        return IssuedBatch(open_batch(kept.sealed, first.at(kept.counter)), waiting_until(state, act), first)
    credentials = sign()
    details: Personal[Mapping[str, Detail]] = Personal(
        {"type": type_id, "count": len(credentials), "credentials": batch_digest(credentials)}
    )
    act_type = ActType.RENEWED if opened.is_renewal else ActType.ISSUED
    act = queue(
        state,
        opened.order,
        Act(act_type, now.date(), ActorClass.ISSUER, details),
        policy_hash=policy_hash,
        entropy=entropy,
        first=first,
    )
    sealed = seal_batch(credentials, first.at(act.counter), entropy=entropy)
    state.save_batch(KeptBatch(act.order_id, request, act.counter, now + BATCH_LIFETIME, sealed))
    return IssuedBatch(credentials, waiting_until(state, act), first)


def _digest(type_id: str, bound_to: Sequence[bytes]) -> bytes:
    request = b"diptych batch request 1\0" + type_id.encode() + b"\0" + b"".join(bound_to)
    return hashlib.sha256(request).digest()
