"""The sealed order: what an issuer stores for a citizen and cannot read.

Two parts under two independent keys: `full` for when the citizen acts, `renewal` with only what short-lived proofs
need. Who ordered is left to `signed`; which tokens hold the keys later is left to the issuer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.crypto import sealing
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, TDate, as_bytes, as_struct, as_tdate, as_text, as_unsigned
from diptych.formats.order.codes import TX_CODE_LENGTHS, both_codes, code_hash
from diptych.formats.order.documents import OrderedDocument, encode_documents, parse_documents
from diptych.formats.order.wraps import ORDER_ID_BYTES, WRAP_BYTES, Part, wrap_key
from diptych.formats.padding import SIZE_CLASSES
from diptych.private import Secret

VERSION = 1
HASH_BYTES = 32
MAX_ISSUER_CHARACTERS = 2048

_MEMBERS = ("version", "id", "issuer", "officer", "expires", "code_hash", "tx_code_length", "full", "renewal")


@dataclass(frozen=True)
class SealedPart:
    """A part's ciphertext, and its key wrapped under `code || tx_code`."""

    sealed: bytes = field(repr=False)
    wrapped_key: bytes = field(repr=False)


@dataclass(frozen=True)
class SealedOrder:
    """One order as the issuer receives and stores it. `officer` is the SHA-256 of the approving officer's key."""

    order_id: bytes
    issuer: str
    officer: bytes
    expires_at: datetime
    code_hash: bytes = field(repr=False)
    tx_code_length: int
    full: SealedPart
    renewal: SealedPart

    def encode(self) -> bytes:
        """The exact inverse of `parse_sealed_order`."""
        return cbor.encode(
            {
                "version": VERSION,
                "id": self.order_id,
                "issuer": self.issuer,
                "officer": self.officer,
                "expires": TDate.of(self.expires_at),
                "code_hash": self.code_hash,
                "tx_code_length": self.tx_code_length,
                "full": {"sealed": self.full.sealed, "wrapped_key": self.full.wrapped_key},
                "renewal": {"sealed": self.renewal.sealed, "wrapped_key": self.renewal.wrapped_key},
            }
        )


def seal_order(
    *,
    full: Sequence[OrderedDocument],
    renewal: Sequence[OrderedDocument],
    code: Secret,
    tx_code: Secret,
    issuer: str,
    officer: bytes,
    expires_at: datetime,
    entropy: Entropy,
) -> SealedOrder:
    """Seal both parts under fresh keys that only `code` and `tx_code` together open. Keeps neither key nor code."""
    order_id = entropy(ORDER_ID_BYTES)
    both = both_codes(code, tx_code)
    return SealedOrder(
        order_id,
        issuer,
        officer,
        expires_at,
        code_hash(code),
        len(tx_code),
        _seal_part(full, "full", order_id, both, entropy),
        # Sealed even when there is nothing to renew: whether there is, is nobody's business.
        _seal_part(renewal, "renewal", order_id, both, entropy),
    )


def open_part(sealed: bytes, order_key: Secret, *, order_id: bytes, part: Part) -> tuple[OrderedDocument, ...]:
    """The documents of one part. Only in a process that dies with the request that brought the token."""
    return parse_documents(sealing.open_sealed(order_key, sealed, context=_context(order_id, part)))


def parse_sealed_order(data: bytes) -> SealedOrder:
    """A well-formed sealed order, or `FormatError`. Nothing in it is verified, nothing opened."""
    members = as_struct(cbor.decode(data), "order", required=_MEMBERS)
    if tuple(members) != _MEMBERS:
        raise FormatError("order", "the order's members stand in another order than specified")
    if as_unsigned(members["version"], "order.version") != VERSION:
        raise FormatError("order.version", f"unknown version: only version {VERSION} is accepted")
    issuer = as_text(members["issuer"], "order.issuer")
    if not 0 < len(issuer) <= MAX_ISSUER_CHARACTERS:
        raise FormatError("order.issuer", f"an issuer's URL has 1 to {MAX_ISSUER_CHARACTERS} characters")
    tx_code_length = as_unsigned(members["tx_code_length"], "order.tx_code_length")
    if tx_code_length not in TX_CODE_LENGTHS:
        raise FormatError("order.tx_code_length", "the transaction code is too short or too long")
    return SealedOrder(
        _exactly(members["id"], ORDER_ID_BYTES, "order.id"),
        issuer,
        _exactly(members["officer"], HASH_BYTES, "order.officer"),
        as_tdate(members["expires"], "order.expires"),
        _exactly(members["code_hash"], HASH_BYTES, "order.code_hash"),
        tx_code_length,
        _parse_part(members["full"], "order.full"),
        _parse_part(members["renewal"], "order.renewal"),
    )


def _seal_part(
    documents: Sequence[OrderedDocument], part: Part, order_id: bytes, both: Secret, entropy: Entropy
) -> SealedPart:
    order_key = Secret(entropy(sealing.KEY_BYTES))
    plaintext = encode_documents(documents)
    return SealedPart(
        sealing.seal(order_key, plaintext, context=_context(order_id, part), entropy=entropy),
        wrap_key(order_key, both, order_id=order_id, part=part, purpose="code", entropy=entropy),
    )


def _context(order_id: bytes, part: Part) -> bytes:
    return cbor.encode(["diptych order 1", "part", order_id, part])


def _parse_part(value: CborValue, check: str) -> SealedPart:
    members = as_struct(value, check, required=("sealed", "wrapped_key"))
    if tuple(members) != ("sealed", "wrapped_key"):
        raise FormatError(check, "the part's members stand in another order than specified")
    sealed = as_bytes(members["sealed"], check)
    sealing.check_sealed(sealed)
    if len(sealed) - sealing.OVERHEAD_BYTES not in SIZE_CLASSES:
        raise FormatError(check, "a part is padded to a size class")
    wrapped_key = _exactly(members["wrapped_key"], WRAP_BYTES, check)
    sealing.check_sealed(wrapped_key)
    return SealedPart(sealed, wrapped_key)


def _exactly(value: CborValue, length: int, check: str) -> bytes:
    found = as_bytes(value, check)
    if len(found) != length:
        raise FormatError(check, f"expected {length} bytes")
    return found
