"""The issuer's desk over HTTP: `POST {issuer}/orders` with a signed order as its body (docs/spec/order.md).

An answer is either the desk's decision, or it is not known whether the order arrived; nothing in between.
"""

import contextlib

import httpx

from diptych.errors import DiptychError, Refused, Unavailable
from diptych.formats import strict_json
from diptych.formats.order.signed import MEDIA_TYPE
from diptych.protocols.oauth.url import parse_url

TIMEOUT_SECONDS = 30
MAX_ANSWER_BYTES = 64 * 1024


class HttpOrderDesk:
    """`OrderDesk` of the issuer at `issuer`, an https URL, or an http one of this machine."""

    def __init__(self, issuer: str, *, client: httpx.Client | None = None) -> None:
        self._orders = parse_url(issuer).text.rstrip("/") + "/orders"
        self._client = client

    def submit(self, signed_order: bytes) -> None:
        # No redirects: the order goes to the issuer that was named, and nowhere else.
        client = self._client or httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
        try:
            with contextlib.ExitStack() as closing:
                if self._client is None:
                    closing.enter_context(client)
                answer = client.post(self._orders, content=signed_order, headers={"Content-Type": MEDIA_TYPE})
        except httpx.HTTPError as error:
            raise Unavailable(
                "desk.unreachable", "the issuer did not answer; approve the same file again to try again"
            ) from error
        if not answer.is_success:
            raise _error(answer)


def _error(answer: httpx.Response) -> DiptychError:
    if answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return Unavailable(
            "desk.unavailable", "the issuer cannot take orders now; approve the same file again to try again"
        )
    return Refused("desk.refused", f"the issuer refused the order ({answer.status_code}): {_reason(answer)}")


def _reason(answer: httpx.Response) -> str:
    """The sentence in an error's JSON, if it has one that can be shown."""
    with contextlib.suppress(DiptychError):
        if len(answer.content) <= MAX_ANSWER_BYTES:
            members = strict_json.parse_object(answer.content)
            for name in ("error_description", "message", "error"):
                reason = members.get(name)
                if isinstance(reason, str) and reason.isprintable() and len(reason) <= 500:
                    return reason
    return "it did not say why"
