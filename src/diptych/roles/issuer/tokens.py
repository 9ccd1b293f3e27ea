"""Tokens are keys: codes exchanged for tokens, and the order's keys re-wrapped as they go.

The story of one grant inside one transaction of the store, which the caller opens and whose outcome it reports:
a `DiptychError` that is *returned* goes with changes that must be kept (a counted try, a voided order); one that is
*raised* undoes everything. Issuing documents is left to `service`.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from diptych.crypto.entropy import Entropy
from diptych.errors import DiptychError, FormatError, Refused, VerificationError
from diptych.formats import base64url
from diptych.formats.order.codes import both_codes, code_hash
from diptych.formats.order.sealed import open_part
from diptych.formats.order.wraps import unwrap_key, wrap_key
from diptych.private import Secret
from diptych.protocols.oauth.dpop import MAX_SKEW_SECONDS, DpopProof
from diptych.protocols.oauth.errors import INVALID_DPOP_PROOF, INVALID_GRANT, INVALID_REQUEST, NOT_AUTHORIZED
from diptych.protocols.oauth.token import RefreshTokenRequest, TokenResponse
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest
from diptych.roles.issuer.model import (
    ACCESS_LIFETIME,
    MAX_TRIES,
    REFRESH_LIFETIME,
    REFRESH_REUSE,
    TRIES_EXHAUSTED,
    AccessGrant,
    Incident,
    OrderState,
    RefreshGrant,
    StoredOrder,
)
from diptych.roles.issuer.ports import IssuerTransaction
from diptych.roles.issuer.standings import check_stands

TOKEN_BYTES = 32


@dataclass(frozen=True)
class OrderKeys:
    """The keys that a code or token opened. Without `full`, renewals only."""

    full: Secret | None
    renewal: Secret


@dataclass(frozen=True)
class OpenedOrder:
    """An order, what opened it, and the keys that it opened."""

    order: StoredOrder
    keys: OrderKeys
    grant: AccessGrant

    @property
    def is_renewal(self) -> bool:
        """Whether the token came from a refresh, which opens renewals only."""
        return self.keys.full is None


def redeem_code(
    state: IssuerTransaction, request: PreAuthorizedTokenRequest, proof: DpopProof, *, now: datetime, entropy: Entropy
) -> TokenResponse | DiptychError:
    """Tokens for a code and its transaction code.

    1. The code is one we have, offered or redeemed by this very key without a use of what it got, and not expired.
    2. A transaction code was given, and with the code it opens both keys; else the try counts, and the fifth voids.
    3. Tokens handed out before were never used (1) and are replaced: their response was lost.
    """
    # 1. One answer for all of these: which it was is nobody's business.
    order = state.order_by_code(code_hash(request.code))
    if order is None or order.state not in (OrderState.OFFERED, OrderState.REDEEMED) or order.expires_at <= now:
        raise _wrong_code()
    if order.state is OrderState.REDEEMED and order.redeemed_by != proof.jkt:
        raise _wrong_code()
    if order.code_wrap_full is None or order.code_wrap_renewal is None:
        raise _wrong_code()
    check_stands(state, order.order_id, is_token_request=True)
    # 2. OpenID4VCI 1.0, 6.3: absent is `invalid_request`, wrong is `invalid_grant`.
    if request.tx_code is None:
        raise FormatError(
            "token.tx_code", "the transaction code is missing: ask the person for it", code=INVALID_REQUEST
        )
    _use_proof_once(state, proof)
    try:
        both = both_codes(request.code, request.tx_code)
        keys = OrderKeys(
            unwrap_key(order.code_wrap_full, both, order_id=order.order_id, part="full", purpose="code"),
            unwrap_key(order.code_wrap_renewal, both, order_id=order.order_id, part="renewal", purpose="code"),
        )
    except (FormatError, VerificationError):
        return _count_try(state, order, now)
    # 3.
    for grant in state.refresh_grants(order.order_id):
        _replace(state, grant)
    redeemed = replace(
        order,
        state=OrderState.REDEEMED,
        redeemed_by=proof.jkt,
        renewable_until=order.renewable_until or start_of_day(now) + REFRESH_LIFETIME,
    )
    state.save_order(redeemed)
    return _hand_out(state, redeemed.order_id, keys, proof, predecessor=None, scope=None, now=now, entropy=entropy)


def refresh(
    state: IssuerTransaction, request: RefreshTokenRequest, proof: DpopProof, *, now: datetime, entropy: Entropy
) -> TokenResponse | DiptychError:
    """New tokens for a refresh token; they open renewals only.

    1. The token is one we have, bound to this very key.
    2. It is not superseded; else somebody copied it together with the key, and the order is void.
    3. It opens its key, and there is something left to renew.
    4. Using it shows that the response which brought it arrived. Its own successors were never used: replaced.
    """
    # 1.
    grant = state.refresh_grant(hash_of(request.refresh_token))
    order = None if grant is None else state.order(grant.order_id)
    if grant is None or order is None or grant.jkt != proof.jkt or order.sealed_renewal is None:
        raise _wrong_code()
    if order.renewable_until is None or order.renewable_until <= now:
        raise _wrong_code()
    _use_proof_once(state, proof)
    check_stands(state, order.order_id, is_token_request=True)
    # 2.
    if grant.wrap_renewal is None:
        _void(state, order, REFRESH_REUSE, now)
        return VerificationError(
            "token.refresh_reused",
            "this refresh token was replaced by one already used; everything it opened is closed: ask for a new order",
            code=INVALID_GRANT,
        )
    # 3.
    key = unwrap_key(
        grant.wrap_renewal, request.refresh_token, order_id=order.order_id, part="renewal", purpose="refresh"
    )
    documents = open_part(order.sealed_renewal, key, order_id=order.order_id, part="renewal")
    scope = tuple(
        document.type_id for document in documents if document.valid_until is None or document.valid_until > now
    )
    if not scope:
        raise Refused("token.nothing_to_renew", "nothing is left to renew: ask for a new order", code=INVALID_GRANT)
    # 4.
    confirm(state, grant)
    for successor in state.successors(grant.token_hash):
        _replace(state, successor)
    return _hand_out(
        state,
        order.order_id,
        OrderKeys(None, key),
        proof,
        predecessor=grant.token_hash,
        scope=scope,
        now=now,
        entropy=entropy,
    )


def use_access_token(state: IssuerTransaction, access_token: Secret, proof: DpopProof, *, now: datetime) -> OpenedOrder:
    """What an access token opens; `VerificationError` "invalid_token" if it opens nothing. To be confirmed."""
    grant = state.access_grant(hash_of(access_token))
    order = None if grant is None else state.order(grant.order_id)
    if grant is None or order is None or grant.expires_at <= now:
        raise no_access()
    if grant.jkt != proof.jkt:
        # RFC 9449 7.1: the key of the proof is the key of the token.
        raise VerificationError("token.binding", "this access token is bound to another key", code=NOT_AUTHORIZED)
    _use_proof_once(state, proof)
    check_stands(state, order.order_id, is_token_request=False)
    keys = OrderKeys(
        None
        if grant.wrap_full is None
        else unwrap_key(grant.wrap_full, access_token, order_id=order.order_id, part="full", purpose="access"),
        unwrap_key(grant.wrap_renewal, access_token, order_id=order.order_id, part="renewal", purpose="access"),
    )
    return OpenedOrder(order, keys, grant)


def confirm_access(state: IssuerTransaction, grant: AccessGrant) -> None:
    """Something was handed out for this access token: that shows that the response which brought it arrived."""
    handed_out_with = state.refresh_grant(grant.refresh_hash)
    if handed_out_with is not None:
        confirm(state, handed_out_with)


def confirm(state: IssuerTransaction, grant: RefreshGrant) -> None:
    """The response that brought `grant` arrived: what it was exchanged for, a code or a token, opens nothing more."""
    if grant.predecessor is None:
        order = state.order(grant.order_id)
        if order is not None and order.state is OrderState.REDEEMED:
            state.save_order(replace(order, state=OrderState.CLOSED, code_wrap_full=None, code_wrap_renewal=None))
        return
    predecessor = state.refresh_grant(grant.predecessor)
    if predecessor is not None and not predecessor.is_superseded:
        state.save_refresh_grant(replace(predecessor, wrap_renewal=None))


def hash_of(token: Secret) -> bytes:
    """What is stored of a token: 256 unpredictable bits do not need a slow hash."""
    return hashlib.sha256(token.reveal()).digest()


def start_of_day(now: datetime) -> datetime:
    """00:00:00Z of the day: times rounded so that they do not tell people apart."""
    return datetime.combine(now.date(), time(), now.tzinfo)


def _hand_out(
    state: IssuerTransaction,
    order_id: bytes,
    keys: OrderKeys,
    proof: DpopProof,
    *,
    predecessor: bytes | None,
    scope: tuple[str, ...] | None,
    now: datetime,
    entropy: Entropy,
) -> TokenResponse:
    access_token, refresh_token = _new_token(entropy), _new_token(entropy)
    state.save_refresh_grant(
        RefreshGrant(
            token_hash=hash_of(refresh_token),
            order_id=order_id,
            jkt=proof.jkt,
            predecessor=predecessor,
            wrap_renewal=wrap_key(
                keys.renewal, refresh_token, order_id=order_id, part="renewal", purpose="refresh", entropy=entropy
            ),
        )
    )
    state.save_access_grant(
        AccessGrant(
            token_hash=hash_of(access_token),
            order_id=order_id,
            jkt=proof.jkt,
            expires_at=now + ACCESS_LIFETIME,
            refresh_hash=hash_of(refresh_token),
            wrap_full=None
            if keys.full is None
            else wrap_key(keys.full, access_token, order_id=order_id, part="full", purpose="access", entropy=entropy),
            wrap_renewal=wrap_key(
                keys.renewal, access_token, order_id=order_id, part="renewal", purpose="access", entropy=entropy
            ),
        )
    )
    return TokenResponse(access_token, int(ACCESS_LIFETIME.total_seconds()), refresh_token, scope)


def _new_token(entropy: Entropy) -> Secret:
    return Secret(base64url.encode(entropy(TOKEN_BYTES)).encode("ascii"))


def _replace(state: IssuerTransaction, grant: RefreshGrant) -> None:
    """Tokens whose response was lost open nothing from now on; using the refresh token later is reuse."""
    state.save_refresh_grant(replace(grant, wrap_renewal=None))
    state.forget_access_of(grant.token_hash)


def _count_try(state: IssuerTransaction, order: StoredOrder, now: datetime) -> DiptychError:
    tries = order.tries + 1
    if tries >= MAX_TRIES:
        _void(state, order, TRIES_EXHAUSTED, now)
        return Refused(
            "token.tries",
            "the transaction code was wrong too often: the offer is void, ask for a new one",
            code=INVALID_GRANT,
        )
    state.save_order(replace(order, tries=tries))
    return VerificationError(
        "token.tx_code",
        f"the transaction code is wrong; {MAX_TRIES - tries} more and the offer is void",
        code=INVALID_GRANT,
    )


def _void(state: IssuerTransaction, order: StoredOrder, kind: str, now: datetime) -> None:
    """Nothing opens the order any more; its id and code stay known until it expires, so that it cannot come again."""
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
    state.record(Incident(order.order_id, kind, now))


def _use_proof_once(state: IssuerTransaction, proof: DpopProof) -> None:
    """RFC 9449 11.1: a `jti` is accepted once within the time in which its proof would be.

    Remembered only for requests that change something: strangers cannot fill the memory.
    """
    seen = hashlib.sha256(b"jti\0" + proof.jkt.encode() + b"\0" + proof.jti.encode()).digest()
    forget_at = proof.issued_at + timedelta(seconds=MAX_SKEW_SECONDS + 1)
    if not state.use_once(seen, expires_at=forget_at):
        raise VerificationError(
            "dpop.replayed", "this DPoP proof was used before: make a new one", code=INVALID_DPOP_PROOF
        )


def no_access() -> VerificationError:
    """The token opens nothing, or no longer."""
    return VerificationError("token.access", "this access token is not valid here or has expired", code=NOT_AUTHORIZED)


def _wrong_code() -> VerificationError:
    return VerificationError(
        "token.grant", "this code or refresh token is not valid here, was used, or has expired", code=INVALID_GRANT
    )
