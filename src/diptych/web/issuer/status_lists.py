"""`GET {issuer}/status-lists/{number}`: the present version of a list, the same bytes for everybody (clause 8).

Anybody may keep a copy and serve it: the signature, the address in it and its `exp` say what it is worth.
"""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from diptych.errors import Refused, VerificationError
from diptych.formats.status_list.token import CWT_MEDIA_TYPE, JWT_MEDIA_TYPE
from diptych.roles.issuer.service import Issuer
from diptych.web.described import add_endpoint
from diptych.web.issuer import openapi

MAX_DIGITS = 9


def add_status_lists(application: FastAPI, path: str, open_issuer: Callable[[], Issuer]) -> None:
    """Serve the lists below `path`."""

    async def status_list(number: str, request: Request) -> Response:
        if request.query_params:
            # Clause 8.4: who asks how it was at another time must not be given how it is now.
            raise Refused("status.historical", "only the present version is served here: ask without a query")
        if not number.isdecimal() or not number.isascii() or len(number) > MAX_DIGITS:
            raise VerificationError("status.no_list", "there is no such status list here")
        issuer = open_issuer()
        media_type = _wanted(request)
        body = issuer.status_list(int(number), media_type=media_type)
        # Not longer than `ttl` (8.2 has clients look at that and at `exp`, whatever stands here).
        seconds = int(issuer.publication.every.total_seconds())
        headers = {
            "Cache-Control": f"public, max-age={seconds}",
            "Vary": "Accept",
            "Access-Control-Allow-Origin": "*",  # clause 8.1: for browsers
            "X-Content-Type-Options": "nosniff",
        }
        return Response(body, media_type=media_type, headers=headers)

    add_endpoint(application, path + "/{number}", "GET", status_list, openapi.STATUS_LIST)


def _wanted(request: Request) -> str:
    """The CWT, unless the JWT alone is asked for."""
    accepted = request.headers.get("accept", "*/*").lower()
    return JWT_MEDIA_TYPE if JWT_MEDIA_TYPE in accepted and CWT_MEDIA_TYPE not in accepted else CWT_MEDIA_TYPE
