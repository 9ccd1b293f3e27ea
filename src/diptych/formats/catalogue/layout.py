"""What the fast suite signs of a document type: the order and kinds of its attributes, and a person's values in it.

A line reads `name: kind`, or `name: integer = rule` for a boolean that follows from others. The issuer adds the last
two itself: until when the credential counts, and its revocation id. Signing is left to `crypto/fast_suite`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from diptych.crypto.fast_suite.credential import MAX_ATTRIBUTES, Field, Layout, Value, to_scalar
from diptych.crypto.fast_suite.credential import Kind as Scalar
from diptych.errors import Refused
from diptych.formats.catalogue import kinds
from diptych.formats.catalogue.derived import Values, apply_rule
from diptych.formats.catalogue.model import Attribute, Derived, DocumentType, Kind, Rule
from diptych.formats.cbor import CborValue, FullDate

VALID_UNTIL = Field("valid_until", Scalar.DATE)
REVOCATION_ID = Field("revocation_id", Scalar.IDENTIFIER)

_NAMES = {"integer": Scalar.INTEGER, "date": Scalar.DATE, "text": Scalar.TEXT, "revocation_id": Scalar.IDENTIFIER}
_FITTING = {
    Scalar.INTEGER: (Kind.BOOLEAN, Kind.NUMBER, Kind.SEX),
    Scalar.DATE: (Kind.DATE,),
    Scalar.TEXT: (Kind.TEXT, Kind.COUNTRY),
}
_LINE = re.compile(r"([A-Za-z][A-Za-z0-9_]*): ([a-z_]+)(?: = ([a-z_]+:[A-Z0-9]+))?")


@dataclass(frozen=True)
class ParsedLayout:
    """A layout with the rules of what is derived in it, or what is wrong with its lines."""

    layout: Layout | None
    rules: Mapping[str, Derived]
    problems: tuple[str, ...]


def parse_rule(text: str) -> Derived | None:
    """`age_over:18` or `category_valid:B`; None for anything else."""
    name, _, argument = text.partition(":")
    if name == Rule.AGE_OVER.value and re.fullmatch(r"[1-9][0-9]", argument):
        return Derived(Rule.AGE_OVER, argument)
    if name == Rule.CATEGORY_VALID.value and argument in kinds.CATEGORIES:
        return Derived(Rule.CATEGORY_VALID, argument)
    return None


def parse_layout(lines: Sequence[str], doc_type: str, attributes: Sequence[Attribute]) -> ParsedLayout:
    """The layout that a catalogue file's lines describe."""
    by_name = {attribute.identifier: attribute for attribute in attributes}
    fields: list[Field] = []
    rules: dict[str, Derived] = {}
    problems: list[str] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None or found[2] not in _NAMES:
            problems.append('a line reads "name: kind", with integer, date, text or revocation_id')
            continue
        field, rule = Field(found[1], _NAMES[found[2]]), None if found[3] is None else parse_rule(found[3])
        fields.append(field)
        if rule is not None and field.kind is Scalar.INTEGER and field.name not in by_name:
            rules[field.name] = rule
        elif found[3] is not None or not _fits(field, by_name.get(field.name)):
            problems.append(f"{field.name}: neither an attribute of this type and kind, nor an integer by a rule")
    if len({field.name for field in fields}) != len(fields) or len(fields) > MAX_ATTRIBUTES:
        problems.append(f"at most {MAX_ATTRIBUTES} attributes, each with its own name")
    if tuple(fields[-2:]) != (VALID_UNTIL, REVOCATION_ID):
        problems.append('the last two are "valid_until: date" and "revocation_id: revocation_id"')
    return ParsedLayout(None if problems else Layout(doc_type, tuple(fields)), rules, tuple(problems))


def layout_values(
    document_type: DocumentType, attributes: Values, *, day: date, valid_until: date, revocation_id: int
) -> tuple[Value, ...]:
    """A person's values in the order of the type's layout; `Refused` naming the attribute whose value does not fit.

    `attributes` are checked values (`values.check_values`); what is absent is signed as absent.
    """
    layout = document_type.layout
    if layout is None:
        raise Refused("bbs.layout", "the fast suite does not sign this document type")
    found: list[Value] = []
    for field in layout.fields:
        if field == VALID_UNTIL:
            value: Value = valid_until
        elif field == REVOCATION_ID:
            value = revocation_id
        elif field.name in document_type.layout_rules:
            derived = apply_rule(document_type.layout_rules[field.name], attributes, day)
            value = None if derived is None else int(derived)
        else:
            value = _value(attributes[field.name].reveal()) if field.name in attributes else None
        _check_fits(field, value)
        found.append(value)
    return tuple(found)


def _check_fits(field: Field, value: Value) -> None:
    try:
        to_scalar(field.kind, value)
    except Refused as error:
        raise Refused(
            "bbs.value", f"{field.name}: not a value for an attribute of kind {field.kind.name}, or out of its bounds"
        ) from error


def _value(value: CborValue) -> Value:
    if isinstance(value, FullDate):
        return value.day()
    if isinstance(value, bool | int):
        return int(value)
    return value if isinstance(value, str) else _UNFIT


_UNFIT = -1
"""Of no kind: `to_scalar` refuses it by name."""


def _fits(field: Field, attribute: Attribute | None) -> bool:
    if field.kind is Scalar.IDENTIFIER:
        return field == REVOCATION_ID and attribute is None
    if field == VALID_UNTIL:
        return attribute is None
    return attribute is not None and attribute.kind in _FITTING[field.kind]
