"""The issuer's desk over HTTP: `POST {issuer}/orders` with a signed order as its body (docs/spec/order.md).

An answer is either the desk's decision, or it is not known whether the order arrived; nothing in between.
"""

import contextlib

import httpx

from diptych.adapters.http.lines import HttpLine
from diptych.errors import DiptychError, FormatError, Refused, Unavailable
from diptych.formats import strict_json
from diptych.formats.order.signed import MEDIA_TYPE
from diptych.protocols.oauth.url import parse_url
from diptych.roles.wallet.ports import Answer

TIMEOUT_SECONDS = 30.0
MAX_ANSWER_BYTES = 64 * 1024


class HttpOrderDesk:
    """`OrderDesk` of the issuer at `issuer`, an https URL, or an http one of this machine."""

    def __init__(self, issuer: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._orders = parse_url(issuer).text.rstrip("/") + "/orders"
        self._line = HttpLine(transport)

    def submit(self, signed_order: bytes) -> None:
        # No redirects: the order goes to the issuer that was named, and nowhere else.
        try:
            answer = self._line.post(
                self._orders,
                signed_order,
                headers={"Content-Type": MEDIA_TYPE},
                max_bytes=MAX_ANSWER_BYTES,
                total_seconds=TIMEOUT_SECONDS,
            )
        except (Unavailable, FormatError) as error:  # no answer, or one without an end
            raise Unavailable(
                "desk.unreachable", "the issuer did not answer; approve the same file again to try again"
            ) from error
        if not 200 <= answer.status < 300:
            raise _error(answer)


def _error(answer: Answer) -> DiptychError:
    if answer.status >= 500 or answer.status == httpx.codes.TOO_MANY_REQUESTS:
        return Unavailable(
            "desk.unavailable", "the issuer cannot take orders now; approve the same file again to try again"
        )
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
