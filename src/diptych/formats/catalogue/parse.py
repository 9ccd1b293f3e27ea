"""Catalogue files: TOML to document types. No collection without a reason: what lacks one does not load.

Reports everything that is wrong with a file at once. Finding the files is left to `adapters/catalogue_files`.
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

from diptych.crypto import longfellow
from diptych.crypto.fast_suite.credential import Layout
from diptych.errors import FormatError, Refused
from diptych.formats import cbor, strict_toml
from diptych.formats.catalogue import kinds, layout
from diptych.formats.catalogue.model import (
    Attribute,
    Bilingual,
    Catalogue,
    Derived,
    DocumentType,
    Kind,
    Retention,
    Sensitivity,
)
from diptych.formats.strict_toml import TomlTable, TomlValue

MAX_COPIES = 100
MAX_VALIDITY_DAYS = 366
MAX_PROOF_VALIDITY_DAYS = 90  # EU age verification profile: a proof of age lives three months at most
MAX_ATTRIBUTES = 62  # the Longfellow circuits hash a Mobile Security Object of at most about that many digests

_TYPE_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_DOTTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

_TYPE_KEYS = ("id", "doc_type", "namespace", "names", "standard", "copies", "validity_days", "renewable", "attributes")
_TYPE_OPTIONAL = ("proofs", "fast_suite", "status_list")
_ATTRIBUTE_KEYS = (
    ("identifier", "the name on the wire"),
    ("kind", "what its values look like"),
    ("names", "what people call it"),
    ("purpose", "why it is collected"),
    ("legal_basis", "the law that allows it"),
    ("retention", "how long it is kept"),
    ("sensitivity", "what harm its disclosure does"),
    ("provable", "whether it is proven in zero knowledge"),
    ("mandatory", "whether every document has it"),
)
_ATTRIBUTE_OPTIONAL = ("max_length", "choices", "derived", "specimen")

Member = TypeVar("Member", bound=Enum)


def parse_type(data: bytes) -> DocumentType:
    """The document type in a catalogue file, or `FormatError` with one line for everything that is to be mended."""
    table = strict_toml.parse_table(data)
    problems = _Problems()
    found = _document_type(table, problems)
    problems.raise_any("catalogue.type_file")
    assert found is not None
    return found


def build_catalogue(types: Iterable[DocumentType]) -> Catalogue:
    """The catalogue of these types, or `FormatError` where they contradict one another."""
    problems = _Problems()
    by_id: dict[str, DocumentType] = {}
    for found in types:
        if found.id in by_id:
            problems.add(found.id, "this id is taken by another file")
        by_id[found.id] = found
    doc_types = [found.doc_type for found in by_id.values()]
    for found in by_id.values():
        if doc_types.count(found.doc_type) > 1:
            problems.add(found.id, "another type has the same doc_type")
        for proof in found.proofs:
            if proof not in by_id or not by_id[proof].renewable:
                problems.add(found.id, f"proofs: there is no renewable type '{proof}'")
    problems.raise_any("catalogue")
    return Catalogue(by_id)


class _Problems:
    """Everything wrong with a file, one line each."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, where: str, what: str) -> None:
        self.lines.append(f"{where}: {what}")

    def raise_any(self, check: str) -> None:
        if self.lines:
            raise FormatError(check, "\n".join(self.lines))


def _document_type(table: TomlTable, problems: _Problems) -> DocumentType | None:
    for key in _TYPE_KEYS:
        if key not in table:
            problems.add(key, "is missing")
    for key in table:
        if key not in (*_TYPE_KEYS, *_TYPE_OPTIONAL):
            problems.add(_shown(key), "is not known here; look for a typing error")
    renewable = _boolean(table, "renewable", "renewable", problems)
    attributes = _attributes(table.get("attributes"), problems)
    if renewable:
        for attribute in attributes:
            # The renewal part holds only what short-lived proofs carry: issued booleans (sealed-registry).
            if attribute.derived is None or not attribute.provable:
                problems.add(attribute.identifier, "a renewable type has only derived, provable attributes")
    doc_type = _text(
        table,
        "doc_type",
        "doc_type",
        problems,
        pattern=_DOTTED,
        expected="a dotted name such as org.iso.18013.5.1.mDL",
    )
    signed, rules = _layout(table.get("fast_suite"), doc_type, attributes, problems)
    found = DocumentType(
        _text(table, "id", "id", problems, pattern=_TYPE_ID, expected="lower-case words joined by hyphens"),
        doc_type,
        _text(
            table,
            "namespace",
            "namespace",
            problems,
            pattern=_DOTTED,
            expected="a dotted name such as org.iso.18013.5.1",
        ),
        _bilingual(table, "names", "names", problems),
        _text(table, "standard", "standard", problems),
        _number(table, "copies", problems, MAX_COPIES),
        _number(table, "validity_days", problems, MAX_PROOF_VALIDITY_DAYS if renewable else MAX_VALIDITY_DAYS),
        renewable,
        _proofs(table.get("proofs", []), problems),
        attributes,
        signed,
        rules,
        "status_list" in table and _boolean(table, "status_list", "status_list", problems),
    )
    if found.renewable and found.status_list:
        problems.add("status_list", "a renewable type has none: short validity stands in, and an index is recognisable")
    return None if problems.lines else found


