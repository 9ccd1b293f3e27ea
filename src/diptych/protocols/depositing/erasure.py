"""Erasure: an officer orders it, each trustee deletes its masks and says so. A statement, and no proof.

The registry gets order and statements, overwrites what it has and has every statement logged: `roles/registry/erasing`.
What deletion means on a disk is left to storage.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from diptych.crypto.signing import PublicKey, fingerprint
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import TDate, as_array, as_bytes, as_tdate, as_unsigned
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    UnverifiedStatement,
    as_code,
    as_exactly,
    as_fingerprint,
    as_line,
    as_members,
    parse_payload,
)
from diptych.formats.mandate.trustee_set import MAX_INDEX, TrusteeSet
from diptych.private import Personal

MAX_ERASURE_BYTES = 128 * 1024


@dataclass(frozen=True)
class ErasureOrder:
    """Delete every mask of this record. `record_hash` is that of its latest version."""

    officer: bytes
    record_id: bytes
    record_hash: bytes
    legal_basis: str
    case: Personal[str] = field(repr=False)
    ordered_at: datetime

    @property
    def signer(self) -> bytes:
        return self.officer

    def encode(self) -> bytes:
        """The exact inverse of `parse_erasure_order`."""
        return cbor.encode(
            {
                "version": VERSION,
                "officer": self.officer,
                "record": self.record_id,
                "record_hash": self.record_hash,
                "legal_basis": self.legal_basis,
                "case": self.case.reveal(),
                "ordered_at": TDate.of(self.ordered_at),
            }
        )


@dataclass(frozen=True)
class Deletion:
    """A trustee says that it deleted every mask of this record, on that order (by its digest)."""

    trustee: bytes
    record_id: bytes
    record_hash: bytes
    order: bytes
    deleted_at: datetime

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_deletion`."""
        return cbor.encode(
            {
                "version": VERSION,
                "trustee": self.trustee,
                "record": self.record_id,
                "record_hash": self.record_hash,
                "order": self.order,
                "deleted_at": TDate.of(self.deleted_at),
            }
        )


def parse_erasure_order(payload: bytes) -> ErasureOrder:
    """The order in a payload, or `FormatError`."""
    check = "erasure_order"
    names = ("officer", "record", "record_hash", "legal_basis", "case", "ordered_at")
    officer, record, record_hash, legal_basis, case, ordered_at = parse_payload(payload, check, names)
    return ErasureOrder(
        as_fingerprint(officer, check),
        as_exactly(record, RECORD_ID_BYTES, check),
        as_fingerprint(record_hash, check),
        as_code(legal_basis, check),
        Personal(as_line(case, check)),
        as_tdate(ordered_at, check),
    )


def parse_deletion(payload: bytes) -> Deletion:
    """The statement in a payload, or `FormatError`."""
    check = "deletion"
    names = ("trustee", "record", "record_hash", "order", "deleted_at")
    trustee, record, record_hash, order, deleted_at = parse_payload(payload, check, names)
    return Deletion(
        as_fingerprint(trustee, check),
        as_exactly(record, RECORD_ID_BYTES, check),
        as_fingerprint(record_hash, check),
        as_fingerprint(order, check),
        as_tdate(deleted_at, check),
    )


ERASURE_ORDER = Kind("diptych erasure order 1", parse_erasure_order)
DELETION = Kind("diptych deletion 1", parse_deletion)


@dataclass(frozen=True)
class Erasure:
    """An order, with the statements of those who followed it: what the registry is sent. All of it unverified."""

    order: UnverifiedStatement[ErasureOrder]
    statements: tuple[UnverifiedStatement[Deletion], ...]

    def encode(self) -> bytes:
        """The exact inverse of `parse_erasure`."""
        return cbor.encode(
            {
                "version": VERSION,
                "order": self.order.encode(),
                "statements": [statement.encode() for statement in self.statements],
            }
        )


def least_deletions(trustees: TrusteeSet, sealed_to: Collection[int]) -> int:
    """With so many masks gone, k are not left: of all who ever got a share, k - 1 may keep theirs.

    `sealed_to`: whom the record was sealed to. Who was replaced since, or a thief, has its mask: it deletes nothing.
    """
    holders = {trustee.index for trustee in trustees.trustees} | set(sealed_to)
    return len(holders) - trustees.threshold + 1


def verify_erasure(
    erasure: Erasure, *, officer_key: PublicKey, trustees: TrusteeSet, sealed_to: Collection[int], now: datetime
) -> None:
    """Returns once all of this holds:

    1. the officer signed the order;
    2. each statement is a trustee's of this set, no two are one trustee's, and it is about this order;
    3. there are at least `least_deletions`: else `Refused` "erasure.too_few".
    """
    # 1.
    ERASURE_ORDER.verify(erasure.order, officer_key, now=now)
    # 2.
    keys = {fingerprint(trustee.signer): trustee.signer for trustee in trustees.trustees}
    for statement in erasure.statements:
        key = keys.pop(statement.unverified.trustee, None)
        if key is None:
            raise VerificationError("deletion.trustee", "a statement is nobody's of this trustee set, or there twice")
        verify_deletion(statement, trustee_key=key, expected_order=erasure.order, now=now)
    # 3.
    least = least_deletions(trustees, sealed_to)
    if least > len(trustees.trustees):
        raise Refused(
            "erasure.replaced", "too many trustees were replaced since it was sealed: correct it, then erase it"
        )
    if len(erasure.statements) < least:
        raise Refused("erasure.too_few", f"{least} trustees have to say that they deleted it")


def verify_deletion(
    statement: UnverifiedStatement[Deletion],
    *,
    trustee_key: PublicKey,
    expected_order: UnverifiedStatement[ErasureOrder],
    now: datetime,
) -> None:
    """Returns if this trustee signed it on this order, about the record and version that the order names."""
    found, order = DELETION.verify(statement, trustee_key, now=now).content, expected_order.unverified
    if found.order != expected_order.digest:
        raise VerificationError("deletion.order", "this statement is about another order")
    if (found.record_id, found.record_hash) != (order.record_id, order.record_hash):
        raise VerificationError("deletion.record", "this statement is about another record or version")


def parse_erasure(data: bytes) -> Erasure:
    """The erasure in `data`, or `FormatError`."""
    check = "erasure"
    if len(data) > MAX_ERASURE_BYTES:
        raise FormatError("erasure.size", f"an erasure has at most {MAX_ERASURE_BYTES} bytes")
    version, order, statements = as_members(cbor.decode(data), check, ("version", "order", "statements"))
    if as_unsigned(version, check) != VERSION:
        raise FormatError("erasure.version", f"only version {VERSION} is known here")
    items = as_array(statements, check)
    if len(items) > MAX_INDEX:
        raise FormatError(check, f"at most {MAX_INDEX} statements")
    return Erasure(
        ERASURE_ORDER.parse(as_bytes(order, check)), tuple(DELETION.parse(as_bytes(item, check)) for item in items)
    )
