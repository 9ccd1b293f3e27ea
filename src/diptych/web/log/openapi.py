"""What the log's OpenAPI description says of each endpoint: bodies, headers, answers. Data only."""

from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.recording import receipts, submission
from diptych.web.described import ERROR, TEXT, Description, Responses, Schema, an_object, answer
from diptych.web.log.words import LANGUAGES

_BYTES: Schema = {"type": "string", "format": "binary"}
_ABSENT: Schema = {"description": "It is not here"}
_ALIVE = answer("It is", "application/json", an_object(["status"], status={"const": "ok"}))


def _errors(*statuses: int) -> Responses:
    named = {
        400: "Malformed, or well formed and untrue; `error` names the check",
        403: "True, and not allowed; or this log has stopped for good",
        413: "The body is too long",
        415: "Another media type is expected",
        503: "Nothing is wrong with the request: try again later, with the same entries",
    }
    return {status: answer(named[status], "application/json", ERROR) for status in (*statuses, 503)}


ENTRIES = Description(
    "Record acts, and get their receipts (docs/spec/recording.md)",
    {200: answer("The receipts", receipts.MEDIA_TYPE, TEXT), **_errors(400, 403, 413, 415)},
    request={
        "requestBody": {
            "required": True,
            "content": {submission.MEDIA_TYPE: {"schema": {**_BYTES, "maxLength": submission.MAX_BYTES}}},
        }
    },
)
CHECKPOINT = Description(
    "The log's latest checkpoint, with its cosignatures",
    {200: answer("The checkpoint", receipts.MEDIA_TYPE, TEXT), 404: _ABSENT, **_errors()},
)
TILE = Description(
    "A tile or an entry bundle (c2sp.org/tlog-tiles)",
    {200: answer("The file", "application/octet-stream", _BYTES), 404: _ABSENT, **_errors()},
)
LABELS = Description(
    "The last label tree, or labels of it (docs/spec/labels.md)",
    {200: answer("The file", "application/octet-stream", _BYTES), 404: _ABSENT, **_errors()},
)
HEALTH = Description("Whether the log is alive", {200: _ALIVE, **_errors()})
READY = Description("Whether the log can take acts", {200: _ALIVE, **_errors(403)})

_LANGUAGE: Schema = {
    "name": "lang",
    "in": "query",
    "description": f"{' or '.join(LANGUAGES)}; else the browser's",
    "schema": TEXT,
}
_HTML = answer("The page", "text/html; charset=utf-8", TEXT)

PAGE = Description("The log's page, for people", {200: _HTML, **_errors()}, request={"parameters": [_LANGUAGE]})
SEARCH = Description(
    "The page, with what a receipt shows",
    {200: _HTML, **_errors(400, 413, 415)},
    request={
        "parameters": [_LANGUAGE],
        "requestBody": {"required": True, "content": {FORM: {"schema": an_object(["receipt"], receipt=TEXT)}}},
    },
)
STYLE = Description("The page's style sheet", {200: answer("The style", "text/css; charset=utf-8", TEXT)})
