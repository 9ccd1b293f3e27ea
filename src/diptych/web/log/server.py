"""The log's endpoints: `POST /entries` for writers (docs/spec/recording.md), the static files of c2sp.org/tlog-tiles.

Each handler reads, parses, calls one use-case and renders. Anyone may serve the files from anywhere else as well.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

import diptych
from diptych.adapters.journal import Journal
from diptych.errors import FormatError
from diptych.formats.tlog.label_tree import FOLDER, LATEST
from diptych.formats.tlog.tile import parse_path
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
from diptych.web.log.pool import Pool
from diptych.web.requests import read_body

# tlog-tiles, "Parameters" and "Checkpoints": what does not change is cached for ever, the checkpoint is not.
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
NO_CACHE = {"Cache-Control": "no-cache"}
BODY_SECONDS = 10.0

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
) -> FastAPI:
    """The application, which runs the pool while it is served, and closes the log's days."""

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
    return application


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
        body = await _body(request)
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


async def _body(request: Request) -> bytes:
    """The body, if all of it comes soon."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await read_body(request, max_bytes=submission.MAX_BYTES, media_types=[submission.MEDIA_TYPE])
    except TimeoutError as error:
        raise FormatError("http.body_time", f"a body is sent within {BODY_SECONDS:.0f} seconds") from error


def _absent() -> Response:
    return Response(status_code=404, headers=NO_STORE)