def _attributes(value: "TomlValue | None", problems: _Problems) -> tuple[Attribute, ...]:
    if not isinstance(value, list) or not value:
        problems.add("attributes", "write one [[attributes]] table for each attribute")
        return ()
    if len(value) > MAX_ATTRIBUTES:
        problems.add("attributes", f"a type has at most {MAX_ATTRIBUTES} attributes")
    found = [
        attribute
        for number, entry in enumerate(value, 1)
        if (attribute := _attribute(entry, number, problems)) is not None
    ]
    identifiers = [attribute.identifier for attribute in found]
    for identifier in sorted({name for name in identifiers if identifiers.count(name) > 1}):
        problems.add(identifier, "this identifier stands twice")
    return tuple(found)


def _attribute(table: TomlValue, number: int, problems: _Problems) -> Attribute | None:
    if not isinstance(table, dict):
        problems.add(f"attribute {number}", "write one [[attributes]] table for each attribute")
        return None
    name = table.get("identifier")
    where = name if isinstance(name, str) and _IDENTIFIER.fullmatch(name) else f"attribute {number}"
    before = len(problems.lines)
    for key, meaning in _ATTRIBUTE_KEYS:
        if key not in table:
            problems.add(where, f"'{key}' is missing: {meaning}")
    for key in table:
        if key not in (*(known for known, _ in _ATTRIBUTE_KEYS), *_ATTRIBUTE_OPTIONAL):
            problems.add(where, f"{_shown(key)} is not known here; look for a typing error")
    if len(problems.lines) > before:
        return None
    attribute = Attribute(
        _text(table, "identifier", where, problems, pattern=_IDENTIFIER, expected="letters, digits and underscores"),
        _one_of(Kind, table, "kind", where, problems, otherwise=Kind.TEXT),
        _bilingual(table, "names", f"{where}: names", problems),
        _bilingual(table, "purpose", f"{where}: purpose", problems),
        _text(table, "legal_basis", f"{where}: legal_basis", problems),
        _one_of(Retention, table, "retention", where, problems, otherwise=Retention.ORDER),
        _one_of(Sensitivity, table, "sensitivity", where, problems, otherwise=Sensitivity.HIGH),
        _boolean(table, "provable", f"{where}: provable", problems),
        _boolean(table, "mandatory", f"{where}: mandatory", problems),
        _max_length(table, where, problems),
        _choices(table.get("choices", []), where, problems),
        _derived(table.get("derived"), where, problems),
        table.get("specimen"),
    )
    if len(problems.lines) > before:
        return None
    _check_specimen(attribute, problems)
    _check_provable(attribute, problems)
    return attribute


def _check_specimen(attribute: Attribute, problems: _Problems) -> None:
    if attribute.derived is not None:
        if attribute.specimen is not None:
            problems.add(attribute.identifier, "a derived attribute has no specimen: it follows from others")
        if attribute.kind is not Kind.BOOLEAN:
            problems.add(attribute.identifier, "a derived attribute is of kind boolean")
        return
    if attribute.specimen is None:
        problems.add(attribute.identifier, "'specimen' is missing: the value of an invented person")
        return
    try:
        kinds.parse_value(attribute, attribute.specimen)
    except FormatError as error:
        problems.add(attribute.identifier, f"specimen: {error.message}")


