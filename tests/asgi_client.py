"""An HTTP client whose requests end in an application of this process."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import httpx
from starlette.types import ASGIApp

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


class AsgiClient:
    """One request at a time, each on an event loop of its own."""

    def __init__(self, application: ASGIApp, base_url: str) -> None:
        self._application = application
        self._base_url = base_url

    def get(self, path: str, headers: Headers = ()) -> httpx.Response:
        return self._request("GET", path, b"", headers)

    def post(
        self, path: str, content: bytes = b"", headers: Headers = (), *, is_announced: bool = True
    ) -> httpx.Response:
        """`is_announced` False: sent in chunks, without a Content-Length."""
        return self._request("POST", path, content if is_announced else _chunks(content), headers)

    def _request(
        self, method: str, path: str, content: bytes | AsyncIterator[bytes], headers: Headers
    ) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._application, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self._base_url) as client:
                return await client.request(method, path, content=content, headers=headers)

        return asyncio.run(send())


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 4096):
        yield content[start : start + 4096]
