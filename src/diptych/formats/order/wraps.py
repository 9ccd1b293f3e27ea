"""Tokens are keys: an order's key sealed under the code or token that the citizen's side holds.

Whoever stores a wrap and not its token can open nothing. When wraps are made, replaced and deleted is left to the
issuer (docs/spec/order.md, "Wraps").
"""

from typing import Literal, TypeAlias

from diptych.crypto import sealing
from diptych.crypto.entropy import Entropy
from diptych.errors import VerificationError
from diptych.formats import cbor
from diptych.private import Secret

Part: TypeAlias = Literal["full", "renewal"]
Purpose: TypeAlias = Literal["code", "access", "refresh"]

ORDER_ID_BYTES = 16
MIN_TOKEN_CHARACTERS = 43
"""256 bits in base64url. A token is the whole strength of its wrap: HKDF does not slow a guesser down."""
WRAP_BYTES = sealing.KEY_BYTES + sealing.OVERHEAD_BYTES


def wrap_key(
    order_key: Secret, token: Secret, *, order_id: bytes, part: Part, purpose: Purpose, entropy: Entropy
) -> bytes:
    """`order_key` sealed under `token`, `WRAP_BYTES` long.

    `token` holds the token's characters as they travel, at least 256 bits unpredictable: for "code" it is
    `codes.both_codes`. Order, part and purpose are bound: a wrap moved elsewhere does not open.
    """
    if len(token) < MIN_TOKEN_CHARACTERS:
        raise ValueError("this token is too short to be a key")
    context = _context(order_id, part, purpose)
    return sealing.seal(_wrapping_key(token, order_id, context), order_key.reveal(), context=context, entropy=entropy)


def unwrap_key(wrapped: bytes, token: Secret, *, order_id: bytes, part: Part, purpose: Purpose) -> Secret:
    """The order's key, or `VerificationError` "order.token": this token does not open this wrap."""
    context = _context(order_id, part, purpose)
    try:
        opened = sealing.open_sealed(_wrapping_key(token, order_id, context), wrapped, context=context)
    except VerificationError as error:
        raise VerificationError("order.token", "this code or token does not open the order") from error
    if len(opened) != sealing.KEY_BYTES:
        raise VerificationError("order.token", "this code or token does not open the order")
    return Secret(opened)


def _wrapping_key(token: Secret, order_id: bytes, context: bytes) -> Secret:
    return sealing.derive(token, salt=order_id, info=context)


def _context(order_id: bytes, part: Part, purpose: Purpose) -> bytes:
    return cbor.encode(["diptych order 1", "wrap", order_id, part, purpose])
