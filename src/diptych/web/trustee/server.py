"""The trustee's endpoints (docs/spec/trustee-api.md): each reads a body, calls one use-case and answers.

Whoever asks is nobody's business: every message is authenticated by itself. A body is let go of with its answer.
"""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

import diptych
from diptych.adapters.journal import Journal
from diptych.crypto.entropy import Entropy
from diptych.protocols.ceremony.channel import MAX_CHANNEL_BYTES
from diptych.protocols.replacing import recovery
from diptych.protocols.witnessing.add_checkpoint import TEXT_MEDIA_TYPE
from diptych.roles.trustee.service import MAX_BODY_BYTES, Trustee
from diptych.web import errors
from diptych.web.admin import JSON, alive
from diptych.web.bodies import absent, body_in_time, done
from diptych.web.described import add_endpoint
from diptych.web.errors import NO_STORE
from diptych.web.trustee import openapi
from diptych.web.trustee.openapi import MAX_SET_BYTES, MEDIA_TYPE


def build_server(trustee: Trustee, *, clock: Callable[[], datetime], entropy: Entropy, journal: Journal) -> FastAPI:
    """The application."""
    application = FastAPI(title="Diptych trustee", version=diptych.__version__, docs_url=None, redoc_url=None)
    errors.install(application, journal)
    endpoints = _Endpoints(trustee, clock, entropy)
    for path, method, handler, description in (
        ("/trustee", "GET", endpoints.trustee, openapi.TRUSTEE),
        ("/checkpoint", "GET", endpoints.kept_checkpoint, openapi.CHECKPOINT),
        ("/officers", "POST", endpoints.officers, openapi.OFFICERS),
        ("/revocations", "POST", endpoints.revocations, openapi.REVOCATIONS),
        ("/attestations", "POST", endpoints.attestations, openapi.ATTESTATIONS),
        ("/ceremonies", "POST", endpoints.ceremonies, openapi.CEREMONIES),
        ("/trustee-sets", "POST", endpoints.trustee_sets, openapi.TRUSTEE_SETS),
        ("/prekeys", "POST", endpoints.prekeys, openapi.PREKEYS),
        ("/deposits", "POST", endpoints.deposits, openapi.DEPOSITS),
        ("/confirmations", "POST", endpoints.confirmations, openapi.CONFIRMATIONS),
        ("/lookups", "POST", endpoints.lookups, openapi.LOOKUPS),
        ("/openings", "POST", endpoints.openings, openapi.OPENINGS),
        ("/disclosures", "POST", endpoints.disclosures, openapi.DISCLOSURES),
        ("/erasures", "POST", endpoints.erasures, openapi.ERASURES),
        ("/changes", "POST", endpoints.changes, openapi.CHANGES),
        ("/ended-changes", "POST", endpoints.ended_changes, openapi.ENDED_CHANGES),
        ("/recovery-pieces", "POST", endpoints.recovery_pieces, openapi.RECOVERY_PIECES),
        ("/recovery-sums", "POST", endpoints.recovery_sums, openapi.RECOVERY_SUMS),
        ("/recovery-shares", "POST", endpoints.recovery_shares, openapi.RECOVERY_SHARES),
        ("/health", "GET", endpoints.health, openapi.HEALTH),
        ("/ready", "GET", endpoints.ready, openapi.READY),
    ):
        add_endpoint(application, path, method, handler, description)
    return application


class _Endpoints:
    def __init__(self, trustee: Trustee, clock: Callable[[], datetime], entropy: Entropy) -> None:
        self._trustee = trustee
        self._clock = clock
        self._entropy = entropy

    async def trustee(self) -> Response:
        return Response(self._trustee.about(), media_type=JSON, headers=NO_STORE)

    async def kept_checkpoint(self) -> Response:
        kept = await run_in_threadpool(self._trustee.kept_checkpoint)
        if kept is None:
            return absent()
        return Response(kept.signed.encode(), headers={**NO_STORE, "Content-Type": TEXT_MEDIA_TYPE})

    async def officers(self, request: Request) -> Response:
        await run_in_threadpool(self._trustee.take_officer, await _body(request))
        return done()

    async def revocations(self, request: Request) -> Response:
        await run_in_threadpool(self._trustee.take_revocation, await _body(request), now=self._clock())
        return done()

    async def attestations(self, request: Request) -> Response:
        await run_in_threadpool(self._trustee.take_attestation, await _body(request))
        return done()

    async def ceremonies(self, request: Request) -> Response:
        body = await _body(request, max_bytes=MAX_CHANNEL_BYTES)
        said = await run_in_threadpool(self._trustee.take_part, body, now=self._clock(), entropy=self._entropy)
        return Response(said, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def trustee_sets(self, request: Request) -> Response:
        await run_in_threadpool(self._trustee.take_set, await _body(request, max_bytes=MAX_SET_BYTES))
        return done()

    async def prekeys(self, request: Request) -> Response:
        return await self._answer(self._trustee.offer_prekey, request)

    async def deposits(self, request: Request) -> Response:
        return await self._answer(self._trustee.take_deposit, request)

    async def confirmations(self, request: Request) -> Response:
        body = await _body(request)
        await run_in_threadpool(self._trustee.confirm, body, now=self._clock(), entropy=self._entropy)
        return done()

    async def lookups(self, request: Request) -> Response:
        answer = await run_in_threadpool(self._trustee.look_up, await _body(request), now=self._clock())
        return Response(answer, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def openings(self, request: Request) -> Response:
        return await self._answer(self._trustee.open, request)

    async def disclosures(self, request: Request) -> Response:
        body = await _body(request)
        await run_in_threadpool(self._trustee.disclose, body, now=self._clock(), entropy=self._entropy)
        return done()

    async def erasures(self, request: Request) -> Response:
        return await self._answer(self._trustee.erase, request)

    async def changes(self, request: Request) -> Response:
        body = await _body(request, max_bytes=MAX_SET_BYTES)
        answer = await run_in_threadpool(self._trustee.propose, body, now=self._clock())
        return Response(answer, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def ended_changes(self, request: Request) -> Response:
        await run_in_threadpool(self._trustee.end_change, await _body(request), now=self._clock())
        return done()

    async def recovery_pieces(self, request: Request) -> Response:
        return await self._recover(self._trustee.cut_pieces, request)

    async def recovery_sums(self, request: Request) -> Response:
        return await self._recover(self._trustee.add_up, request)

    async def recovery_shares(self, request: Request) -> Response:
        body = await _body(request, max_bytes=recovery.MAX_BYTES)
        taken = await run_in_threadpool(self._trustee.take_shares, body, now=self._clock(), entropy=self._entropy)
        return Response(taken, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def health(self) -> Response:
        return alive()

    async def ready(self) -> Response:
        await run_in_threadpool(self._trustee.check)
        return alive()

    async def _recover(self, use_case: Callable[..., bytes], request: Request) -> Response:
        body = await _body(request, max_bytes=recovery.MAX_BYTES)
        answer = await run_in_threadpool(use_case, body, now=self._clock())
        return Response(answer, media_type=MEDIA_TYPE, headers=NO_STORE)

    async def _answer(self, use_case: Callable[..., bytes], request: Request) -> Response:
        body = await _body(request)
        answer = await run_in_threadpool(use_case, body, now=self._clock(), entropy=self._entropy)
        return Response(answer, media_type=MEDIA_TYPE, headers=NO_STORE)


async def _body(request: Request, *, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    return await body_in_time(request, max_bytes=max_bytes, media_types=[MEDIA_TYPE])
