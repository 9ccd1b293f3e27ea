"""Order files: TOML that a person fills in. The template for one, and reading it back.

Whether the attributes are right is left to the catalogue; the pictures that a file names are brought by the caller.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime

from diptych.errors import FormatError
from diptych.formats import strict_toml
from diptych.formats.catalogue import kinds
from diptych.formats.catalogue.model import Attribute, Catalogue, DocumentType, Kind
from diptych.private import Personal
from diptych.roles.officer.model import OrderFile

_KEYS = {"type", "documents", "valid_until", "attributes"}


def parse_order_file(data: bytes) -> OrderFile:
    """The order in a file, or `FormatError` that says what to mend."""
    table = strict_toml.parse_table(data)
    type_id, attributes = table.get("type"), table.get("attributes")
    documents, valid_until = table.get("documents"), table.get("valid_until")
    problems: list[str] = []
    if not isinstance(type_id, str):
        problems.append('type: write which document is ordered, such as type = "driving-licence"')
    if not isinstance(attributes, dict):
        problems.append("attributes: write the person's attributes below a line [attributes]")
    names = [name for name in documents if isinstance(name, str)] if isinstance(documents, list) else []
    if documents is not None and (not isinstance(documents, list) or not names or len(names) != len(documents)):
        problems.append('documents: write ids in brackets, such as ["driving-licence"], or remove the line')
    if valid_until is not None and (not isinstance(valid_until, date) or isinstance(valid_until, datetime)):
        problems.append("valid_until: write a date without quotes, such as 2031-12-31, or remove the line")
    if not _KEYS.issuperset(table):
        problems.append(
            "above [attributes] there are only type, documents and valid_until: is [attributes] missing,"
            " or is there a typing error?"
        )
    if problems:
        raise FormatError("order_file", "\n".join(problems))
    assert isinstance(type_id, str)
    assert isinstance(attributes, dict)
    return OrderFile(
        type_id,
        None if documents is None else tuple(names),
        valid_until if isinstance(valid_until, date) else None,
        Personal(attributes),
    )


def files_named(order_file: OrderFile, document_type: DocumentType) -> tuple[str, ...]:
    """The names of the picture files that the order needs, each a plain name beside the order file."""
    found = [name for _, name in _pictures(order_file, document_type)]
    if any("/" in name or "\\" in name or name.startswith(".") for name in found):
        raise FormatError("order_file.picture", "a picture is named by a plain file name; put it beside the order file")
    return tuple(dict.fromkeys(found))


def with_files(order_file: OrderFile, document_type: DocumentType, files: Mapping[str, bytes]) -> dict[str, object]:
    """The raw attributes with each picture in the place of its file name; `FormatError` for one that is not there."""
    raw = dict(order_file.attributes.reveal())
    for identifier, name in _pictures(order_file, document_type):
        if name not in files:
            raise FormatError(
                "order_file.picture", f"{identifier}: the file that it names is not beside the order file"
            )
        raw[identifier] = files[name]
    return raw


def template(document_type: DocumentType, catalogue: Catalogue, *, specimen: bool) -> str:
    """An order file to fill in: every attribute with what it is for, optional ones commented out.

    With `specimen` the mandatory ones carry the data of an invented person, and it can be approved as it is.
    """
    return "\n".join(_template_lines(document_type, catalogue, specimen)) + "\n"


def _pictures(order_file: OrderFile, document_type: DocumentType) -> Iterator[tuple[str, str]]:
    for attribute in document_type.attributes:
        value = order_file.attributes.reveal().get(attribute.identifier)
        is_name = isinstance(value, str) and value and not value.startswith("data:")
        if attribute.kind is Kind.IMAGE and is_name:
            yield attribute.identifier, str(value)


def _template_lines(document_type: DocumentType, catalogue: Catalogue, specimen: bool) -> Iterator[str]:
    names = document_type.names
    yield f"# Order: {names.en} · {names.fr}"
    yield f"# {document_type.standard}"
    if specimen:
        yield "# SPECIMEN: the person below is invented."
    yield "# Fill in, then: diptych officer approve THIS_FILE"
    yield "# Lines that start with # are not read. Texts stand in double quotes, dates as 1999-12-31 without quotes."
    yield ""
    yield f'type = "{document_type.id}"'
    if document_type.proofs:
        also = ", ".join(catalogue.type(proof).names.en.lower() for proof in document_type.proofs)
        listed = ", ".join(f'"{name}"' for name in (document_type.id, *document_type.proofs))
        yield f"# Issued along with it, from the same attributes: {also}. Remove from the list what is not wanted:"
        yield f"# documents = [{listed}]"
    yield "# No copy outlives this day, where the document's own dates do not say so already:"
    yield "# valid_until = 2031-12-31"
    yield ""
    yield "[attributes]"
    # In TOML what follows a [[table]] belongs to it, so privileges come last.
    attributes = sorted(_written_by_hand(document_type), key=lambda found: found.kind is Kind.PRIVILEGES)
    for attribute in attributes:
        yield ""
        yield from _attribute_lines(attribute, specimen)
    derived = [found.identifier for found in document_type.attributes if found not in attributes]
    if derived:
        yield ""
        yield f"# Worked out at approval, not to be written: {', '.join(derived)}"


def _written_by_hand(document_type: DocumentType) -> list[Attribute]:
    """A proof ordered alone has nothing to be derived from: the officer writes what was seen."""
    return [found for found in document_type.attributes if found.derived is None or document_type.renewable]


def _attribute_lines(attribute: Attribute, specimen: bool) -> Iterator[str]:
    yield f"# {attribute.names.en} · {attribute.names.fr}" + ("" if attribute.mandatory else " (optional)")
    yield f"# {attribute.purpose.en}"
    yield f"# Write {kinds.describe(attribute)}"
    sample = True if attribute.derived is not None else attribute.specimen
    if attribute.kind is Kind.PRIVILEGES:
        yield from _privilege_lines(attribute, specimen)
    elif specimen and attribute.mandatory:
        yield f"{attribute.identifier} = {_toml(sample)}"
    elif attribute.mandatory:
        blank = _BLANK.get(attribute.kind, '""')
        yield f"{attribute.identifier} = {blank}"
    else:
        shown = '"portrait.jpg"' if attribute.kind is Kind.IMAGE else _toml(sample)
        yield f"# {attribute.identifier} = {shown}"


_BLANK = {Kind.PLACE: '{ country = "", locality = "" }', Kind.COUNTRIES: '[""]'}


def _privilege_lines(attribute: Attribute, specimen: bool) -> Iterator[str]:
    heading = f"[[attributes.{attribute.identifier}]]"
    if specimen and isinstance(attribute.specimen, list):
        for privilege in attribute.specimen:
            yield heading
            for name, value in privilege.items():
                yield f"{name} = {_toml(value)}"
        return
    yield heading
    yield 'vehicle_category_code = ""'
    yield "# issue_date = 1999-12-31"
    yield "# expiry_date = 2031-12-31"
    yield '# codes = [{ code = "01" }]'


def _toml(value: object) -> str:
    """A catalogue specimen as TOML again."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(item)}" for name, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
