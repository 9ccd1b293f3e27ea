"""The plaintext of an order's part: the documents that were approved, padded so that its size tells little.

Whether the attributes are those of their document type is left to `formats/catalogue`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, TDate, as_array, as_struct, as_tdate, as_text, as_text_map
from diptych.formats.padding import pad, unpad
from diptych.private import Personal

MAX_DOCUMENTS = 32


@dataclass(frozen=True)
class OrderedDocument:
    """One document to issue: its catalogue type, its attributes, and the moment no copy of it may outlive."""

    type_id: str
    attributes: Mapping[str, Personal[CborValue]]
    valid_until: datetime | None


def encode_documents(documents: Sequence[OrderedDocument]) -> bytes:
    """The CBOR of an order's part, padded to the smallest size class that holds it."""
    return pad(cbor.encode({"documents": [document_to_cbor(document) for document in documents]}))


def parse_documents(padded: bytes) -> tuple[OrderedDocument, ...]:
    """The exact inverse of `encode_documents`, or `FormatError`."""
    members = as_struct(cbor.decode(unpad(padded)), "order.part", required=("documents",))
    return documents_from_cbor(members["documents"])


def documents_from_cbor(value: CborValue) -> tuple[OrderedDocument, ...]:
    """The documents in an array of them, one of each type; else `FormatError`."""
    documents = tuple(_from_cbor(document) for document in as_array(value, "order.documents"))
    if len(documents) > MAX_DOCUMENTS or len({document.type_id for document in documents}) != len(documents):
        raise FormatError("order.documents", f"a part has at most {MAX_DOCUMENTS} documents, one of each type")
    return documents


def document_to_cbor(document: OrderedDocument) -> dict[str, CborValue]:
    """What `documents_from_cbor` reads one of."""
    return {
        "type": document.type_id,
        "valid_until": None if document.valid_until is None else TDate.of(document.valid_until),
        "attributes": {identifier: value.reveal() for identifier, value in document.attributes.items()},
    }


def _from_cbor(value: CborValue) -> OrderedDocument:
    members = as_struct(value, "order.document", required=("type", "valid_until", "attributes"))
    if list(members) != ["type", "valid_until", "attributes"]:
        raise FormatError("order.document", "a document's members stand in another order than specified")
    valid_until = members["valid_until"]
    attributes = as_text_map(members["attributes"], "order.attributes")
    return OrderedDocument(
        as_text(members["type"], "order.document"),
        {identifier: Personal(attribute) for identifier, attribute in attributes.items()},
        None if valid_until is None else as_tdate(valid_until, "order.valid_until"),
    )
