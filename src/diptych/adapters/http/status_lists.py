"""Status lists over HTTP: the whole list at an address, the same for everybody, and nothing sent but that address.

https, or http on this machine; no redirects, nothing compressed in transit, bounded in time and size. What is answered
is read here and believed elsewhere.
"""

import httpx

from diptych.adapters.http.lines import HttpLine
from diptych.errors import Unavailable
from diptych.formats.status_list import token
from diptych.formats.status_list.token import CWT_MEDIA_TYPE, JWT_MEDIA_TYPE, UnverifiedStatusListToken

TOTAL_SECONDS = 10.0
ACCEPT = f"{CWT_MEDIA_TYPE}, {JWT_MEDIA_TYPE};q=0.5"


class HttpStatusLists:
    """`StatusSource` of wallets and verifiers."""

    def __init__(self, *, transport: httpx.BaseTransport | None = None) -> None:
        self._line = HttpLine(transport)

    def fetch(self, uri: str) -> UnverifiedStatusListToken:
        answer = self._line.get(uri, accept=ACCEPT, max_bytes=token.MAX_BYTES, total_seconds=TOTAL_SECONDS)
        if answer.status != httpx.codes.OK:
            # Clause 8.2 lets a provider redirect; none of ours does, and who follows can be led anywhere (11.4).
            raise Unavailable("status.unavailable", "the status list is not there now: try again later")
        return token.parse(answer.body, media_type=answer.media_type)
