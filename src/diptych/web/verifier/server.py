"""The verifier's endpoints: OpenID4VP 1.0 for wallets, and four small ones for relying parties (docs/verifier.md).

Each handler reads, parses, calls one use-case and renders. Checking a proof takes most of a second of a worker's time:
use-cases run in threads, so that nobody else waits for it.
"""

import asyncio
import hashlib
import hmac
import io
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import segno
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

import diptych
from diptych.adapters.journal import Journal, Role
from diptych.errors import FormatError, Refused
from diptych.formats import base64url, strict_json
from diptych.formats.strict_json import Json
from diptych.private import Secret
from diptych.protocols.oauth import form
from diptych.protocols.openid4vp import request_object, response
from diptych.roles.verifier import service
from diptych.roles.verifier.model import FINAL
from diptych.roles.verifier.service import Asked, Result, Verifier
from diptych.web import errors
from diptych.web.admin import alive
from diptych.web.described import add_endpoint
from diptych.web.errors import NO_STORE
from diptych.web.patience import BodyRoom
from diptych.web.requests import body_chunks, check_media_type, read_body
from diptych.web.verifier import openapi
from diptych.web.verifier.openapi import MAX_STREAM_SECONDS, MAX_WAIT_SECONDS, ND_JSON

JSON = "application/json"
MAX_ASK_BYTES = 8 * 1024
MAX_FETCH_BYTES = 64 * 1024
BODY_SECONDS = 30.0
POLL_SECONDS = 0.3
CHORE_SECONDS = 60.0
_ID = re.compile(r"[0-9a-f]{32}")


def build_server(
    verifier: Verifier,
    *,
    url: str,
    key_hash: bytes,
    clock: Callable[[], datetime],
    on_close: Callable[[], None],
    check_ready: Callable[[], None] | None = None,
    journal: Journal | None = None,
) -> FastAPI:
    """The application. `key_hash` is the SHA-256 of the relying party's key: only its holder asks in our name.

    `check_ready` raises `Unavailable` while the verifier cannot work; without it, the store alone decides.
    """
    written = journal or Journal(Role.VERIFIER)

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        chore = asyncio.create_task(_forget_from_time_to_time(verifier, clock, written))
        try:
            yield
        finally:
            chore.cancel()
            await run_in_threadpool(on_close)

    application = FastAPI(
        title="Diptych verifier",
        version=diptych.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=lifespan,
    )
    errors.install(application, written)
    endpoints = _Endpoints(verifier, url.rstrip("/"), key_hash, clock, check_ready or verifier.check)
    for path, method, handler, description in (
        ("/policies", "GET", endpoints.policies, openapi.POLICIES),
        ("/presentations", "POST", endpoints.ask, openapi.ASK),
        ("/presentations/{presentation_id}", "GET", endpoints.result, openapi.RESULT),
        ("/presentations/{presentation_id}/qr.svg", "GET", endpoints.qr, openapi.QR),
        ("/requests/{presentation_id}", "POST", endpoints.request_object, openapi.REQUEST),
        ("/responses/{presentation_id}", "POST", endpoints.response, openapi.RESPONSE),
        ("/health", "GET", endpoints.health, openapi.HEALTH),
        ("/ready", "GET", endpoints.ready, openapi.READY),
    ):
        add_endpoint(application, path, method, handler, description)
    return application


@dataclass(frozen=True)
class _Question:
    """What a relying party sent."""

    policy: str
    return_uri: str | None
    wait_seconds: int | None


