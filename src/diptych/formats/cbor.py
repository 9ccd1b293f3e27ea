"""CBOR (RFC 8949) read and written in one way only, so that a value has exactly one encoding.

`decode` accepts preferred serialization (4.1) with definite lengths and unique keys, and keeps the order of map
keys: `encode(decode(data)) == data` for everything it accepts. Tags stay tags; dates stay text until somebody asks
for the moment. What the values mean is left to COSE and mdoc.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from math import isfinite
from typing import TypeAlias

from diptych.errors import FormatError

MAX_DEPTH = 16
TAG_TDATE = 0
TAG_ENCODED_CBOR = 24
TAG_FULL_DATE = 1004

CborKey: TypeAlias = int | str | bytes
CborValue: TypeAlias = (
    "bool | int | float | str | bytes | list[CborValue] | dict[CborKey, CborValue]"
    " | Tag | EncodedCbor | TDate | FullDate | None"
)
Encodable: TypeAlias = (
    "CborValue | Verbatim | Sequence[Encodable] | Mapping[str, Encodable] | Mapping[int, Encodable]"
    " | Mapping[CborKey, Encodable]"
)


@dataclass(frozen=True)
class EncodedCbor:
    """Tag 24 over a byte string (RFC 8949 3.4.5.1): an item kept as the bytes that came, not yet decoded."""

    raw: bytes = field(repr=False)

    def decoded(self) -> CborValue:
        """The item inside; `FormatError` if the bytes are not one."""
        return decode(self.raw)


@dataclass(frozen=True)
class TDate:
    """Tag 0 over a date-time text (RFC 8949 3.4.1), as ISO 18013-5 writes it: whole seconds, `Z`."""

    text: str

    @classmethod
    def of(cls, moment: datetime) -> "TDate":
        """The text of an aware moment with whole seconds."""
        if moment.tzinfo is None or moment.microsecond:
            raise FormatError("cbor.tdate", "a date-time on the wire is in UTC with whole seconds")
        return cls(moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z")

    def moment(self) -> datetime:
        """The aware UTC moment; `FormatError` for fractions, offsets or no date at all."""
        try:
            # ISO 18013-5 9.1.2.4: no fraction of seconds, no offset other than `Z`.
            moment = datetime.strptime(self.text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise FormatError("cbor.tdate", "a date-time reads YYYY-MM-DDTHH:MM:SSZ") from error
        if TDate.of(moment) != self:
            raise FormatError("cbor.tdate", "a date-time reads YYYY-MM-DDTHH:MM:SSZ")
        return moment


@dataclass(frozen=True)
class FullDate:
    """Tag 1004 over a full-date text (RFC 8943): a day without a time."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, day: date) -> "FullDate":
        """The text of a day."""
        return cls(day.isoformat())

    def day(self) -> date:
        """The day; `FormatError` if the text is not one."""
        try:
            day = date.fromisoformat(self.text)
        except ValueError as error:
            raise FormatError("cbor.full_date", "a full date reads YYYY-MM-DD") from error
        if day.isoformat() != self.text:
            raise FormatError("cbor.full_date", "a full date reads YYYY-MM-DD")
        return day


@dataclass(frozen=True)
class Tag:
    """Any other tag, uninterpreted."""

    number: int
    value: CborValue = field(repr=False)


@dataclass(frozen=True)
class Verbatim:
    """An item that is already encoded, spliced in as it is. Only for `encode`; the caller answers for the bytes."""

    raw: bytes = field(repr=False)


def decode(data: bytes, *, max_depth: int = MAX_DEPTH) -> CborValue:
    """The one item in `data`, or `FormatError`. Sizes are the caller's to limit before it reads."""
    reader = _Reader(data)
    value = reader.item(max_depth)
    if reader.position != len(data):
        raise FormatError("cbor.trailing", "bytes follow the CBOR item")
    return value


def encode(value: Encodable) -> bytes:
    """Preferred serialization of `value`, maps in the order given; `FormatError` for what CBOR here cannot say."""
    parts: list[bytes] = []
    _append(parts, value)
    return b"".join(parts)


def array_of(items: Sequence[bytes]) -> Verbatim:
    """The array of items that are already encoded."""
    return Verbatim(b"".join((_head(ARRAY, len(items)), *items)))


def map_of(members: Sequence[bytes]) -> Verbatim:
    """The map of members that are already encoded, each as key and value; the caller answers for unique keys."""
    return Verbatim(b"".join((_head(MAP, len(members)), *members)))


