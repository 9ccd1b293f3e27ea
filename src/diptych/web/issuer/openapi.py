"""What the issuer's OpenAPI description says of each endpoint: bodies, headers, answers. Data only."""

from diptych.formats.order.signed import MAX_BYTES as MAX_ORDER_BYTES
from diptych.formats.order.signed import MEDIA_TYPE as ORDER
from diptych.formats.order.standing import MAX_BYTES as MAX_STANDING_BYTES
from diptych.formats.order.standing import MEDIA_TYPE as STANDING
from diptych.formats.status_list.token import CWT_MEDIA_TYPE, JWT_MEDIA_TYPE
from diptych.formats.tlog.label import ELEMENT_BYTES
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.openid4vci.token import GRANT_TYPES
from diptych.web.described import Description, Responses, Schema


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _bytes(**limits: int) -> Schema:
    return {"application/octet-stream": {"schema": {"type": "string", "format": "binary", **limits}}}


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties}


_TEXT: Schema = {"type": "string"}
_ERROR = _object(["error"], error=_TEXT, error_description=_TEXT)
_DPOP_NONCE: Schema = {"DPoP-Nonce": {"description": "For the next DPoP proof", "schema": _TEXT}}


def _answer(description: str, schema: Schema, headers: Schema | None = None) -> Schema:
    found: Schema = {"description": description, "content": _json(schema)}
    if headers:
        found["headers"] = headers
    return found


def _errors(*statuses: int, headers: Schema | None = None) -> Responses:
    named = {
        400: "Refused; `error` is the standard's code",
        401: "The token or its proof is not accepted",
        403: "True, and not allowed",
        409: "Another order has this id",
        404: "There is no such thing here",
        501: "Nobody is told how it was before",
        413: "The body is too long",
        415: "Another media type is expected",
        503: "Nothing is wrong with the request: try again later",
    }
    return {status: _answer(named[status], _ERROR, headers) for status in (*statuses, 503)}


_PROOF: Schema = {
    "name": "DPoP",
    "in": "header",
    "required": True,
    "description": "Proof of possession for this request (RFC 9449)",
    "schema": _TEXT,
}

