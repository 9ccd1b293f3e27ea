"""A person's values against their document type: all of them right, or one message that says what to mend.

Run at approval, on what the officer wrote, and again at issuance, on what the order holds. Derived attributes are
values like others here; making them is left to `derived`.
"""

from collections.abc import Mapping

from diptych.crypto import longfellow
from diptych.errors import FormatError, Refused
from diptych.formats import cbor
from diptych.formats.catalogue import kinds
from diptych.formats.catalogue.model import DocumentType
from diptych.formats.cbor import CborValue
from diptych.private import Personal


def check_values(document_type: DocumentType, raw: Mapping[str, object]) -> dict[str, Personal[CborValue]]:
    """The attributes in the type's order, or `FormatError` "catalogue.values" with one line for each problem.

    `raw` holds values as written in TOML (images as bytes or data URLs) or as `kinds.parse_value` made them; what
    passed once passes again unchanged. Checks presence, kind, and for provable attributes the limits of the proof.
    """
    problems = [
        f"{_shown(identifier)}: {document_type.id} has no such attribute; remove it, or look for a typing error"
        for identifier in raw
        if document_type.attribute(identifier) is None
    ]
    found: dict[str, Personal[CborValue]] = {}
    for attribute in document_type.attributes:
        if attribute.identifier not in raw:
            if attribute.mandatory:
                problems.append(f"{attribute.identifier}: missing; write {kinds.describe(attribute)}")
            continue
        try:
            value = kinds.parse_value(attribute, raw[attribute.identifier])
            if attribute.provable:
                longfellow.check_provable(attribute.identifier, cbor.encode(value))
            found[attribute.identifier] = Personal(value)
        except (FormatError, Refused) as error:
            problems.append(f"{attribute.identifier}: {error.message}")
    if problems:
        raise FormatError("catalogue.values", "\n".join(problems))
    return found


def _shown(identifier: str) -> str:
    return identifier if identifier.isidentifier() and identifier.isascii() and len(identifier) <= 40 else "a name"
