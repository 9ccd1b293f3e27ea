"""Reading a request's body: never more of it than allowed, and only of the media types that the endpoint knows."""

from collections.abc import Collection

from fastapi import Request

from diptych.errors import FormatError
from diptych.web.errors import BODY_TOO_LARGE, WRONG_MEDIA_TYPE


def media_type(request: Request) -> str:
    """The media type of the body in lower case, without parameters; empty if none is given."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, *, max_bytes: int, media_types: Collection[str]) -> bytes:
    """The body; `FormatError` for another media type (415), and as soon as it is seen to be too long (413)."""
    if media_type(request) not in media_types:
        raise FormatError(WRONG_MEDIA_TYPE, f"send this as {' or '.join(sorted(media_types))}")
    return await read_any_body(request, max_bytes=max_bytes)


async def read_any_body(request: Request, *, max_bytes: int) -> bytes:
    """The body, whatever its media type."""
    too_large = FormatError(BODY_TOO_LARGE, f"a request here has a body of at most {max_bytes} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)
