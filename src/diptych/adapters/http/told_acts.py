"""What those who recorded an act say of it: one question each (docs/spec/registry-api.md, docs/spec/issuer-api.md)."""

import httpx

from diptych.adapters.http.kept import open_client
from diptych.errors import DiptychError
from diptych.private import Secret
from diptych.protocols.oauth.url import parse_url

SECONDS = 5.0
MAX_BYTES = 16 * 1024
BYTES = "application/octet-stream"


class HttpTold:
    """`Tell` over HTTP. Whoever does not answer says nothing: that an act was, the log alone shows."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._client = open_client(self, seconds=SECONDS, transport=transport)

    def of_record(self, registry: str, label: bytes) -> bytes | None:
        return self._told("GET", registry, f"/acts/{label.hex()}", None)

    def of_order(self, issuer: str, asking: Secret) -> bytes | None:
        return self._told("POST", issuer, "/told", asking.reveal())

    def _told(self, method: str, url: str, path: str, body: bytes | None) -> bytes | None:
        headers = {} if body is None else {"Content-Type": BYTES}
        try:
            answer = self._client.request(method, parse_url(url.rstrip("/")).text + path, content=body, headers=headers)
        except (httpx.HTTPError, DiptychError):
            return None
        return answer.content if answer.status_code == 200 and len(answer.content) <= MAX_BYTES else None