def encoded_head(length: int) -> bytes:
    """What stands before that many bytes to make them an `EncodedCbor`: tag 24, and the head of a byte string."""
    return _head(TAG, TAG_ENCODED_CBOR) + _head(BYTES, length)


# Readers for one expected shape each: the value with its type, or `FormatError` under the caller's check name.


def as_map(value: CborValue, check: str) -> dict[CborKey, CborValue]:
    """`value` if it is a map."""
    if not isinstance(value, dict):
        raise FormatError(check, "expected a CBOR map")
    return value


def as_text_map(value: CborValue, check: str) -> dict[str, CborValue]:
    """`value` if it is a map whose keys are all texts."""
    found: dict[str, CborValue] = {}
    for key, member_value in as_map(value, check).items():
        found[as_text(key, check)] = member_value
    return found


def as_struct(
    value: CborValue, check: str, *, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, CborValue]:
    """`value` if it is a map with all of the required members and none but those and the optional ones."""
    found = as_text_map(value, check)
    for name in required:
        if name not in found:
            raise FormatError(check, f"'{name}' is missing")
    if not set(found).issubset((*required, *optional)):
        raise FormatError(check, "there are members that are not understood here")
    return found


def as_array(value: CborValue, check: str, *, length: int | None = None) -> list[CborValue]:
    """`value` if it is an array, of `length` items where given."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise FormatError(check, "expected a CBOR array" + ("" if length is None else f" of {length} items"))
    return value


def as_text(value: CborValue, check: str) -> str:
    """`value` if it is a text."""
    if not isinstance(value, str):
        raise FormatError(check, "expected a text")
    return value


def as_bytes(value: CborValue, check: str) -> bytes:
    """`value` if it is a byte string."""
    if not isinstance(value, bytes):
        raise FormatError(check, "expected a byte string")
    return value


def as_unsigned(value: CborValue, check: str) -> int:
    """`value` if it is a non-negative integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FormatError(check, "expected a non-negative integer")
    return value


def as_encoded(value: CborValue, check: str) -> EncodedCbor:
    """`value` if it is tag 24 over a byte string."""
    if not isinstance(value, EncodedCbor):
        raise FormatError(check, "expected encoded CBOR (tag 24)")
    return value


def as_tdate(value: CborValue, check: str) -> datetime:
    """The moment in `value` if it is a date-time (tag 0)."""
    if not isinstance(value, TDate):
        raise FormatError(check, "expected a date-time (tag 0)")
    return value.moment()


UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_SIMPLE_VALUES: dict[int, bool | None] = {20: False, 21: True, 22: None}


