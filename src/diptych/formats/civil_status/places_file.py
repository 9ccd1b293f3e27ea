"""The file of communes that changed: what an agency makes of its statistics office's table (docs/spec/civil-status.md).

Where the changes come from, and whether all are in it, is the agency's to know. What they mean is left to `places`.
"""

import re
from collections.abc import Sequence
from datetime import date

from diptych.errors import FormatError
from diptych.formats.civil_status.places import Places, Span, check_code

HEAD = "diptych places 1"
MAX_BYTES = 4 * 1024 * 1024

_CHECK = "places"
_LINE = re.compile(r"([0-9AB]{5}) (-|[0-9]{4}-[0-9]{2}-[0-9]{2}) (-|[0-9]{4}-[0-9]{2}-[0-9]{2}) (-|[0-9AB,]+)")
_NOTHING = "-"


def parse_places(data: bytes) -> Places:
    """The table in a file, or `FormatError` with the line that has to be mended:

    1. lines are of the form, in ascending order;
    2. a code exists for a while, and once at a time;
    3. whatever a code became is in the table too: else a code of today would be no code on days of today.
    """
    spans: dict[str, list[Span]] = {}
    before = ""
    for number, line in _lines(data):
        # 1.
        code, span = _parse_line(line, number)
        if code < before:
            raise _wrong(number, "lines stand in ascending order of their codes and days")
        before = code
        # 2.
        if code in spans and spans[code][-1].until > span.since:
            raise _wrong(number, "the spans of one code follow one another, and none begins before another ended")
        spans.setdefault(code, []).append(span)
    # 3.
    for code, found in spans.items():
        for other in (other for span in found for other in span.became):
            if other not in spans:
                raise FormatError(
                    f"{_CHECK}.became", f"{code} became {other}, which has no line: add when that existed"
                )
    return Places({code: tuple(found) for code, found in spans.items()})


def encode_places(places: Places) -> bytes:
    """The exact inverse of `parse_places`."""
    lines = (
        f"{code} {_day(span.since, date.min)} {_day(span.until, date.max)} {','.join(span.became) or _NOTHING}"
        for code, spans in places.spans.items()
        for span in spans
    )
    return "".join(f"{line}\n" for line in (HEAD, *lines)).encode("ascii")


def _lines(data: bytes) -> Sequence[tuple[int, str]]:
    if len(data) > MAX_BYTES:
        raise FormatError(f"{_CHECK}.size", f"the file has more than {MAX_BYTES} bytes")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise FormatError(f"{_CHECK}.text", "the file is not plain ASCII text") from error
    head, _, rest = text.partition("\n")
    if head != HEAD or not text.endswith("\n"):
        raise FormatError(f"{_CHECK}.head", f"the first line is '{HEAD}', and every line ends with a line feed")
    return list(enumerate(rest.split("\n")[:-1], start=2))


def _parse_line(line: str, number: int) -> tuple[str, Span]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise _wrong(number, "a line is: code, first day or -, first day no more or -, what it became or -")
    code, since, until, became = found.groups()
    others = () if became == _NOTHING else tuple(became.split(","))
    try:
        for one in (code, *others):
            check_code(one)
        span = Span(_parse_day(since, date.min), _parse_day(until, date.max), others)
    except (FormatError, ValueError) as error:
        raise _wrong(number, "a code has five characters as INSEE writes it, a day is 2016-01-01") from error
    if span.since >= span.until:
        raise _wrong(number, "a code exists for a day at least")
    if (others and until == _NOTHING) or list(others) != sorted(set(others)) or code in others:
        raise _wrong(number, "codes that it became stand in ascending order, each once, and where it ended")
    return code, span


def _parse_day(text: str, unlimited: date) -> date:
    found = unlimited if text == _NOTHING else date.fromisoformat(text)
    if text != _NOTHING and found in (date.min, date.max):
        raise ValueError("always and still have one form")
    return found


def _day(day: date, unlimited: date) -> str:
    return _NOTHING if day == unlimited else day.isoformat()


def _wrong(number: int, message: str) -> FormatError:
    return FormatError(f"{_CHECK}.line", f"line {number}: {message}")
