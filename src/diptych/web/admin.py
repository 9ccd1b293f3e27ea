"""What the operator's tools ask of a role, on a listener of its own on this machine: counts, alive, ready.

Whether the role is ready is the caller's to know. Nothing here is for anyone else: volumes say how busy a desk is.
"""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from diptych.adapters.counters import MEDIA_TYPE, Counters
from diptych.adapters.journal import Journal
from diptych.web import errors
from diptych.web.errors import NO_STORE

JSON = "application/json"
ALIVE = b'{"status":"ok"}'


def build_admin(counters: Counters, check_ready: Callable[[], None], journal: Journal) -> FastAPI:
    """The application. `check_ready` raises `Unavailable` while the role cannot work."""
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    errors.install(application, journal)

    async def metrics(request: Request) -> Response:
        return Response(counters.render(), media_type=MEDIA_TYPE, headers=NO_STORE)

    async def health(request: Request) -> Response:
        return alive()

    async def ready(request: Request) -> Response:
        await run_in_threadpool(check_ready)
        return alive()

    for handler in (metrics, health, ready):
        application.add_route(f"/{handler.__name__}", handler)
    return application


def alive() -> Response:
    """The answer of /health, and of /ready when all is well."""
    return Response(ALIVE, media_type=JSON, headers=NO_STORE)