class _Endpoints:
    def __init__(
        self,
        verifier: Verifier,
        url: str,
        key_hash: bytes,
        clock: Callable[[], datetime],
        check_ready: Callable[[], None],
    ) -> None:
        self._verifier = verifier
        self._url = url
        self._key_hash = key_hash
        self._clock = clock
        self._check_ready = check_ready
        self._room = BodyRoom()

    async def policies(self) -> Response:
        found: list[Json] = [
            {
                "id": policy.id,
                "name": {"en": policy.name.en, "fr": policy.name.fr},
                "purpose": {"en": policy.purpose.en, "fr": policy.purpose.fr},
                "zk_required": policy.zk_required,
            }
            for policy in self._verifier.policies.values()
        ]
        return _json({"policies": found})

    async def ask(self, request: Request) -> Response:
        self._check_key(request)
        body = await _body(request, max_bytes=MAX_ASK_BYTES, media_type=JSON)
        question = _parse_question(body)
        asked = await run_in_threadpool(
            self._verifier.ask, question.policy, now=self._clock(), return_uri=question.return_uri
        )
        first = self._asked(asked, question.policy)
        if question.wait_seconds is None:
            return _json(first, status=201)
        stream = self._link_then_verdict(asked, first, question.wait_seconds)
        return StreamingResponse(stream, status_code=201, media_type=ND_JSON, headers=NO_STORE)

    async def result(self, presentation_id: str, request: Request) -> Response:
        secret, code = _bearer(request), _response_code(request)
        if not hmac.compare_digest(service.presentation_id(secret).encode(), presentation_id.encode()):
            raise Refused("presentation.unknown", "there is no such presentation for this secret")
        found = await self._wait(secret, code, _seconds(request))
        return _json(_result(presentation_id, found))

    async def qr(self, presentation_id: str) -> Response:
        _check_id(presentation_id)
        link = await run_in_threadpool(self._verifier.link, presentation_id)
        picture = io.BytesIO()
        segno.make(link, error="m").save(picture, kind="svg", scale=4, border=4, title="openid4vp")
        return Response(picture.getvalue(), media_type="image/svg+xml", headers=NO_STORE)

    async def request_object(self, presentation_id: str, request: Request) -> Response:
        _check_id(presentation_id)
        body = await _body(request, max_bytes=MAX_FETCH_BYTES, media_type=form.MEDIA_TYPE)
        compact = await run_in_threadpool(self._verifier.serve_request, presentation_id, body, now=self._clock())
        return Response(compact, media_type=request_object.MEDIA_TYPE, headers=NO_STORE)

    async def response(self, presentation_id: str, request: Request) -> Response:
        _check_id(presentation_id)
        check_media_type(request, [form.MEDIA_TYPE])
        chunks = body_chunks(request, max_bytes=response.MAX_BODY_BYTES)
        async with self._room.hold(chunks, seconds=BODY_SECONDS) as body:
            redirect_uri = await run_in_threadpool(self._verifier.take_answer, presentation_id, body, now=self._clock())
        return Response(response.encode_receipt(redirect_uri), media_type=JSON, headers=NO_STORE)

    async def health(self) -> Response:
        return alive()

    async def ready(self) -> Response:
        await run_in_threadpool(self._check_ready)
        return alive()

    async def _link_then_verdict(self, asked: Asked, first: dict[str, Json], seconds: int) -> AsyncIterator[bytes]:
        yield strict_json.encode(first) + b"\n"
        found = await self._wait(asked.secret, None, seconds)
        yield strict_json.encode(_result(asked.id, found)) + b"\n"

    async def _wait(self, secret: Secret, code: Secret | None, seconds: int) -> Result:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            found = await run_in_threadpool(self._verifier.result, secret, now=self._clock(), response_code=code)
            if found.state in FINAL or loop.time() >= deadline:
                return found
            await asyncio.sleep(min(POLL_SECONDS, max(0.0, deadline - loop.time())))

    def _asked(self, asked: Asked, policy: str) -> dict[str, Json]:
        return {
            "id": asked.id,
            "secret": base64url.encode(asked.secret.reveal()),
            "link": asked.link,
            "qr": f"{self._url}/presentations/{asked.id}/qr.svg",
            "policy": policy,
            "expires_at": _time(asked.expires_at),
        }

    def _check_key(self, request: Request) -> None:
        """Without this, a stranger could ask in the verifier's name and learn the answer of whom he lures."""
        if not hmac.compare_digest(hashlib.sha256(_bearer(request).reveal()).digest(), self._key_hash):
            raise Refused("relying_party.key", "send the relying party's key as 'Authorization: Bearer'")


async def _forget_from_time_to_time(verifier: Verifier, clock: Callable[[], datetime], journal: Journal) -> None:
    while True:
        try:
            await run_in_threadpool(verifier.forget_expired, clock())
            journal.chore()
        except Exception as error:  # the outermost door of this task: the next round tries again
            journal.chore(error)
        await asyncio.sleep(CHORE_SECONDS)


async def _body(request: Request, *, max_bytes: int, media_type: str) -> bytes:
    """The body, if all of it comes soon: megabytes that trickle in would each hold memory here."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await read_body(request, max_bytes=max_bytes, media_types=[media_type])
    except TimeoutError as error:
        raise FormatError("http.body_time", f"a body is sent within {BODY_SECONDS:.0f} seconds") from error


def _parse_question(body: bytes) -> _Question:
    members = strict_json.parse_object(body)
    return_uri, wait_seconds = members.get("return_uri"), members.get("wait_seconds")
    if return_uri is not None and not isinstance(return_uri, str):
        raise FormatError("json.return_uri", "'return_uri' is a URL")
    if wait_seconds is not None and (
        not isinstance(wait_seconds, int)
        or isinstance(wait_seconds, bool)
        or not 0 < wait_seconds <= MAX_STREAM_SECONDS
    ):
        raise FormatError("json.wait_seconds", f"'wait_seconds' is a whole number from 1 to {MAX_STREAM_SECONDS}")
    if return_uri is not None and wait_seconds is not None:
        # The verdict of a same-device presentation needs the code that the browser brings back.
        raise FormatError("json.wait_seconds", "a presentation with a 'return_uri' cannot be waited for here")
    return _Question(strict_json.text(members, "policy"), return_uri, wait_seconds)


def _bearer(request: Request) -> Secret:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise FormatError("http.authorization", "send an 'Authorization: Bearer' header")
    return Secret(base64url.decode(value))


def _response_code(request: Request) -> Secret | None:
    value = request.headers.get("response-code")
    return None if value is None else Secret(base64url.decode(value))


def _seconds(request: Request) -> int:
    text = request.query_params.get("wait", "0")
    with suppress(ValueError):
        if text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= MAX_WAIT_SECONDS:
            return int(text)
    raise FormatError("query.wait", f"'wait' is a whole number from 0 to {MAX_WAIT_SECONDS}")


def _check_id(presentation_id: str) -> None:
    if not _ID.fullmatch(presentation_id):
        raise Refused("presentation.unknown", "there is no such presentation", code="invalid_request")


def _result(presentation_id: str, found: Result) -> dict[str, Json]:
    verdict, measured = found.verdict, found.measured
    word = None if verdict is None else "accepted" if verdict.accepted else "refused"
    return {
        "id": presentation_id,
        "state": found.state.value,
        "policy": found.policy,
        "verdict": word,
        "check": None if verdict is None else verdict.check,
        "time": None if verdict is None else _time(verdict.time),
        "mechanism": None if measured is None else measured.mechanism.value,
        "verify_ms": None if measured is None else measured.verify_ms,
        "bytes": None if measured is None else measured.size,
        "revealed": {name: value.reveal() for name, value in found.revealed.items()},
    }


def _json(value: dict[str, Json], *, status: int = 200) -> Response:
    return Response(strict_json.encode(value), status_code=status, media_type=JSON, headers=NO_STORE)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
