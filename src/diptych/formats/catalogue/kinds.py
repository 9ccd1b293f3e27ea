"""The kinds of values: how each is written in an order file, what it becomes in a document, what to mend.

`parse` accepts what a person writes in TOML and, unchanged, what it made of that earlier: so the same check runs at
approval and again at issuance. Messages say what is expected and never what was found: that is somebody's data.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import date, datetime

from diptych.errors import FormatError
from diptych.formats.catalogue.model import Attribute, Kind
from diptych.formats.cbor import CborValue, FullDate

MAX_TEXT_CHARACTERS = 150  # ISO 18013-5 7.2.1 and the PID rulebook 3.1.1
MAX_IMAGE_BYTES = 512 * 1024
MAX_NUMBER = 10**9
MAX_LIST = 64
SEXES = (0, 1, 2, 3, 4, 5, 6, 9)  # ISO/IEC 5218, and 3 to 6 of CIR (EU) 2024/2977
DATA_URL = "data:image/jpeg;base64,"
JPEG, JPEG_2000 = b"\xff\xd8\xff", b"\x00\x00\x00\x0cjP  \r\n\x87\n"
# Directive 2006/126/EC Art. 4, as ISO/IEC 18013-2 Annex A codes it; T is the usual national category for tractors.
CATEGORIES = ("AM", "A1", "A2", "A", "B1", "B", "BE", "C1", "C1E", "C", "CE", "D1", "D1E", "D", "DE", "T")


def parse_value(attribute: Attribute, raw: object) -> CborValue:
    """The document's value for what was written, or `FormatError` saying what is expected instead."""
    return _PARSERS[attribute.kind](attribute, raw)


def describe(attribute: Attribute) -> str:
    """What a person may write, in a few words."""
    if attribute.choices:
        return "one of: " + ", ".join(f'"{choice}"' for choice in attribute.choices)
    if attribute.kind is Kind.TEXT:
        return f'a text in quotes, at most {attribute.max_length} characters, such as "..."'
    return _EXPECTED[attribute.kind]


_EXPECTED = {
    Kind.DATE: "a date without quotes, such as 1999-12-31",
    Kind.BOOLEAN: "true or false, without quotes",
    Kind.NUMBER: "a whole number that is not negative, without quotes",
    Kind.COUNTRY: 'a country code of two capital letters in quotes (ISO 3166-1), such as "FR"',
    Kind.COUNTRIES: 'country codes in brackets, such as ["FR"] or ["FR", "DE"]',
    Kind.SEX: "1 male, 2 female, 0 not known, 9 not applicable (3 other, 4 inter, 5 diverse, 6 open), without quotes",
    Kind.PLACE: 'at least one of country, region, locality, such as { country = "FR", locality = "Lyon" }',
    Kind.IMAGE: 'the name of a JPEG file beside this one in quotes, such as "portrait.jpg", at most 512 kB',
    Kind.PRIVILEGES: "one [[attributes.driving_privileges]] table per category: vehicle_category_code (such as"
    ' "B"), optionally issue_date, expiry_date and codes',
}


def _expected(attribute: Attribute) -> FormatError:
    return FormatError("catalogue.value", f"write {describe(attribute)}")


def _text(attribute: Attribute, raw: object) -> CborValue:
    if not isinstance(raw, str) or len(raw) > attribute.max_length or not raw.isprintable() or raw != raw.strip():
        raise _expected(attribute)
    if not raw:
        raise FormatError("catalogue.empty", f"still empty: write {describe(attribute)}")
    if attribute.choices and raw not in attribute.choices:
        raise _expected(attribute)
    return raw


def _date(attribute: Attribute, raw: object) -> CborValue:
    if raw == "":
        raise FormatError("catalogue.empty", f"still empty: write {describe(attribute)}")
    day = _day(raw)
    if day is None:
        raise _expected(attribute)
    return day


def _day(raw: object) -> FullDate | None:
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return FullDate.of(raw)
    if isinstance(raw, FullDate):
        try:
            return FullDate.of(raw.day())
        except FormatError:
            return None
    return None


def _boolean(attribute: Attribute, raw: object) -> CborValue:
    if not isinstance(raw, bool):
        raise _expected(attribute)
    return raw


def _number(attribute: Attribute, raw: object) -> CborValue:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw <= MAX_NUMBER:
        raise _expected(attribute)
    return raw


