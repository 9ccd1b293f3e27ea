"""What servers of one process share: a body that comes soon, and the answers that say little."""

import asyncio
from collections.abc import Collection

from fastapi import Request, Response

from diptych.errors import FormatError
from diptych.web.errors import NO_STORE
from diptych.web.requests import read_body

BODY_SECONDS = 10.0


async def body_in_time(request: Request, *, max_bytes: int, media_types: Collection[str]) -> bytes:
    """The body, if all of it comes soon."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await read_body(request, max_bytes=max_bytes, media_types=media_types)
    except TimeoutError as error:
        raise FormatError("http.body_time", f"a body is sent within {BODY_SECONDS:.0f} seconds") from error


def done() -> Response:
    """It is done, and there is nothing to say."""
    return Response(status_code=204, headers=NO_STORE)


def absent() -> Response:
    """There is nothing here of that name."""
    return Response(status_code=404, headers=NO_STORE)