METADATA = Description(
    "Credential issuer metadata (OpenID4VCI 1.0, 12.2)",
    {
        200: _answer(
            "The metadata",
            _object(
                ["credential_issuer", "credential_endpoint", "nonce_endpoint", "credential_configurations_supported"],
                credential_issuer=_TEXT,
                credential_endpoint=_TEXT,
                nonce_endpoint=_TEXT,
                credential_configurations_supported={"type": "object"},
            ),
        ),
        **_errors(),
    },
)
SERVER_METADATA = Description(
    "Authorization server metadata (RFC 8414)",
    {
        200: _answer("The metadata", _object(["issuer", "token_endpoint"], issuer=_TEXT, token_endpoint=_TEXT)),
        **_errors(),
    },
)
TOKEN = Description(
    "Tokens for a pre-authorized code or a refresh token (OpenID4VCI 1.0, 6; RFC 6749 6)",
    {
        200: _answer(
            "The tokens",
            _object(
                ["access_token", "token_type", "expires_in"],
                access_token=_TEXT,
                token_type={"const": "DPoP"},
                expires_in={"type": "integer"},
                refresh_token=_TEXT,
                scope=_TEXT,
            ),
            _DPOP_NONCE,
        ),
        **_errors(400, 403, 413, 415, headers=_DPOP_NONCE),
    },
    request={
        "parameters": [_PROOF],
        "requestBody": {
            "required": True,
            "content": {
                FORM: {
                    "schema": {
                        "type": "object",
                        "required": ["grant_type"],
                        "properties": {
                            "grant_type": {"type": "string", "enum": list(GRANT_TYPES)},
                            "pre-authorized_code": _TEXT,
                            "tx_code": _TEXT,
                            "refresh_token": _TEXT,
                        },
                    }
                }
            },
        },
    },
)
NONCE = Description(
    "A nonce for key proofs (OpenID4VCI 1.0, 7)",
    {200: _answer("The nonce", _object(["c_nonce"], c_nonce=_TEXT), _DPOP_NONCE), **_errors(413)},
)
CREDENTIAL = Description(
    "Documents for proven keys (OpenID4VCI 1.0, 8)",
    {
        200: {
            "description": "The documents",
            "headers": _DPOP_NONCE,
            "content": {
                **_json(
                    _object(
                        ["credentials"],
                        credentials={"type": "array", "items": _object(["credential"], credential=_TEXT)},
                    )
                ),
                "application/jwt": {"schema": _TEXT},
            },
        },
        **_errors(400, 401, 403, 413, 415, headers=_DPOP_NONCE),
    },
    request={
        "parameters": [
            _PROOF,
            {
                "name": "Authorization",
                "in": "header",
                "required": True,
                "description": "`DPoP` and the access token",
                "schema": _TEXT,
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                **_json(
                    _object(
                        ["credential_configuration_id", "proofs"],
                        credential_configuration_id=_TEXT,
                        proofs=_object(["jwt"], jwt={"type": "array", "minItems": 1, "items": _TEXT}),
                        credential_response_encryption={"type": "object"},
                    )
                ),
                "application/jwt": {"schema": _TEXT},
            },
        },
    },
)
ORDERS = Description(
    "An officer's signed order (docs/spec/issuer-api.md)",
    {
        201: _answer("Accepted", _object(["order"], order=_TEXT)),
        200: _answer("Had it already", _object(["order"], order=_TEXT)),
        **_errors(400, 403, 409, 413, 415),
    },
    status=201,
    request={
        "requestBody": {
            "required": True,
            "content": {ORDER: {"schema": {"type": "string", "format": "binary", "maxLength": MAX_ORDER_BYTES}}},
        }
    },
)
STANDINGS = Description(
    "How an order stands: suspended, reinstated or revoked, signed by an officer (docs/spec/issuer-api.md)",
    {
        201: _answer(
            "Known from now on", _object(["order"], order=_TEXT, standing=_TEXT, in_force={"type": "boolean"})
        ),
        200: _answer("Known already", _object(["order"], order=_TEXT, standing=_TEXT, in_force={"type": "boolean"})),
        **_errors(400, 403, 409, 413, 415),
    },
    status=201,
    request={
        "requestBody": {
            "required": True,
            "content": {STANDING: {"schema": {"type": "string", "format": "binary", "maxLength": MAX_STANDING_BYTES}}},
        }
    },
)
TOLD = Description(
    'What was said of an order, sealed for its holder (docs/spec/issuer-api.md, "Told")',
    {
        200: {"description": "The act with its salt, sealed", "content": _bytes()},
        404: {"description": "Nothing is told to whoever asks with this"},
        **_errors(400, 413, 415),
    },
    request={
        "requestBody": {
            "required": True,
            "content": _bytes(minLength=ELEMENT_BYTES, maxLength=ELEMENT_BYTES),
        }
    },
)
STATUS_LIST = Description(
    "A status list as it is now (draft-ietf-oauth-status-list, clause 8)",
    {
        200: {
            "description": "The list, as a CWT or as a JWT",
            "content": {
                CWT_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
                JWT_MEDIA_TYPE: {"schema": _TEXT},
            },
        },
        **_errors(404, 501),
    },
)
EPOCHS = Description(
    "The epochs of the fast suite that are published, the newest first, each a signed statement",
    {200: _answer("They are", _object(["epochs"], epochs={"type": "array", "items": _TEXT})), **_errors(404)},
)
BUCKET = Description(
    "A bucket of an epoch: 56 bytes for each id in it (docs/spec/bbs-credential.md)",
    {
        200: {
            "description": "The bucket",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        **_errors(404),
    },
)
HEALTH = Description(
    "Whether the issuer is alive",
    {200: _answer("It is", _object(["status"], status={"const": "ok"})), **_errors()},
)
READY = Description(
    "Whether the issuer can work: its database answers, its keys can be reached",
    {200: _answer("It can", _object(["status"], status={"const": "ok"})), **_errors()},
)
