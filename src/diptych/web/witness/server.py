"""The witness's endpoints (c2sp.org/tlog-witness): `add-checkpoint`, and the last checkpoint of each log for monitors.

Whoever asks is nobody's business. What is cosigned is left to `roles/witness`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

import diptych
from diptych.adapters.journal import Journal
from diptych.errors import FormatError
from diptych.protocols.witnessing.add_checkpoint import MAX_REQUEST_BYTES, PATH, TEXT_MEDIA_TYPE
from diptych.roles.witness.service import Witness
from diptych.web import errors
from diptych.web.admin import alive
from diptych.web.described import add_endpoint
from diptych.web.errors import NO_STORE
from diptych.web.requests import read_any_body
from diptych.web.witness import openapi

BODY_SECONDS = 10.0


def build_server(witness: Witness, *, clock: Callable[[], datetime], journal: Journal) -> FastAPI:
    """The application."""
    application = FastAPI(title="Diptych witness", version=diptych.__version__, docs_url=None, redoc_url=None)
    errors.install(application, journal)
    endpoints = _Endpoints(witness, clock)
    for path, method, handler, description in (
        (PATH, "POST", endpoints.add_checkpoint, openapi.ADD_CHECKPOINT),
        ("/{log}/checkpoint", "GET", endpoints.checkpoint, openapi.CHECKPOINT),
        ("/health", "GET", endpoints.health, openapi.HEALTH),
    ):
        add_endpoint(application, path, method, handler, description)
    return application


class _Endpoints:
    def __init__(self, witness: Witness, clock: Callable[[], datetime]) -> None:
        self._witness = witness
        self._clock = clock

    async def add_checkpoint(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await read_any_body(request, max_bytes=MAX_REQUEST_BYTES)
        except TimeoutError as error:
            raise FormatError("http.body_time", f"a body is sent within {BODY_SECONDS:.0f} seconds") from error
        answer = await run_in_threadpool(self._witness.add_checkpoint, body, now=self._clock())
        # As it is: a charset added to text/x.tlog.size would make it another type.
        headers = {**NO_STORE, "Content-Type": answer.media_type}
        return Response(answer.body, status_code=answer.status, headers=headers)

    async def checkpoint(self, log: str) -> Response:
        found = await run_in_threadpool(self._witness.checkpoint, f"/{log}/checkpoint")
        if found is None:
            return Response(status_code=404, headers=NO_STORE)
        return Response(found, headers={"Cache-Control": "no-cache", "Content-Type": TEXT_MEDIA_TYPE})

    async def health(self) -> Response:
        return alive()
