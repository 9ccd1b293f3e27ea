"""What officers say about orders: suspended, reinstated, revoked; and when it is in force.

    (nothing), reinstated --suspend--> suspended --reinstate--> reinstated
    (nothing), reinstated, suspended --revoke--> revoked          (for good)

Said and queued as an act in one transaction. In force, and published, only once the act stands in the public log. What
was said refuses new documents at once: nothing is handed out that is about to be taken back.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.errors import Conflict, Refused
from diptych.formats import base64url, strict_json
from diptych.formats.order.standing import Standing, VerifiedStanding
from diptych.formats.tlog.act import Act, Detail
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.label import asked_by
from diptych.private import Personal, Secret
from diptych.protocols.oauth.errors import INVALID_GRANT
from diptych.protocols.openid4vci.errors import CREDENTIAL_REQUEST_DENIED
from diptych.roles.issuer.acts import queue
from diptych.roles.issuer.enrolments import mark_enrolments
from diptych.roles.issuer.model import UNLOGGED_STANDING, Incident, OrderState, QueuedAct, StoredOrder
from diptych.roles.issuer.ports import IssuerTransaction
from diptych.roles.issuer.status_model import STATUS_OF, TOLD_FOR, OrderStanding, ToldStanding

STANDINGS_PATH = "/standings"
TOLD_PATH = "/told"
WHOLE_ORDER = "order"
"""In the place of a document type in the act: everything that was issued under the order (docs/spec/acts.md)."""
ACT_OF = {
    Standing.SUSPENDED: ActType.SUSPENDED,
    Standing.REINSTATED: ActType.REINSTATED,
    Standing.REVOKED: ActType.REVOKED,
}


@dataclass(frozen=True)
class StandingReceipt:
    """The issuer knows how the order stands. In force: the act is public, and the next version of the lists says so."""

    standing: OrderStanding
    is_new: bool

    def encode(self) -> bytes:
        """The JSON answer (docs/spec/issuer-api.md)."""
        return strict_json.encode(
            {
                "order": base64url.encode(self.standing.order_id),
                "standing": str(self.standing.standing),
                "in_force": self.standing.is_in_force,
            }
        )


def accept(state: IssuerTransaction, verified: VerifiedStanding) -> StandingReceipt:
    """Keep what an officer said; said again, it is the same. The act is the caller's to queue, where it is new.

    1. The order is known here: as an order, or by documents that have not expired.
    2. It is newer than what was said last: nobody can bring back what an officer said before.
    3. The move is one of the table above.
    """
    said = verified.said
    digest = hashlib.sha256(said.encode()).digest()
    # 1. The order's row is held from here on: of two who say something, the second finds the first's.
    order = state.order(said.order_id)
    if order is None and not state.status.is_listed(said.order_id):
        raise Refused("standing.unknown", "this issuer has no such order, or all that was issued under it has expired")
    # 2.
    known = state.status.standing(said.order_id)
    if known is not None and known.digest == digest:
        return StandingReceipt(known, is_new=False)
    if known is not None and said.said_at <= known.said_at:
        raise Conflict("standing.superseded", "something newer was said about this order: look how it stands")
    # 3.
    before = Standing.REINSTATED if known is None else known.standing
    if before is said.standing and known is not None:
        return StandingReceipt(known, is_new=False)
    if before is Standing.REVOKED:
        raise Conflict("standing.revoked", "this order was revoked, which is for good: approve a new one")
    if said.standing is Standing.REINSTATED and before is not Standing.SUSPENDED:
        raise Conflict("standing.not_suspended", "this order is not suspended: there is nothing to reinstate")
    if said.standing is Standing.SUSPENDED and not state.status.is_listed(said.order_id) and _is_unredeemed(order):
        raise Conflict(
            "standing.not_issued", "nothing was issued under this order yet: revoke it to withdraw the offer"
        )
    fresh = OrderStanding(said.order_id, said.standing, said.reason, said.said_at, digest)
    state.status.save_standing(fresh)
    return StandingReceipt(fresh, is_new=True)


def queue_act(
    state: IssuerTransaction, standing: OrderStanding, *, policy_hash: bytes, now: datetime, entropy: Entropy
) -> QueuedAct | None:
    """Queue the act of what was just said, in the same transaction; None where there is nobody who could find it.

    That is an offer that was withdrawn before anybody took it. Documents that were issued before their issuer had a
    log, or whose order is gone, have no label either: what is said of them is an incident, for an operator to see.
    """
    order = state.order(standing.order_id)
    if order is None or order.chain is None:
        if order is None or not _is_unredeemed(order):
            state.record(Incident(standing.order_id, UNLOGGED_STANDING, now))
        return None
    details: Personal[Mapping[str, Detail]] = Personal({"type": WHOLE_ORDER, "reason": standing.reason})
    act = queue(
        state,
        order,
        Act(ACT_OF[standing.standing], now.date(), ActorClass.ISSUER, details),
        policy_hash=policy_hash,
        entropy=entropy,
    )
    state.status.save_standing(replace(standing, counter=act.counter))
    # No answer will bring it: a revoked order hands nothing out any more.
    state.status.keep_told(ToldStanding(asked_by(order.chain.asking), act.sealed, now + TOLD_FOR))
    return act


def told(state: IssuerTransaction, asking: Secret) -> bytes | None:
    """The act of a standing, sealed, for whoever has its chain element: the holder. None for everybody else."""
    return state.status.told(asked_by(asking))


def is_public(state: IssuerTransaction, standing: OrderStanding) -> bool:
    """Whether the act of what was said stands in the public log, as far as there is one. Log before act."""
    acts = {act.counter: act for act in state.acts(standing.order_id)}
    # Acts are forgotten with their order, once all of them are recorded.
    return standing.counter is None or standing.counter not in acts or acts[standing.counter].is_recorded


def check_stands(state: IssuerTransaction, order_id: bytes, *, is_token_request: bool) -> None:
    """Raises `Refused` while the order is suspended, or once it is revoked: nothing is handed out under it."""
    known = state.status.standing(order_id)
    if known is None or known.standing is Standing.REINSTATED:
        return
    if known.standing is Standing.REVOKED:
        code = INVALID_GRANT if is_token_request else CREDENTIAL_REQUEST_DENIED
        raise Refused("order.revoked", "this order was revoked: ask at the counter", code=code)
    # Not `invalid_grant`: a wallet gives its token up for that, and this order may stand again.
    raise Refused("order.suspended", "this order is suspended: nothing is issued meanwhile; ask at the counter")


def come_into_force(state: IssuerTransaction, standing: OrderStanding) -> None:
    """Lists and epochs say so from their next version on. What was revoked, nothing opens any more."""
    state.status.flip(standing.order_id, STATUS_OF[standing.standing])
    mark_enrolments(state, standing.order_id, is_revoked=standing.standing is not Standing.REINSTATED)
    state.status.save_standing(replace(standing, is_in_force=True))
    if standing.standing is not Standing.REVOKED:
        return
    order = state.order(standing.order_id)
    if order is not None and order.state is not OrderState.VOID:
        state.forget_grants(order.order_id)
        state.save_order(
            replace(
                order,
                state=OrderState.VOID,
                sealed_full=None,
                sealed_renewal=None,
                code_wrap_full=None,
                code_wrap_renewal=None,
            )
        )


def _is_unredeemed(order: StoredOrder | None) -> bool:
    return order is not None and order.redeemed_by is None