def _check_provable(attribute: Attribute, problems: _Problems) -> None:
    """A provable attribute keeps the circuits' limits for its longest value, not only for the specimen."""
    if not attribute.provable:
        return
    longest = _LONGEST.get(attribute.kind)
    if attribute.choices:
        value: cbor.CborValue = max(attribute.choices, key=lambda choice: len(choice.encode()))
    elif attribute.kind is Kind.TEXT:
        value = "\u00e9" * attribute.max_length
    elif longest is not None:
        value = longest
    else:
        problems.add(attribute.identifier, f"values of kind {attribute.kind.value} cannot be proven in zero knowledge")
        return
    try:
        longfellow.check_provable(attribute.identifier, cbor.encode(value))
    except Refused as error:
        problems.add(attribute.identifier, f"cannot be proven in zero knowledge: {error.message}")


_LONGEST: dict[Kind, cbor.CborValue] = {
    Kind.BOOLEAN: True,
    Kind.DATE: cbor.FullDate("9999-12-31"),
    Kind.NUMBER: kinds.MAX_NUMBER,
    Kind.COUNTRY: "FR",
    Kind.SEX: 9,
}


def _text(
    table: TomlTable,
    key: str,
    where: str,
    problems: _Problems,
    *,
    pattern: re.Pattern[str] | None = None,
    expected: str = "a text",
) -> str:
    value = table.get(key)
    if key in table and (not isinstance(value, str) or not value.strip() or len(value) > 1000):
        problems.add(where, f"write {expected} in quotes")
    elif isinstance(value, str) and pattern is not None and (not pattern.fullmatch(value) or len(value) > 100):
        problems.add(where, f"write {expected}")
    return value if isinstance(value, str) else ""


def _bilingual(table: TomlTable, key: str, where: str, problems: _Problems) -> Bilingual:
    value = table.get(key)
    texts = value if isinstance(value, dict) else {}
    found = [text for text in (texts.get("en"), texts.get("fr")) if isinstance(text, str) and text.strip()]
    if len(found) != 2 or len(texts) != 2:
        if key in table:
            problems.add(where, 'write it in both languages: { en = "...", fr = "..." }')
        return Bilingual("", "")
    return Bilingual(found[0], found[1])


def _boolean(table: TomlTable, key: str, where: str, problems: _Problems) -> bool:
    value = table.get(key)
    if key in table and not isinstance(value, bool):
        problems.add(where, "write true or false")
    return value is True


def _number(table: TomlTable, key: str, problems: _Problems, most: int) -> int:
    value = table.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    if key in table:
        problems.add(key, f"write a number from 1 to {most}")
    return 0


def _max_length(table: TomlTable, where: str, problems: _Problems) -> int:
    value = table.get("max_length", kinds.MAX_TEXT_CHARACTERS)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= kinds.MAX_TEXT_CHARACTERS:
        return value
    problems.add(where, f"max_length: write a number from 1 to {kinds.MAX_TEXT_CHARACTERS}")
    return 1


def _choices(value: TomlValue, where: str, problems: _Problems) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else None
    found = tuple(text for text in texts or [] if isinstance(text, str) and text)
    if texts is None or len(found) != len(texts) or len(set(found)) != len(found):
        problems.add(where, "choices: write different texts in brackets")
    return found


def _one_of(
    kind: type[Member], table: TomlTable, key: str, where: str, problems: _Problems, *, otherwise: Member
) -> Member:
    value = table.get(key)
    for member in kind:
        if member.value == value:
            return member
    problems.add(where, f"{key}: write one of {', '.join(str(member.value) for member in kind)}")
    return otherwise


def _derived(value: "TomlValue | None", where: str, problems: _Problems) -> Derived | None:
    found = None if value is None else layout.parse_rule(value if isinstance(value, str) else "")
    if value is not None and found is None:
        problems.add(where, "derived: write age_over:NN or category_valid:CATEGORY")
    return found


def _layout(
    value: "TomlValue | None", doc_type: str, attributes: tuple[Attribute, ...], problems: _Problems
) -> tuple[Layout | None, Mapping[str, Derived]]:
    if value is None:
        return None, {}
    lines = [line for line in value if isinstance(line, str)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(lines) != len(value):
        problems.add("fast_suite", 'write texts in brackets, such as "birth_date: date"')
        return None, {}
    found = layout.parse_layout(lines, doc_type, attributes)
    for problem in found.problems:
        problems.add("fast_suite", problem)
    return found.layout, found.rules


def _proofs(value: TomlValue, problems: _Problems) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else None
    found = tuple(text for text in texts or [] if isinstance(text, str))
    if texts is None or len(found) != len(texts) or len(set(found)) != len(found):
        problems.add("proofs", "write the ids of renewable types in brackets")
    return found


def _shown(key: str) -> str:
    return f"'{key}'" if len(key) <= 40 and key.isprintable() else "a key"
