"""The issuer's endpoints: OpenID4VCI 1.0, the OAuth token endpoint, and orders from officers (docs/spec/issuer-api.md).

Each handler reads, parses, calls one use-case and renders. The issuer is opened at the first use within a process,
because the process that listens must not have it.
"""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, Request, Response

import diptych
from diptych.adapters.journal import Journal, Role
from diptych.crypto.entropy import Entropy
from diptych.errors import DiptychError, FormatError, Unavailable, VerificationError
from diptych.formats.bbs_credential.epoch import LIST_PATH
from diptych.formats.mdoc.trust import STATUS_LISTS
from diptych.formats.order import signed, standing
from diptych.formats.tlog.label import ELEMENT_BYTES
from diptych.private import Secret
from diptych.protocols.oauth import dpop, form
from diptych.protocols.oauth import metadata as oauth_metadata
from diptych.protocols.oauth.errors import INVALID_DPOP_PROOF, NOT_AUTHORIZED
from diptych.protocols.oauth.token import MAX_TOKEN_CHARACTERS
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.openid4vci import credential, metadata, token
from diptych.roles.issuer.service import CREDENTIALS_PATH, NONCES_PATH, ORDERS_PATH, TOKENS_PATH, Issuer
from diptych.roles.issuer.standings import STANDINGS_PATH, TOLD_PATH
from diptych.roles.issuer.status_lists import LISTS_PATH
from diptych.web import errors
from diptych.web.admin import alive
from diptych.web.bodies import absent
from diptych.web.described import add_endpoint
from diptych.web.errors import NO_STORE, render_error
from diptych.web.issuer import openapi
from diptych.web.issuer.epochs import add_epochs
from diptych.web.issuer.status_lists import add_status_lists
from diptych.web.requests import media_type, read_any_body, read_body

JSON, BYTES = "application/json", "application/octet-stream"
MAX_NONCE_REQUEST_BYTES = 1024


def build_server(
    url: str,
    open_issuer: Callable[[], Issuer],
    *,
    clock: Callable[[], datetime],
    entropy: Entropy,
    journal: Journal | None = None,
    read_file: Callable[[str], bytes | None] = lambda path: None,
) -> FastAPI:
    """The application for the issuer at `url`. `open_issuer` is called at each use: once a process, where one serves
    one request. `read_file` has the static files of epochs by their path."""
    application = FastAPI(
        title="Diptych issuer", version=diptych.__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json"
    )
    errors.install(application, journal or Journal(Role.ISSUER))
    endpoints = _Endpoints(open_issuer, clock, entropy)
    location = parse_url(url)
    for path, method, handler, description in (
        (location.well_known(metadata.WELL_KNOWN), "GET", endpoints.metadata, openapi.METADATA),
        (location.well_known(oauth_metadata.WELL_KNOWN), "GET", endpoints.server_metadata, openapi.SERVER_METADATA),
        (url + TOKENS_PATH, "POST", endpoints.token, openapi.TOKEN),
        (url + NONCES_PATH, "POST", endpoints.nonce, openapi.NONCE),
        (url + CREDENTIALS_PATH, "POST", endpoints.credential, openapi.CREDENTIAL),
        (url + ORDERS_PATH, "POST", endpoints.orders, openapi.ORDERS),
        (url + STANDINGS_PATH, "POST", endpoints.standings, openapi.STANDINGS),
        (url + TOLD_PATH, "POST", endpoints.told, openapi.TOLD),
        (url + "/health", "GET", endpoints.health, openapi.HEALTH),
        (url + "/ready", "GET", endpoints.ready, openapi.READY),
    ):
        add_endpoint(application, parse_url(path).path, method, handler, description)
    add_status_lists(application, parse_url(url + LISTS_PATH).path, endpoints.issuer)
    add_epochs(application, parse_url(url + LIST_PATH).path, read_file)
    return application


def check_ready(open_issuer: Callable[[], Issuer]) -> None:
    """Raises `Unavailable` unless the database answers and every document type's key can be reached."""
    try:
        issuer = open_issuer()
        issuer.check()
        for document_type in issuer.catalogue.types.values():
            issuer.signers.signer_for(document_type.doc_type)
        issuer.signers.signer_for(STATUS_LISTS)
    except DiptychError as error:
        raise _not_ours_to_tell(error) from error


def _not_ours_to_tell(error: DiptychError) -> Unavailable:
    """Whatever is wrong with our own folder, it is not the client's fault."""
    return Unavailable(error.check, "the issuer cannot work now; its operator has to look")


