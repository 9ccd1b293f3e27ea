"""The one map from errors to HTTP: status, body and headers. No other module names an error's status.

The body is OAuth's (RFC 6749 5.2) everywhere: `error`, the standard's code where it has one and else the stable name
of the check, and `error_description`. Personal data never enters an error, so none leaves here.
"""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diptych.adapters.journal import Journal
from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.protocols.oauth.dpop import ALGORITHMS, SCHEME
from diptych.protocols.oauth.errors import (
    INVALID_DPOP_PROOF,
    NOT_AUTHORIZED,
    USE_DPOP_NONCE,
    ErrorResponse,
    printable,
)
from diptych.web.observed import Observed, note_check, request_at_hand

BODY_TOO_LARGE = "http.body_size"
WRONG_MEDIA_TYPE = "http.media_type"

# The first line that fits decides: what went wrong on the wire, then the standard's code, then the family.
STATUS_BY_CHECK = {
    BODY_TOO_LARGE: 413,
    WRONG_MEDIA_TYPE: 415,
    "presentation.unknown": 404,
    "status.no_list": 404,
    "epoch.no_file": 404,
    "status.historical": 501,  # status list draft, clause 8.4
}
STATUS_BY_CODE = {
    NOT_AUTHORIZED: 401,  # RFC 6750 3.1
}
# RFC 9449 5 answers 400 at the token endpoint; 7.1 answers 401 where a token is presented.
STATUS_BY_CODE_WITH_TOKEN = {
    INVALID_DPOP_PROOF: 401,
    USE_DPOP_NONCE: 401,
}
# Any other code of RFC 6749 5.2 or OpenID4VCI 1.0 8.3.1.2 is a 400, as both say.
STATUS_OF_OTHER_CODES = 400
STATUS_BY_FAMILY: dict[type[DiptychError], int] = {
    FormatError: 400,
    VerificationError: 400,
    Refused: 403,
    Conflict: 409,
    Unavailable: 503,
}
RETRY_AFTER_SECONDS = 5
NO_STORE = {"Cache-Control": "no-store"}


def status_of(error: DiptychError, *, presents_token: bool = False) -> int:
    """The HTTP status of an error; `presents_token` where the request was to a protected resource."""
    if error.check in STATUS_BY_CHECK:
        return STATUS_BY_CHECK[error.check]
    if isinstance(error, Unavailable):
        return STATUS_BY_FAMILY[Unavailable]
    if error.code is not None:
        by_code = {**STATUS_BY_CODE, **(STATUS_BY_CODE_WITH_TOKEN if presents_token else {})}
        return by_code.get(error.code, STATUS_OF_OTHER_CODES)
    return next(status for family, status in STATUS_BY_FAMILY.items() if isinstance(error, family))


def render_error(error: DiptychError, *, presents_token: bool = False) -> Response:
    """The whole answer. Where a token was presented and not accepted, with the challenge of RFC 9449 7.1."""
    note_check(error.check)
    status = status_of(error, presents_token=presents_token)
    code = error.code or error.check
    headers = dict(NO_STORE)
    if status == 401:
        headers["WWW-Authenticate"] = (
            f'{SCHEME} error="{code}", error_description="{printable(error.message)}", algs="{" ".join(ALGORITHMS)}"'
        )
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    body = ErrorResponse(code, error.message).encode()
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def install(application: FastAPI, journal: Journal) -> None:
    """Let every error of the application leave through this map: ours, the framework's, and bugs; and be noted."""
    application.add_exception_handler(DiptychError, _on_diptych_error)
    application.add_exception_handler(HTTPException, _on_http_exception)
    application.add_middleware(LastDoor, journal=journal)
    application.add_middleware(Observed, journal=journal)


async def _on_diptych_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DiptychError)
    return render_error(error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """No such path (404) or method (405)."""
    assert isinstance(error, HTTPException)
    body = {"error": f"http.{error.status_code}", "error_description": printable(error.detail)}
    return JSONResponse(body, status_code=error.status_code, headers={**(error.headers or {}), **NO_STORE})


class LastDoor:
    """The outermost door: a bug is a 500 that says nothing, and one line for the operator: where, never with what."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def watch(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            return  # nobody is left to be told
        except Exception as error:
            self._journal.bug(error, request_at_hand())
            if not has_started:
                body = {"error": "server_error", "error_description": "something went wrong here; it was noted"}
                await JSONResponse(body, status_code=500, headers=NO_STORE)(scope, receive, send)
