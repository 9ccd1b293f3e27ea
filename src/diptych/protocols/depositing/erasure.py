"""Erasure: an officer orders it, each trustee deletes its masks and says so. A statement, and no proof.

Having the statements logged is left to the registry; what deletion means on a disk is left to storage.
"""

from dataclasses import dataclass, field
from datetime import datetime

from diptych.formats import cbor
from diptych.formats.cbor import TDate, as_tdate
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    as_code,
    as_exactly,
    as_fingerprint,
    as_line,
    parse_payload,
)
from diptych.private import Personal


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
