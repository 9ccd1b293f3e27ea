"""The plaintext of an order's part: the documents that were approved, padded so that its size tells little.

Whether the attributes are those of their document type is left to `formats/catalogue`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, TDate, as_array, as_struct, as_tdate, as_text, as_text_map
from diptych.private import Personal

SIZE_CLASSES = (4096, 16384, 65536, 262144, 1048576)
MAX_DOCUMENTS = 32

_LENGTH_BYTES = 4


@dataclass(frozen=True)
class OrderedDocument:
    """One document to issue: its catalogue type, its attributes, and the moment no copy of it may outlive."""

    type_id: str
    attributes: Mapping[str, Personal[CborValue]]
    valid_until: datetime | None


def encode_documents(documents: Sequence[OrderedDocument]) -> bytes:
    """`length (4, big-endian) || CBOR || zeros`, as long as the smallest size class that holds it."""
    body = cbor.encode({"documents": [_to_cbor(document) for document in documents]})
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body + bytes(_size_class(len(body)) - _LENGTH_BYTES - len(body))


def parse_documents(padded: bytes) -> tuple[OrderedDocument, ...]:
    """The exact inverse of `encode_documents`, or `FormatError`."""
    if len(padded) not in SIZE_CLASSES:
        raise FormatError("order.size", "an order's part is padded to a size class")
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if length + _LENGTH_BYTES > len(padded) or _size_class(length) != len(padded):
        raise FormatError("order.padding", "the part is not in the size class of its content")
    if any(padded[_LENGTH_BYTES + length :]):
        raise FormatError("order.padding", "the padding is not zeros")
    members = as_struct(
        cbor.decode(padded[_LENGTH_BYTES : _LENGTH_BYTES + length]), "order.part", required=("documents",)
    )
    documents = tuple(_from_cbor(value) for value in as_array(members["documents"], "order.documents"))
    if len(documents) > MAX_DOCUMENTS or len({document.type_id for document in documents}) != len(documents):
        raise FormatError("order.documents", f"a part has at most {MAX_DOCUMENTS} documents, one of each type")
    return documents


def _size_class(length: int) -> int:
    for size in SIZE_CLASSES:
        if length + _LENGTH_BYTES <= size:
            return size
    raise FormatError("order.size", f"an order's part has at most {SIZE_CLASSES[-1]} bytes: use a smaller portrait")


def _to_cbor(document: OrderedDocument) -> dict[str, CborValue]:
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