def _country(attribute: Attribute, raw: object) -> CborValue:
    if not isinstance(raw, str) or not _is_country(raw):
        raise _expected(attribute)
    return raw


def _countries(attribute: Attribute, raw: object) -> CborValue:
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_LIST:
        raise _expected(attribute)
    found: list[CborValue] = [code for code in raw if isinstance(code, str) and _is_country(code)]
    if len(found) != len(raw):
        raise _expected(attribute)
    return found


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()


def _sex(attribute: Attribute, raw: object) -> CborValue:
    if not isinstance(raw, int) or isinstance(raw, bool) or raw not in SEXES:
        raise _expected(attribute)
    return raw


def _place(attribute: Attribute, raw: object) -> CborValue:
    # PID rulebook 3.1.5: a map of country, region and locality, at least one of them.
    if not isinstance(raw, dict) or not raw or not set(raw).issubset({"country", "region", "locality"}):
        raise _expected(attribute)
    for name, value in raw.items():
        if not isinstance(value, str) or not value or len(value) > MAX_TEXT_CHARACTERS or not value.isprintable():
            raise _expected(attribute)
        if name == "country" and not _is_country(value):
            raise _expected(attribute)
    return {name: raw[name] for name in ("country", "region", "locality") if name in raw}


def _image(attribute: Attribute, raw: object) -> CborValue:
    if raw == "":
        raise FormatError("catalogue.empty", f"still empty: write {describe(attribute)}")
    if isinstance(raw, str) and raw.startswith(DATA_URL):
        try:
            raw = base64.b64decode(raw.removeprefix(DATA_URL), validate=True)
        except (ValueError, binascii.Error) as error:
            raise _expected(attribute) from error
    # Only the format is recognised here; the picture itself is for the officer's eyes.
    if not isinstance(raw, bytes) or len(raw) > MAX_IMAGE_BYTES or not raw.startswith((JPEG, JPEG_2000)):
        raise _expected(attribute)
    return raw


def _privileges(attribute: Attribute, raw: object) -> CborValue:
    # ISO 18013-5 7.2.4
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_LIST:
        raise _expected(attribute)
    found: list[CborValue] = [_privilege(attribute, entry) for entry in raw]
    return found


def _privilege(attribute: Attribute, raw: object) -> CborValue:
    if not isinstance(raw, dict) or not set(raw).issubset(
        {"vehicle_category_code", "issue_date", "expiry_date", "codes"}
    ):
        raise _expected(attribute)
    if raw.get("vehicle_category_code") not in CATEGORIES:
        raise FormatError("catalogue.category", f"vehicle_category_code is one of: {', '.join(CATEGORIES)}")
    privilege: CborValue = {"vehicle_category_code": raw["vehicle_category_code"]}
    assert isinstance(privilege, dict)
    for name in ("issue_date", "expiry_date"):
        if name in raw:
            day = _day(raw[name])
            if day is None:
                raise FormatError("catalogue.privilege", f"{name} is a date without quotes, such as 1999-12-31")
            privilege[name] = day
    if "codes" in raw:
        privilege["codes"] = _codes(raw["codes"])
    return privilege


def _codes(raw: object) -> CborValue:
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_LIST:
        raise FormatError("catalogue.privilege", 'codes is a list such as [{ code = "01" }]')
    found: list[CborValue] = []
    for entry in raw:
        if (
            not isinstance(entry, dict)
            or "code" not in entry
            or not set(entry).issubset({"code", "sign", "value"})
            or not all(isinstance(value, str) and 0 < len(value) <= 20 for value in entry.values())
        ):
            raise FormatError("catalogue.privilege", 'codes is a list such as [{ code = "01" }]')
        found.append({name: entry[name] for name in ("code", "sign", "value") if name in entry})
    return found


_PARSERS: dict[Kind, Callable[[Attribute, object], CborValue]] = {
    Kind.TEXT: _text,
    Kind.DATE: _date,
    Kind.BOOLEAN: _boolean,
    Kind.NUMBER: _number,
    Kind.COUNTRY: _country,
    Kind.COUNTRIES: _countries,
    Kind.SEX: _sex,
    Kind.PLACE: _place,
    Kind.IMAGE: _image,
    Kind.PRIVILEGES: _privileges,
}
