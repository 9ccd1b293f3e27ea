"""The log's endpoints: `POST /entries` for writers (docs/spec/recording.md), static files to read, a page for people.

Each handler reads, parses, calls one use-case and renders. Anyone may serve the files from anywhere else as well.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

import diptych
from diptych.adapters.journal import Journal
from diptych.errors import FormatError
from diptych.formats.tlog.label_tree import FOLDER, LATEST
from diptych.formats.tlog.tile import parse_path
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.oauth.form import parse_form
from diptych.protocols.recording import receipts, submission
from diptych.protocols.recording.submission import Writer
from diptych.roles.log.ports import TileStore
from diptych.roles.log.service import CHECKPOINT
from diptych.web import errors
from diptych.web.admin import alive
from diptych.web.described import add_endpoint
from diptych.web.errors import NO_STORE
from diptych.web.log import openapi
from diptych.web.log.days import Days
from diptych.web.log.page import HEADERS, STYLE, LogPage, Outcome
from diptych.web.log.pool import Pool
from diptych.web.log.words import language_of
from diptych.web.requests import read_body

# tlog-tiles, "Parameters" and "Checkpoints": what does not change is cached for ever, the checkpoint is not.
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
NO_CACHE = {"Cache-Control": "no-cache"}
BODY_SECONDS = 10.0
MAX_FORM_BYTES = 64 * 1024
STYLE_HEADERS = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}

# docs/spec/labels.md: the last head, kept heads, all labels of a tree, one shard of it.
_LABELS = re.compile(r"latest|heads/(?:0|[1-9][0-9]{0,18})|(?:0|[1-9][0-9]{0,18})/(?:all|(?:x[0-9]{3}/){0,3}[0-9]{3})")


def build_server(
    pool: Pool,
    *,
    origin: str,
    writers: Mapping[bytes, Writer],
    files: TileStore,
    clock: Callable[[], datetime],
    journal: Journal,
    days: Days | None = None,
    page: LogPage | None = None,
) -> FastAPI:
    """The application, which runs the pool while it is served, closes the log's days, and shows its page."""

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(one.run()) for one in (pool, days) if one is not None]
        try:
            yield
        finally:
            for task in reversed(running):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    application = FastAPI(
        title="Diptych log", version=diptych.__version__, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    errors.install(application, journal)
    endpoints = _Endpoints(pool, origin, writers, files, clock)
    for path, method, handler, description in (
        (submission.PATH, "POST", endpoints.entries, openapi.ENTRIES),
        (f"/{CHECKPOINT}", "GET", endpoints.checkpoint, openapi.CHECKPOINT),
        ("/tile/{path:path}", "GET", endpoints.tile, openapi.TILE),
        ("/labels/{path:path}", "GET", endpoints.labels, openapi.LABELS),
        ("/health", "GET", endpoints.health, openapi.HEALTH),
        ("/ready", "GET", endpoints.ready, openapi.READY),
    ):
        add_endpoint(application, path, method, handler, description)
    if page is not None:
        _add_page(application, page)
    return application


def _add_page(application: FastAPI, shown: LogPage) -> None:
    def answered(request: Request, outcome: Outcome | None = None) -> Response:
        language = language_of(request.query_params.get("lang"), request.headers.get("accept-language", ""))
        headers = {**HEADERS, "Content-Language": language, "Vary": "Accept-Language"}
        return HTMLResponse(shown.render(language, outcome), headers=headers)

    async def page(request: Request) -> Response:
        return await run_in_threadpool(answered, request)

    async def search(request: Request) -> Response:
        body = await _body(request, max_bytes=MAX_FORM_BYTES, media_type=FORM)
        form = parse_form(body)
        if "receipt" not in form:
            raise FormatError("log.search", "a form with a receipt is expected")
        outcome = await run_in_threadpool(shown.look_up, form["receipt"])
        return await run_in_threadpool(answered, request, outcome)

    async def style() -> Response:
        return Response(shown.style(), media_type="text/css; charset=utf-8", headers=STYLE_HEADERS)

    add_endpoint(application, "/", "GET", page, openapi.PAGE)
    add_endpoint(application, "/search", "POST", search, openapi.SEARCH)
    add_endpoint(application, f"/{STYLE}", "GET", style, openapi.STYLE)


class _Endpoints:
    def __init__(
        self,
        pool: Pool,
        origin: str,
        writers: Mapping[bytes, Writer],
        files: TileStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._origin = origin
        self._writers = writers
        self._files = files
        self._clock = clock

    async def entries(self, request: Request) -> Response:
        body = await _body(request, max_bytes=submission.MAX_BYTES, media_type=submission.MEDIA_TYPE)
        verified = submission.verify_submission(
            submission.parse_submission(body),
            writers=self._writers,
            expected_origin=self._origin,
            now=self._clock(),
        )
        answer = receipts.receipts_of(await self._pool.submit(verified.encoded))
        return Response(answer.encode(), media_type=receipts.MEDIA_TYPE, headers=NO_STORE)

    async def checkpoint(self) -> Response:
        return await self._file(CHECKPOINT, "text/plain; charset=utf-8", NO_CACHE)

    async def tile(self, path: str) -> Response:
        try:
            name = parse_path(f"tile/{path}").path
        except FormatError:
            return _absent()
        return await self._file(name, "application/octet-stream", IMMUTABLE)

    async def labels(self, path: str) -> Response:
        if _LABELS.fullmatch(path) is None:
            return _absent()
        caching = NO_CACHE if f"{FOLDER}/{path}" == LATEST else IMMUTABLE
        return await self._file(f"{FOLDER}/{path}", "application/octet-stream", caching)

    async def health(self) -> Response:
        return alive()

    async def ready(self) -> Response:
        self._pool.check_ready()
        return alive()

    async def _file(self, path: str, media_type: str, headers: Mapping[str, str]) -> Response:
        data = await run_in_threadpool(self._files.read, path)
        return _absent() if data is None else Response(data, media_type=media_type, headers=dict(headers))


async def _body(request: Request, *, max_bytes: int, media_type: str) -> bytes:
    """The body, if all of it comes soon."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await read_body(request, max_bytes=max_bytes, media_types=[media_type])
    except TimeoutError as error:
        raise FormatError("http.body_time", f"a body is sent within {BODY_SECONDS:.0f} seconds") from error


def _absent() -> Response:
    return Response(status_code=404, headers=NO_STORE)
