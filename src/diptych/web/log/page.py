"""The log's page: what `roles/log/overview` read, in HTML, in French and English, with no script and no build step.

It shows nothing that is not public. The handlers fetch and answer; the words are in `words`, the drawing in `chart`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from threading import Lock

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog.cosignature import VerifiedSignature
from diptych.formats.tlog.lines import encode_base64
from diptych.formats.tlog.policy import VerifiedCheckpoint
from diptych.roles.log.overview import FoundEntry, LogOverview
from diptych.web.log.chart import MOST_SERIES, draw
from diptych.web.log.words import ACTORS, ACTS, LANGUAGES, WORDS

DAYS = 30
STYLE = "page.css"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_TEMPLATES = Path(__file__).parent / "templates"
_MONTHS = {
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    "fr": ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
}
_SEPARATORS = {"en": ",", "fr": "\u202f"}


@dataclass(frozen=True)
class Outcome:
    """What came of looking a receipt up: what it shows, or the check that it failed."""

    found: FoundEntry | None
    check: str = ""


class LogPage:
    """The page of one log, which others reach at `url`."""

    def __init__(self, overview: LogOverview, *, url: str, clock: Callable[[], datetime]) -> None:
        self._overview = overview
        self._url = url
        self._clock = clock
        self._lock = Lock()  # pages are asked for side by side, and nothing may be counted twice
        self._template = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        ).get_template("log.html")

    def look_up(self, receipt: str) -> Outcome:
        """What a pasted receipt shows. A form's lines end in CRLF, and its last may have lost its end."""
        text = receipt.replace("\r\n", "\n").strip("\n ") + "\n"
        try:
            return Outcome(self._overview.find(text.encode()))
        except (FormatError, VerificationError) as error:
            return Outcome(None, error.check)

    def render(self, language: str, outcome: Outcome | None = None) -> str:
        """The page; `Unavailable` before the log's first checkpoint."""
        with self._lock:
            read = self._overview.read()
        signed = read.checkpoint.checkpoint
        today = self._clock().date()
        chart = draw(read.types_of(DAYS, until=today), days=DAYS, until=today)
        names = [WORDS[language]["others"] if one is None else ACTS[language][one] for one in chart.series]
        return self._template.render(
            language=language,
            other=next(one for one in LANGUAGES if one != language),
            words=WORDS[language],
            url=self._url,
            checkpoint=signed,
            root=encode_base64(signed.root),
            time=read.checkpoint.time,
            signers=_signers(read.checkpoint),
            chart=chart,
            names=names,
            colours=[MOST_SERIES if one is None else number for number, one in enumerate(chart.series)],
            days=DAYS,
            outcome=None if outcome is None else _shown(outcome, language),
            number=lambda count: f"{count:,}".replace(",", _SEPARATORS[language]),
            moment=lambda at: at.strftime("%Y-%m-%d %H:%M UTC"),
            short=lambda day: _short(day, language),
        )

    def style(self) -> bytes:
        """The style sheet."""
        return (_TEMPLATES / STYLE).read_bytes()


def _signers(checkpoint: VerifiedCheckpoint) -> list[dict[str, object]]:
    """The log, then its witnesses: with which algorithms each has signed, and when last."""
    found: dict[str, list[VerifiedSignature]] = {}
    for signature in checkpoint.signatures:
        found.setdefault(signature.key.name, []).append(signature)
    return [
        {
            "name": name,
            "is_log": name == checkpoint.checkpoint.origin,
            "algorithms": " + ".join(signature.key.signature_type.algorithm.value for signature in signatures),
            "time": max((signature.time for signature in signatures if signature.time), default=None),
        }
        for name, signatures in found.items()
    ]


def _shown(outcome: Outcome, language: str) -> dict[str, object]:
    found = outcome.found
    if found is None:
        return {"found": False, "check": outcome.check}
    return {
        "found": True,
        "act": ACTS[language][found.entry.act_type],
        "actor": ACTORS[language][found.entry.actor],
        "day": found.entry.day.isoformat(),
        "index": found.inclusion.index,
    }


def _short(day: date, language: str) -> str:
    month = _MONTHS[language][day.month - 1]
    return f"{month} {day.day}" if language == "en" else f"{day.day} {month}"
