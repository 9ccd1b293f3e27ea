"""What a registry says of an act, by its label (docs/spec/registry-api.md): one question each, that anybody may ask."""

import httpx

from diptych.adapters.http.kept import open_client
from diptych.errors import DiptychError
from diptych.protocols.oauth.url import parse_url

SECONDS = 5.0
MAX_BYTES = 16 * 1024


class HttpTold:
    """`Tell` over HTTP. A registry that does not answer says nothing: that an act was, the log alone shows."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._client = open_client(self, seconds=SECONDS, transport=transport)

    def __call__(self, registry: str, label: bytes) -> bytes | None:
        try:
            answer = self._client.get(f"{parse_url(registry.rstrip('/')).text}/acts/{label.hex()}")
        except (httpx.HTTPError, DiptychError):
            return None
        return answer.content if answer.status_code == 200 and len(answer.content) <= MAX_BYTES else None
