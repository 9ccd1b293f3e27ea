"""The registry's endpoints (docs/spec/registry-api.md): each reads a body, calls one use-case and answers.

Whoever asks is nobody's business: every message is authenticated by itself. A body is let go of with its answer.
"""

import re
from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

import diptych
from diptych.adapters.journal import Journal
from diptych.crypto.entropy import Entropy
from diptych.protocols.enrolling.enrolment import ENROLMENT
from diptych.protocols.witnessing.add_checkpoint import TEXT_MEDIA_TYPE
from diptych.roles.registry import erasing
from diptych.roles.registry.service import Registry
from diptych.web import errors
from diptych.web.admin import alive
from diptych.web.bodies import absent, body_in_time, done
from diptych.web.described import add_endpoint
from diptych.web.errors import NO_STORE
from diptych.web.registry import openapi
from diptych.web.registry.openapi import MAX_BODY_BYTES, MEDIA_TYPE

_LABEL = re.compile(r"[0-9a-f]{64}")


def build_server(
    registry: Registry,
    *,
    clock: Callable[[], datetime],
    entropy: Entropy,
    journal: Journal,
    on_change: Callable[[], None],
) -> FastAPI:
    """The application. `on_change` is called when there may be something to show to holders; it does not wait."""
    application = FastAPI(title="Diptych registry", version=diptych.__version__, docs_url=None, redoc_url=None)
    errors.install(application, journal)
    endpoints = _Endpoints(registry, clock, entropy, on_change)
    for path, method, handler, description in (
        ("/tags", "POST", endpoints.tags, openapi.TAGS),
        ("/enrolments", "POST", endpoints.enrolments, openapi.ENROLMENTS),
        ("/records", "POST", endpoints.records, openapi.RECORDS),
        ("/requests", "POST", endpoints.requests, openapi.REQUESTS),
        ("/outcomes", "POST", endpoints.outcomes, openapi.OUTCOMES),
        ("/erasures", "POST", endpoints.erasures, openapi.ERASURES),
        ("/erasure-orders", "POST", endpoints.erasure_orders, openapi.ERASURE_ORDERS),
        ("/trustee-set", "GET", endpoints.trustee_set, openapi.TRUSTEE_SET),
        ("/acts/{label}", "GET", endpoints.act, openapi.ACT),
        ("/checkpoint", "GET", endpoints.kept_checkpoint, openapi.CHECKPOINT),
        ("/openings", "POST", endpoints.openings, openapi.OPENINGS),
        ("/officers", "POST", endpoints.officers, openapi.OFFICERS),
        ("/revocations", "POST", endpoints.revocations, openapi.REVOCATIONS),
        ("/attestations", "POST", endpoints.attestations, openapi.ATTESTATIONS),
        ("/disclosures", "POST", endpoints.disclosures, openapi.DISCLOSURES),
        ("/health", "GET", endpoints.health, openapi.HEALTH),
        ("/ready", "GET", endpoints.ready, openapi.READY),
    ):
        add_endpoint(application, path, method, handler, description)
    return application


class _Endpoints:
    def __init__(
        self, registry: Registry, clock: Callable[[], datetime], entropy: Entropy, on_change: Callable[[], None]
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._entropy = entropy
        self._on_change = on_change

    async def tags(self, request: Request) -> Response:
        return await self._answer(self._registry.look_up, await _body(request))

    async def enrolments(self, request: Request) -> Response:
        answer = await self._answer(self._registry.enrol, await _body(request, max_bytes=ENROLMENT.max_bytes))
        self._on_change()
        return answer

    async def records(self, request: Request) -> Response:
        found = await run_in_threadpool(self._registry.fetch, await _body(request), now=self._clock())
        return Response(found, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def requests(self, request: Request) -> Response:
        return await self._answer(self._registry.publish, await _body(request))

    async def outcomes(self, request: Request) -> Response:
        body = await _body(request)
        await run_in_threadpool(self._registry.report, body, now=self._clock(), entropy=self._entropy)
        return done()

    async def erasures(self, request: Request) -> Response:
        body = await _body(request)
        await run_in_threadpool(erasing.erase, self._registry, body, now=self._clock(), entropy=self._entropy)
        return done()

    async def erasure_orders(self, request: Request) -> Response:
        body = await _body(request)
        found = await run_in_threadpool(erasing.erasure_order, self._registry, body, now=self._clock())
        return Response(found, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def trustee_set(self) -> Response:
        found = await run_in_threadpool(self._registry.trustee_set)
        return Response(found, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def act(self, label: str) -> Response:
        found = None
        if _LABEL.fullmatch(label):
            found = await run_in_threadpool(self._registry.sealed_act, bytes.fromhex(label))
        return absent() if found is None else Response(found, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def kept_checkpoint(self) -> Response:
        kept = await run_in_threadpool(self._registry.kept_checkpoint)
        if kept is None:
            return absent()
        return Response(kept.signed.encode(), headers={**NO_STORE, "Content-Type": TEXT_MEDIA_TYPE})

    async def openings(self, request: Request) -> Response:
        answer = await run_in_threadpool(self._registry.answer_opening, await _body(request))
        return Response(answer, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def officers(self, request: Request) -> Response:
        await run_in_threadpool(self._registry.take_officer, await _body(request))
        return done()

    async def revocations(self, request: Request) -> Response:
        await run_in_threadpool(self._registry.take_revocation, await _body(request), now=self._clock())
        return done()

    async def attestations(self, request: Request) -> Response:
        await run_in_threadpool(self._registry.take_attestation, await _body(request))
        self._on_change()
        return done()

    async def disclosures(self, request: Request) -> Response:
        await run_in_threadpool(self._registry.take_disclosure, await _body(request))
        return done()

    async def health(self) -> Response:
        return alive()

    async def ready(self) -> Response:
        await run_in_threadpool(self._registry.check)
        return alive()

    async def _answer(self, use_case: Callable[..., bytes], body: bytes) -> Response:
        answer = await run_in_threadpool(use_case, body, now=self._clock(), entropy=self._entropy)
        return Response(answer, media_type=MEDIA_TYPE, headers=NO_STORE)


async def _body(request: Request, *, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    return await body_in_time(request, max_bytes=max_bytes, media_types=[MEDIA_TYPE])
