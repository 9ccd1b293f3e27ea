"""Asking the registry for a sealed record, by its id: ciphertext, for officers alone (docs/spec/registry-api.md)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from diptych.formats import cbor
from diptych.formats.cbor import TDate, as_tdate
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    as_exactly,
    as_fingerprint,
    parse_payload,
)

TOLERANCE = timedelta(minutes=5)

_CHECK = "record_query"


@dataclass(frozen=True)
class RecordQuery:
    """An officer asks for the latest version of a record."""

    officer: bytes
    record_id: bytes
    requested_at: datetime

    @property
    def signer(self) -> bytes:
        return self.officer

    def encode(self) -> bytes:
        """The exact inverse of `parse_record_query`."""
        return cbor.encode(
            {
                "version": VERSION,
                "officer": self.officer,
                "record": self.record_id,
                "requested_at": TDate.of(self.requested_at),
            }
        )


def parse_record_query(payload: bytes) -> RecordQuery:
    """The query in a payload, or `FormatError`."""
    officer, record, requested_at = parse_payload(payload, _CHECK, ("officer", "record", "requested_at"))
    return RecordQuery(
        as_fingerprint(officer, _CHECK), as_exactly(record, RECORD_ID_BYTES, _CHECK), as_tdate(requested_at, _CHECK)
    )


RECORD_QUERY = Kind("diptych record query 1", parse_record_query)
