"""The content of a record: what is behind a person's documents. It exists in the clear only on an officer's screen and
in the citizen's wallet.

Whether attributes are those of their document type is left to `formats/catalogue`; sealing is left to `sealed`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, as_array
from diptych.formats.civil_status.inputs import INDEXED
from diptych.formats.civil_status.model import CivilStatus, civil_status_from_cbor
from diptych.formats.cose.statement import as_code, as_exactly, as_line, as_members
from diptych.formats.order.documents import OrderedDocument, document_to_cbor, documents_from_cbor
from diptych.formats.padding import pad, unpad
from diptych.private import Personal, Secret

LOOKUP_VALUE_BYTES = 32
CHAIN_BYTES = 32
MAX_REFERENCES = 64
MAX_PURPOSES = 16

_CHECK = "record.content"
_MEMBERS = ("civil_status", "lookups", "documents", "references", "chain")

LookupValues: TypeAlias = Mapping[str, tuple[Secret, ...]]
"""By lookup purpose: the values `y` at the positions that are in the index."""


@dataclass(frozen=True)
class Reference:
    """Where else the person's documents stand: a kind (`document-number`, `order`, `file`) and its value."""

    kind: str
    value: Personal[str]


@dataclass(frozen=True)
class RecordContent:
    """Everything that is sealed. `chain` is c_0: who reads it can find every act on the record."""

    civil_status: CivilStatus
    lookups: LookupValues
    documents: tuple[OrderedDocument, ...]
    references: tuple[Reference, ...]
    chain: Secret = field(repr=False)

    def encode_padded(self) -> bytes:
        """The plaintext that is sealed; the exact inverse of `parse_content`."""
        return pad(
            cbor.encode(
                {
                    "civil_status": self.civil_status.to_cbor(),
                    "lookups": lookups_to_cbor(self.lookups),
                    "documents": [document_to_cbor(document) for document in self.documents],
                    "references": [
                        {"kind": reference.kind, "value": reference.value.reveal()} for reference in self.references
                    ],
                    "chain": self.chain.reveal(),
                }
            )
        )


def parse_content(padded: bytes) -> RecordContent:
    """The content of an opened record, or `FormatError`."""
    civil_status, lookups, documents, references, chain = as_members(cbor.decode(unpad(padded)), _CHECK, _MEMBERS)
    return RecordContent(
        civil_status_from_cbor(civil_status),
        lookups_from_cbor(as_array(lookups, _CHECK), _CHECK),
        documents_from_cbor(documents),
        _as_references(as_array(references, _CHECK)),
        Secret(as_exactly(chain, CHAIN_BYTES, _CHECK)),
    )


def lookups_to_cbor(lookups: LookupValues) -> list[CborValue]:
    """An array of purposes in order, each with its values."""
    return [
        {"purpose": purpose, "values": [value.reveal() for value in values]}
        for purpose, values in sorted(lookups.items())
    ]


def lookups_from_cbor(values: Sequence[CborValue], check: str) -> LookupValues:
    """The exact inverse of `lookups_to_cbor`, or `FormatError`."""
    found: dict[str, tuple[Secret, ...]] = {}
    for value in values:
        purpose, points = as_members(value, check, ("purpose", "values"))
        found[as_code(purpose, check)] = tuple(
            Secret(as_exactly(point, LOOKUP_VALUE_BYTES, check))
            for point in as_array(points, check, length=len(INDEXED))
        )
    if len(values) > MAX_PURPOSES or list(found) != sorted(found) or len(found) != len(values):
        raise FormatError(check, f"at most {MAX_PURPOSES} purposes, in order, each once")
    return found


def _as_references(values: Sequence[CborValue]) -> tuple[Reference, ...]:
    if len(values) > MAX_REFERENCES:
        raise FormatError(_CHECK, f"at most {MAX_REFERENCES} references")
    pairs = [as_members(value, _CHECK, ("kind", "value")) for value in values]
    return tuple(Reference(as_code(kind, _CHECK), Personal(as_line(value, _CHECK))) for kind, value in pairs)