class _Endpoints:
    def __init__(self, open_issuer: Callable[[], Issuer], clock: Callable[[], datetime], entropy: Entropy) -> None:
        self._open_issuer = open_issuer
        self._clock = clock
        self._entropy = entropy

    def issuer(self) -> Issuer:
        try:
            return self._open_issuer()
        except DiptychError as error:
            raise _not_ours_to_tell(error) from error

    async def metadata(self) -> Response:
        return Response(self.issuer().metadata().encode(), media_type=JSON)

    async def server_metadata(self) -> Response:
        return Response(self.issuer().authorization_server_metadata().encode(), media_type=JSON)

    async def token(self, request: Request) -> Response:
        issuer, now = self.issuer(), self._clock()
        try:
            body = await read_body(request, max_bytes=token.MAX_REQUEST_BYTES, media_types=[form.MEDIA_TYPE])
            tokens = issuer.issue_tokens(
                token.parse_token_request(body), dpop=_dpop(request), now=now, entropy=self._entropy
            )
            response = Response(tokens.encode(), media_type=JSON, headers=NO_STORE)
        except DiptychError as error:
            response = render_error(error)
        return self._with_dpop_nonce(response, issuer, now)

    async def nonce(self, request: Request) -> Response:
        issuer, now = self.issuer(), self._clock()
        await read_any_body(request, max_bytes=MAX_NONCE_REQUEST_BYTES)
        nonce = issuer.c_nonce(now=now, entropy=self._entropy)
        # OpenID4VCI 1.0, 7.2: and a nonce for the DPoP proof that comes next.
        return self._with_dpop_nonce(Response(nonce.encode(), media_type=JSON, headers=NO_STORE), issuer, now)

    async def credential(self, request: Request) -> Response:
        issuer, now = self.issuer(), self._clock()
        try:
            access_token, proof = _access_token(request), _dpop(request)
            is_encrypted = media_type(request) == credential.ENCRYPTED_MEDIA_TYPE
            body = await read_body(
                request,
                max_bytes=credential.MAX_REQUEST_BYTES * (2 if is_encrypted else 1),
                media_types=[credential.MEDIA_TYPE, credential.ENCRYPTED_MEDIA_TYPE],
            )
            asked = issuer.read_request(body, is_encrypted=is_encrypted, now=now)
            issued = issuer.issue_credentials(
                asked, access_token=access_token, dpop=proof, now=now, entropy=self._entropy
            )
            response = Response(issued.encode(), media_type=JSON, headers=NO_STORE)
            if asked.response_encryption is not None:
                response = Response(
                    credential.encrypt_response(issued, asked.response_encryption),
                    media_type=credential.ENCRYPTED_MEDIA_TYPE,
                    headers=NO_STORE,
                )
        except DiptychError as error:
            response = render_error(error, presents_token=True)
        return self._with_dpop_nonce(response, issuer, now)

    async def orders(self, request: Request) -> Response:
        body = await read_body(request, max_bytes=signed.MAX_BYTES, media_types=[signed.MEDIA_TYPE])
        receipt = self.issuer().accept_order(body, now=self._clock())
        return Response(receipt.encode(), status_code=201 if receipt.is_new else 200, media_type=JSON, headers=NO_STORE)

    async def standings(self, request: Request) -> Response:
        body = await read_body(request, max_bytes=standing.MAX_BYTES, media_types=[standing.MEDIA_TYPE])
        receipt = self.issuer().accept_standing(body, now=self._clock(), entropy=self._entropy)
        return Response(receipt.encode(), status_code=201 if receipt.is_new else 200, media_type=JSON, headers=NO_STORE)

    async def told(self, request: Request) -> Response:
        asking = await read_body(request, max_bytes=ELEMENT_BYTES, media_types=[BYTES])
        if len(asking) != ELEMENT_BYTES:
            raise FormatError("told.asking", f"what an act is asked for with has {ELEMENT_BYTES} bytes")
        sealed = self.issuer().tell(Secret(asking))
        return absent() if sealed is None else Response(sealed, media_type=BYTES, headers=NO_STORE)

    async def health(self) -> Response:
        return alive()

    async def ready(self) -> Response:
        check_ready(self._open_issuer)
        return alive()

    def _with_dpop_nonce(self, response: Response, issuer: Issuer, now: datetime) -> Response:
        """RFC 9449 8.2: every answer brings the nonce for the next proof, so that nobody has to ask twice."""
        response.headers[dpop.NONCE_HEADER] = issuer.dpop_nonce(now=now, entropy=self._entropy)
        return response


def _dpop(request: Request) -> str:
    proofs = request.headers.getlist(dpop.HEADER)
    if len(proofs) != 1:
        # RFC 9449 4.3, 1: there is not more than one DPoP header; here there is not less either.
        raise VerificationError("dpop.header", "send exactly one DPoP header", code=INVALID_DPOP_PROOF)
    return proofs[0]


def _access_token(request: Request) -> Secret:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != dpop.SCHEME.lower():
        # RFC 9449 7.2: a bound token that comes as a bearer token is refused.
        raise VerificationError("token.scheme", "send the access token as 'Authorization: DPoP'", code=NOT_AUTHORIZED)
    if not 0 < len(value) <= MAX_TOKEN_CHARACTERS or not value.isascii():
        raise FormatError("token.access", "the Authorization header has no access token", code=NOT_AUTHORIZED)
    return Secret(value.encode("ascii"))
