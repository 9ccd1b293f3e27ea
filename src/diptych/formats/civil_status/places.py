"""Birth places by their INSEE code at the time of birth: communes merge, split and change code.

The table of changes is an argument; without one, codes stay as they are.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from diptych.errors import FormatError

_CODE = re.compile(r"(?:[0-9]{2}|2A|2B)[0-9]{3}")
# Districts, which some offices write and others do not: the first, the last, and their commune.
_DISTRICTS = (("75101", "75120", "75056"), ("69381", "69389", "69123"), ("13201", "13216", "13055"))


@dataclass(frozen=True)
class Span:
    """Days on which a code existed (`until` is the first on which it did not), and the codes it then became."""

    since: date
    until: date
    became: tuple[str, ...]

    def includes(self, day: date) -> bool:
        return self.since <= day < self.until


@dataclass(frozen=True)
class Places:
    """Codes that did not always exist. A code that is not here always did."""

    spans: Mapping[str, Sequence[Span]] = field(default_factory=dict)

    def code_on(self, code: str, day: date) -> str:
        """The code, on that day, of the place that `code` is a code of; `FormatError` where it was several."""
        spans = self.spans.get(code, ())
        if not spans or any(span.includes(day) for span in spans):
            return code
        found = {other for other in self._related(code) if any(span.includes(day) for span in self.spans[other])}
        if len(found) != 1:
            raise FormatError(
                "civil_status.merged", "several communes became this one, or none: ask for the former one"
            )
        return found.pop()

    def _related(self, code: str) -> set[str]:
        """Codes that became this one, or that it became, through any number of changes in one direction."""
        return (self._reached(code, self._successors) | self._reached(code, self._predecessors)) & self.spans.keys()

    def _reached(self, code: str, step: Callable[[str], set[str]]) -> set[str]:
        found: set[str] = set()
        front = step(code)
        while front:
            found |= front
            front = {after for before in front for after in step(before)} - found
        return found

    def _successors(self, code: str) -> set[str]:
        return {other for span in self.spans.get(code, ()) for other in span.became}

    def _predecessors(self, code: str) -> set[str]:
        return {other for other, spans in self.spans.items() if any(code in span.became for span in spans)}


def birth_place(code: str, day: date, places: Places) -> str:
    """The code that is compared: the commune's, without its districts, on the day of birth."""
    check_code(code)
    for first, last, commune in _DISTRICTS:
        if first <= code <= last:
            code = commune
    return places.code_on(code, day)


def check_code(code: str) -> None:
    """`FormatError` unless it has the form of an INSEE code."""
    if not _CODE.fullmatch(code):
        raise FormatError(
            "civil_status.birth_place", "a birth place is the INSEE code of a commune, or 99 and a country's"
        )
