"""The issuer's desk over HTTP: `POST {issuer}/orders` with a signed order, `/standings` with how one stands.

Both are in docs/spec/issuer-api.md. An answer is either the desk's decision, or it is not known whether the message
arrived; nothing in between.
"""

import contextlib

import httpx

from diptych.adapters.http.lines import HttpLine
from diptych.errors import DiptychError, FormatError, Refused, Unavailable
from diptych.formats import strict_json
from diptych.formats.order import standing
from diptych.formats.order.signed import MEDIA_TYPE
from diptych.protocols.oauth.url import parse_url
from diptych.roles.wallet.ports import Answer

TIMEOUT_SECONDS = 30.0
MAX_ANSWER_BYTES = 64 * 1024


class HttpOrderDesk:
    """`OrderDesk` of the issuer at `issuer`, an https URL, or an http one of this machine."""

    def __init__(self, issuer: str, *, transport: httpx.BaseTransport | None = None) -> None:
        place = parse_url(issuer).text.rstrip("/")
        self._orders, self._standings = place + "/orders", place + "/standings"
        self._line = HttpLine(transport)

    def submit(self, signed_order: bytes) -> None:
        self._post(self._orders, signed_order, MEDIA_TYPE, "approve the same file again to try again")

    def declare(self, signed_standing: bytes) -> bool:
        again = "say the same again to try again"
        answer = self._post(self._standings, signed_standing, standing.MEDIA_TYPE, again)
        try:
            return strict_json.member(strict_json.parse_object(answer.body), "in_force", bool) is True
        except FormatError as error:
            raise Unavailable("desk.answer", f"the issuer's answer cannot be read; {again}") from error

    def _post(self, url: str, body: bytes, media_type: str, again: str) -> Answer:
        # No redirects: it goes to the issuer that was named, and nowhere else.
        try:
            answer = self._line.post(
                url,
                body,
                headers={"Content-Type": media_type},
                max_bytes=MAX_ANSWER_BYTES,
                total_seconds=TIMEOUT_SECONDS,
            )
        except (Unavailable, FormatError) as error:  # no answer, or one without an end
            raise Unavailable("desk.unreachable", f"the issuer did not answer; {again}") from error
        if not 200 <= answer.status < 300:
            raise _error(answer, again)
        return answer


def _error(answer: Answer, again: str) -> DiptychError:
    if answer.status >= 500 or answer.status == httpx.codes.TOO_MANY_REQUESTS:
        return Unavailable("desk.unavailable", f"the issuer cannot take orders now; {again}")
    return Refused("desk.refused", f"the issuer refused the order ({answer.status}): {_reason(answer)}")


def _reason(answer: Answer) -> str:
    """The sentence in an error's JSON, if it has one that can be shown."""
    with contextlib.suppress(DiptychError):
        members = strict_json.parse_object(answer.body)
        for name in ("error_description", "message", "error"):
            reason = members.get(name)
            if isinstance(reason, str) and reason.isprintable() and len(reason) <= 500:
                return reason
    return "it did not say why"
