"""Derived attributes: booleans that follow from a birth date or from driving privileges on a given day.

Restriction codes (glasses, automatic gearbox) and the categories that another one implies (Directive 2006/126/EC
Art. 6(2)) are not considered: a category is valid if it stands in the document itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from diptych.formats.catalogue.model import Attribute, Derived, DocumentType, Rule
from diptych.formats.cbor import CborValue, FullDate
from diptych.private import Personal

Values = Mapping[str, Personal[CborValue]]


def derive(document_type: DocumentType, source: Values, *, day: date) -> dict[str, Personal[CborValue]]:
    """The derived attributes of `document_type` that follow from the (checked) `source` values on `day`.

    A rule whose source is absent gives nothing.
    """
    found: dict[str, Personal[CborValue]] = {}
    for attribute in document_type.attributes:
        value = None if attribute.derived is None else apply_rule(attribute.derived, source, day)
        if value is not None:
            found[attribute.identifier] = Personal(value)
    return found


def holds_until(attributes: tuple[Attribute, ...], source: Values, *, day: date) -> datetime | None:
    """The first moment at which one of these attributes, true on `day`, is true no more; None if they stay true.

    Ages only grow; a category ends after its expiry date.
    """
    rules = [attribute.derived for attribute in attributes if attribute.derived is not None]
    return rules_hold_until(rules, source, day=day)


def rules_hold_until(rules: Iterable[Derived], source: Values, *, day: date) -> datetime | None:
    """The same of rules."""
    ends = [
        end
        for rule in rules
        if rule.rule is Rule.CATEGORY_VALID
        for end in [_category_end(rule.argument, source, day)]
        if end is not None
    ]
    return min(ends, default=None)


def after(day: date) -> datetime:
    """The first moment after a day, in UTC: until then, what is valid on that day is valid."""
    return datetime.combine(min(day, date.max - timedelta(days=1)) + timedelta(days=1), time(), UTC)


def apply_rule(derived: Derived, source: Values, day: date) -> bool | None:
    """What a rule says of these values on `day`; None where they do not say."""
    if derived.rule is Rule.AGE_OVER:
        birth = source.get("birth_date")
        born = None if birth is None else birth.reveal()
        return _is_over(int(derived.argument), born.day(), day) if isinstance(born, FullDate) else None
    if "driving_privileges" not in source:
        return None
    return any(_is_valid(privilege, day) for privilege in _privileges(derived.argument, source))


def _is_over(years: int, born: date, day: date) -> bool:
    # Who was born on 29 February comes of age on 1 March of other years: never a day too early.
    return (day.year - years, day.month, day.day) >= (born.year, born.month, born.day)


def _privileges(category: str, source: Values) -> Iterator[dict[object, object]]:
    listed = source["driving_privileges"].reveal() if "driving_privileges" in source else []
    for privilege in listed if isinstance(listed, list) else []:
        if isinstance(privilege, dict) and privilege.get("vehicle_category_code") == category:
            yield dict(privilege.items())


def _is_valid(privilege: dict[object, object], day: date) -> bool:
    issued, expires = privilege.get("issue_date"), privilege.get("expiry_date")
    return not (
        (isinstance(issued, FullDate) and issued.day() > day) or (isinstance(expires, FullDate) and expires.day() < day)
    )


def _category_end(category: str, source: Values, day: date) -> datetime | None:
    """When the category, valid on `day`, ends; None if it is not valid or has no end."""
    ends: list[datetime] = []
    for privilege in _privileges(category, source):
        if _is_valid(privilege, day):
            expires = privilege.get("expiry_date")
            if not isinstance(expires, FullDate):
                return None
            ends.append(after(expires.day()))
    return max(ends, default=None)
