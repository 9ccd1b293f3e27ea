"""Reading a request's body: never more of it than allowed, and only of the media types that the endpoint knows."""

from collections.abc import AsyncIterator, Collection

from fastapi import Request

from diptych.errors import FormatError
from diptych.web.errors import BODY_TOO_LARGE, WRONG_MEDIA_TYPE


def media_type(request: Request) -> str:
    """The media type of the body in lower case, without parameters; empty if none is given."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_media_type(request: Request, media_types: Collection[str]) -> None:
    """Raises `FormatError` (415) unless the body is of one of these."""
    if media_type(request) not in media_types:
        raise FormatError(WRONG_MEDIA_TYPE, f"send this as {' or '.join(sorted(media_types))}")


async def read_body(request: Request, *, max_bytes: int, media_types: Collection[str]) -> bytes:
    """The body; `FormatError` for another media type (415), and as soon as it is seen to be too long (413)."""
    check_media_type(request, media_types)
    return await read_any_body(request, max_bytes=max_bytes)


async def read_any_body(request: Request, *, max_bytes: int) -> bytes:
    """The body, whatever its media type."""
    return b"".join([chunk async for chunk in body_chunks(request, max_bytes=max_bytes)])


async def body_chunks(request: Request, *, max_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes, cut off where it is seen to be too long."""
    too_large = FormatError(BODY_TOO_LARGE, f"a request here has a body of at most {max_bytes} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > max_bytes:
        raise too_large
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise too_large
        yield chunk
