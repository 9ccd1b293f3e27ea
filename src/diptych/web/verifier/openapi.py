"""What the verifier's OpenAPI description says of each endpoint: bodies, headers, answers. Data only."""

from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.openid4vp.request_object import MEDIA_TYPE as REQUEST_OBJECT
from diptych.web.described import Description, Responses, Schema

ND_JSON = "application/x-ndjson"
MAX_WAIT_SECONDS = 60
MAX_STREAM_SECONDS = 600


_TEXT: Schema = {"type": "string"}


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties}


def _answer(description: str, media_type: str, schema: Schema) -> Schema:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _errors(*statuses: int) -> Responses:
    named = {
        400: "Malformed, or well formed and untrue; `error` names the check",
        403: "True, and not allowed",
        404: "There is no such presentation, or not for this secret",
        409: "The right message at the wrong moment",
        413: "The body is too long",
        415: "Another media type is expected",
        503: "Nothing is wrong with the request: try again later",
    }
    schema = _object(["error"], error=_TEXT, error_description=_TEXT)
    return {status: _answer(named[status], "application/json", schema) for status in (*statuses, 503)}


def _header(name: str, description: str, *, required: bool) -> Schema:
    return {"name": name, "in": "header", "required": required, "description": description, "schema": _TEXT}


_RESULT = _object(
    ["id", "state", "policy", "verdict"],
    id=_TEXT,
    state={"type": "string", "enum": ["asked", "fetched", "answered", "accepted", "refused", "expired"]},
    policy=_TEXT,
    verdict={"type": ["string", "null"], "enum": ["accepted", "refused", None]},
    check={"type": ["string", "null"], "description": "The check that failed"},
    time={"type": ["string", "null"], "format": "date-time"},
    mechanism={"type": ["string", "null"], "enum": ["longfellow", "mdoc", None]},
    verify_ms={"type": ["integer", "null"], "description": "What checking took; not kept"},
    bytes={"type": ["integer", "null"], "description": "How long the presentation was; not kept"},
    revealed={"type": "object", "description": "What the policy asked to see: given once, stored nowhere"},
)
_ASKED = _object(
    ["id", "secret", "link", "qr", "policy", "expires_at"],
    id=_TEXT,
    secret=_TEXT,
    link=_TEXT,
    qr=_TEXT,
    policy=_TEXT,
    expires_at={"type": "string", "format": "date-time"},
)

POLICIES = Description(
    "The questions that can be asked",
    {
        200: _answer(
            "The policies",
            "application/json",
            _object(["policies"], policies={"type": "array", "items": _object(["id", "name", "purpose"])}),
        ),
        **_errors(),
    },
)


def _link(path: str, method: str, **parameters: str) -> Schema:
    return {"operationRef": f"#/paths/{path.replace('/', '~1')}/{method}", "parameters": parameters}


_ASKED_ID = {"presentation_id": "$response.body#/id"}
ASK = Description(
    "Ask one question",
    {
        201: {
            "description": "The link to show; with `wait_seconds` also, in a second line, the verdict",
            "links": {
                "verdict": _link(
                    "/presentations/{presentation_id}",
                    "get",
                    Authorization="Bearer {$response.body#/secret}",
                    **_ASKED_ID,
                ),
                "picture": _link("/presentations/{presentation_id}/qr.svg", "get", **_ASKED_ID),
                "request": _link("/requests/{presentation_id}", "post", **_ASKED_ID),
                "answer": _link("/responses/{presentation_id}", "post", **_ASKED_ID),
            },
            "content": {"application/json": {"schema": _ASKED}, ND_JSON: {"schema": _TEXT}},
        },
        **_errors(400, 403, 413, 415),
    },
    status=201,
    request={
        "parameters": [_header("Authorization", "`Bearer` and the relying party's key", required=True)],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _object(
                        ["policy"],
                        policy=_TEXT,
                        return_uri={"type": "string", "description": "Same device: where the browser comes back to"},
                        wait_seconds={"type": "integer", "minimum": 1, "maximum": MAX_STREAM_SECONDS},
                    )
                }
            },
        },
    },
)
RESULT = Description(
    "How a presentation stands, and its verdict",
    {200: _answer("The state", "application/json", _RESULT), **_errors(400, 403, 404)},
    request={
        "parameters": [
            _header("Authorization", "`Bearer` and the presentation's secret", required=True),
            _header("Response-Code", "Same device: the code with which the browser came back", required=False),
            {
                "name": "wait",
                "in": "query",
                "required": False,
                "description": "Seconds to wait for a verdict",
                "schema": {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS},
            },
        ]
    },
)
QR = Description(
    "The link as a QR code",
    {200: _answer("The picture", "image/svg+xml", _TEXT), **_errors(404)},
)
REQUEST = Description(
    "The signed request, once (OpenID4VP 1.0, 5.10)",
    {200: _answer("The request object", REQUEST_OBJECT, _TEXT), **_errors(400, 404, 409, 413, 415)},
    request={
        "requestBody": {"content": {FORM: {"schema": _object([], wallet_nonce=_TEXT, wallet_metadata=_TEXT)}}},
    },
)
RESPONSE = Description(
    "A wallet's answer (OpenID4VP 1.0, 8.2 and 8.3)",
    {
        200: _answer("Taken", "application/json", _object([], redirect_uri=_TEXT)),
        **_errors(400, 403, 404, 409, 413, 415),
    },
    request={
        "requestBody": {
            "required": True,
            "content": {FORM: {"schema": _object([], response=_TEXT, error=_TEXT, state=_TEXT)}},
        }
    },
)
HEALTH = Description(
    "Whether the verifier is alive",
    {200: _answer("It is", "application/json", _object(["status"], status={"const": "ok"})), **_errors()},
)
READY = Description(
    "Whether the verifier can work: its database answers, proofs can be checked",
    {200: _answer("It can", "application/json", _object(["status"], status={"const": "ok"})), **_errors()},
)
