"""`GET {issuer}/epochs`, and below it the buckets: static files, the same for everybody (docs/spec/bbs-credential.md).

Anybody may keep a copy and serve it: an epoch is signed, and a token is verified by whose it is.
"""

from collections.abc import Callable

from fastapi import FastAPI, Response

from diptych.errors import VerificationError
from diptych.formats.bbs_credential.epoch import LIST_PATH
from diptych.web.described import add_endpoint
from diptych.web.issuer import openapi

A_MINUTE = {"Cache-Control": "public, max-age=60", "X-Content-Type-Options": "nosniff"}
FOR_GOOD = {"Cache-Control": "public, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}


def add_epochs(application: FastAPI, path: str, read_file: Callable[[str], bytes | None]) -> None:
    """Serve what `read_file` has, at `path` and below."""

    async def epochs() -> Response:
        return Response(_found(read_file(LIST_PATH)), media_type="application/json", headers=A_MINUTE)

    async def bucket(epoch: str, number: str) -> Response:
        data = _found(read_file(f"{LIST_PATH}/{epoch}/{number}"))
        return Response(data, media_type="application/octet-stream", headers=FOR_GOOD)

    add_endpoint(application, path, "GET", epochs, openapi.EPOCHS)
    add_endpoint(application, path + "/{epoch}/{number}", "GET", bucket, openapi.BUCKET)


def _found(data: bytes | None) -> bytes:
    if data is None:
        raise VerificationError("epoch.no_file", "there is no such epoch or bucket here")
    return data
