"""Holders and the registry over HTTP, as a workstation reaches them: side by side, each for a bounded time."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

import httpx

from diptych.adapters.http.trustees import said_error
from diptych.errors import DiptychError, FormatError, Unavailable
from diptych.protocols.oauth.url import parse_url

TRUSTEE_TYPE, REGISTRY_TYPE = "application/vnd.diptych.trustee+cbor", "application/vnd.diptych.registry+cbor"
SECONDS = 10.0
REGISTRY_SECONDS = 30.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024
AT_ONCE = 64


class HttpAnswers:
    """`Answers`: trustees by their URLs, and the registry's key service. `transport` stands in for the network."""

    def __init__(self, registry_url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._registry = parse_url(registry_url.rstrip("/")).text
        self._client = httpx.Client(transport=transport, timeout=SECONDS, follow_redirects=False, trust_env=False)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="holder")

    def close(self) -> None:
        """Ask nobody any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def ask(self, questions: Mapping[int, tuple[str, str, bytes | None]]) -> Iterator[tuple[int, bytes | DiptychError]]:
        asked: dict[Future[bytes], int] = {
            self._threads.submit(self._send, url, path, body): index for index, (url, path, body) in questions.items()
        }
        for future in as_completed(asked):
            try:
                yield asked[future], future.result()
            except DiptychError as error:
                yield asked[future], error

    def _send(self, url: str, path: str, body: bytes | None) -> bytes:
        location = parse_url(url.rstrip("/")).text
        media_type = REGISTRY_TYPE if location == self._registry else TRUSTEE_TYPE
        return _send(self._client, location, path, body, media_type)


class HttpRegistryLine:
    """`RegistryLine` at this URL."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = parse_url(url.rstrip("/")).text
        self._client = httpx.Client(
            transport=transport, timeout=REGISTRY_SECONDS, follow_redirects=False, trust_env=False
        )

    @property
    def url(self) -> str:
        return self._url

    def send(self, path: str, body: bytes | None) -> bytes:
        return _send(self._client, self._url, path, body, REGISTRY_TYPE)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def _send(client: httpx.Client, url: str, path: str, body: bytes | None, media_type: str) -> bytes:
    method, headers = ("GET", {}) if body is None else ("POST", {"Content-Type": media_type})
    try:
        answer = client.request(method, f"{url}/{path}", content=body, headers=headers)
    except httpx.HTTPError as error:
        raise Unavailable("holder.unreachable", f"nobody answers at {url}: try again") from error
    if answer.status_code == 404 and body is None:
        return b""
    if answer.status_code not in (200, 204):
        raise said_error(answer)
    if len(answer.content) > MAX_ANSWER_BYTES:
        raise FormatError("holder.answer", "the answer is too long")
    return answer.content