class _Reader:
    """A cursor over the bytes. Never reads, allocates or recurses further than the input pays for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def item(self, depth: int) -> CborValue:
        if depth < 0:
            raise FormatError("cbor.depth", "nested too deeply")
        major, extra = divmod(self.take(1)[0], 32)
        if major == SIMPLE:
            return self.simple(extra)
        argument = self.argument(extra)
        if major == UNSIGNED:
            return argument
        if major == NEGATIVE:
            return -1 - argument
        if major == BYTES:
            return self.take(argument)
        if major == TEXT:
            return self.text(argument)
        if major == ARRAY:
            self.expect(argument)
            return [self.item(depth - 1) for _ in range(argument)]
        if major == MAP:
            self.expect(2 * argument)
            return self.map(argument, depth - 1)
        return self.tag(argument, depth - 1)

    def argument(self, extra: int) -> int:
        if extra < 24:
            return extra
        if extra > 27:
            # 28-30 are reserved; 31 is an indefinite length, which has many encodings for one value.
            raise FormatError("cbor.length", "only definite lengths are accepted")
        size = 1 << (extra - 24)
        argument = int.from_bytes(self.take(size), "big")
        if argument < (24 if size == 1 else 1 << (4 * size)):
            raise FormatError("cbor.preferred", "an integer or length is longer than it need be")
        return argument

    def text(self, length: int) -> str:
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("cbor.text", "a text is not UTF-8") from error

    def map(self, pairs: int, depth: int) -> dict[CborKey, CborValue]:
        found: dict[CborKey, CborValue] = {}
        for _ in range(pairs):
            key = self.item(depth)
            # `True` equals 1 in Python: other key types would collide, and no format here uses them.
            if isinstance(key, bool) or not isinstance(key, int | str | bytes):
                raise FormatError("cbor.key", "map keys are integers, texts or byte strings")
            if key in found:
                raise FormatError("cbor.duplicate", "a map has the same key twice")
            found[key] = self.item(depth)
        return found

    def tag(self, number: int, depth: int) -> CborValue:
        value = self.item(depth)
        if number == TAG_ENCODED_CBOR:
            return EncodedCbor(as_bytes(value, "cbor.encoded"))
        if number == TAG_TDATE:
            return TDate(as_text(value, "cbor.tdate"))
        if number == TAG_FULL_DATE:
            return FullDate(as_text(value, "cbor.full_date"))
        return Tag(number, value)

    def simple(self, extra: int) -> CborValue:
        if extra in _FLOATS:
            raw = self.take(1 << (extra - 24))
            number = float(struct.unpack(_FLOATS[extra], raw)[0])
            if not isfinite(number):
                raise FormatError("cbor.float", "infinities and NaN are not accepted")
            if _encoded_float(number)[1:] != raw:
                raise FormatError("cbor.preferred", "a float is longer than it need be")
            return number
        if extra not in _SIMPLE_VALUES:
            raise FormatError("cbor.simple", "of the simple values only false, true and null are accepted")
        return _SIMPLE_VALUES[extra]

    def take(self, length: int) -> bytes:
        self.expect(length)
        start, self.position = self.position, self.position + length
        return self.data[start : self.position]

    def expect(self, length: int) -> None:
        """Every item takes at least a byte, so a count beyond the input is refused before anything is allocated."""
        if length > len(self.data) - self.position:
            raise FormatError("cbor.truncated", "the input ends before the CBOR item does")


def _append(parts: list[bytes], value: Encodable) -> None:
    """One item onto `parts`. The kinds that documents are made of are asked for first: this is the issuer's speed."""
    if isinstance(value, str):
        raw = _utf8(value)
        parts.append(_head(TEXT, len(raw)))
        parts.append(raw)
    elif isinstance(value, bytes):
        parts.append(_head(BYTES, len(value)))
        parts.append(value)
    elif value is None or isinstance(value, bool):
        parts.append({False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value])
    elif isinstance(value, int):
        parts.append(_head(UNSIGNED, value) if value >= 0 else _head(NEGATIVE, -1 - value))
    elif isinstance(value, Verbatim):
        parts.append(value.raw)
    elif isinstance(value, _MAPPINGS):
        parts.append(_head(MAP, len(value)))
        for key, member_value in value.items():
            _append(parts, key)
            _append(parts, member_value)
    elif isinstance(value, EncodedCbor):
        parts += (encoded_head(len(value.raw)), value.raw)
    elif isinstance(value, FullDate):
        parts += (_head(TAG, TAG_FULL_DATE), encode(value.text))
    elif isinstance(value, TDate):
        parts += (_head(TAG, TAG_TDATE), encode(value.text))
    elif isinstance(value, Tag):
        parts.append(_head(TAG, value.number))
        _append(parts, value.value)
    elif isinstance(value, float):
        parts.append(_encoded_float(value))
    elif isinstance(value, _SEQUENCES):
        parts.append(_head(ARRAY, len(value)))
        for member_value in value:
            _append(parts, member_value)
    else:
        raise FormatError("cbor.type", "this type of value has no CBOR encoding here")


# The plain types first: asking whether something is any kind of Mapping takes long.
_MAPPINGS = (dict, Mapping)
_SEQUENCES = (list, Sequence)


def _utf8(value: str) -> bytes:
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FormatError("cbor.text", "a text is not UTF-8") from error


_SHORT_HEADS = tuple(bytes((initial,)) for initial in range(256))


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return _SHORT_HEADS[major << 5 | argument]
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * size):
            return _SHORT_HEADS[major << 5 | extra] + argument.to_bytes(size, "big")
    raise FormatError("cbor.integer", "an integer has more than 64 bits")


def _encoded_float(value: float) -> bytes:
    """The shortest of half, single and double precision that keeps the value (RFC 8949 4.1)."""
    if not isfinite(value):
        raise FormatError("cbor.float", "infinities and NaN are not accepted")
    for extra, layout in _FLOATS.items():
        try:
            raw = struct.pack(layout, value)
        except OverflowError:
            continue
        if struct.unpack(layout, raw)[0] == value:
            return bytes((SIMPLE << 5 | extra,)) + raw
    raise AssertionError("double precision keeps every float")
