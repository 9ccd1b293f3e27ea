"""What the witness's OpenAPI description says of each endpoint: bodies, answers. Data only."""

from diptych.protocols.witnessing.add_checkpoint import MAX_REQUEST_BYTES, SIZE_MEDIA_TYPE, TEXT_MEDIA_TYPE
from diptych.web.described import ERROR, TEXT, Description, Responses, Schema, an_object, answer


def _errors(*statuses: int) -> Responses:
    named = {
        413: "The body is too long",
        503: "Nothing is wrong with the request: try again later",
    }
    return {status: answer(named[status], "application/json", ERROR) for status in (*statuses, 503)}


def _said(description: str) -> Schema:
    return answer(description, TEXT_MEDIA_TYPE, TEXT)


ADD_CHECKPOINT = Description(
    "Cosign a checkpoint that follows the one cosigned last (c2sp.org/tlog-witness)",
    {
        200: _said("The cosignatures"),
        400: {
            "description": "Nonsense, or too slow",
            "content": {TEXT_MEDIA_TYPE: {"schema": TEXT}, "application/json": {"schema": ERROR}},
        },
        403: _said("No trusted signature of the log"),
        404: _said("This log is not followed"),
        409: answer("Another size was cosigned last: this one", SIZE_MEDIA_TYPE, TEXT),
        422: _said("The proof does not hold"),
        **_errors(413),
    },
    request={
        "requestBody": {
            "required": True,
            "content": {"text/plain": {"schema": {**TEXT, "maxLength": MAX_REQUEST_BYTES}}},
        }
    },
)
CHECKPOINT = Description(
    "The last checkpoint of a log that was cosigned",
    {200: _said("The checkpoint"), 404: {"description": "None was"}, **_errors()},
)
HEALTH = Description(
    "Whether the witness is alive",
    {200: answer("It is", "application/json", an_object(["status"], status={"const": "ok"})), **_errors()},
)
