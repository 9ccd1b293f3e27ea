"""What an OpenAPI description says of one endpoint, and how an endpoint is added to an application with it.

What is described is left to the role's own `openapi` module; a test holds each description against its role.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fastapi import FastAPI, Response

Schema: TypeAlias = dict[str, Any]  # OpenAPI is JSON of any shape; FastAPI types it so
Responses: TypeAlias = dict[int | str, Schema]

TEXT: Schema = {"type": "string"}


@dataclass(frozen=True)
class Description:
    """One endpoint. `status` is that of a success, `request` what FastAPI cannot know: parameters and body."""

    summary: str
    responses: Responses
    status: int = 200
    request: Schema = field(default_factory=dict)


def an_object(required: list[str], **properties: Schema) -> Schema:
    """The schema of a JSON object."""
    return {"type": "object", "required": required, "properties": properties}


ERROR = an_object(["error"], error=TEXT, error_description=TEXT)
"""The body of every error of ours (`web/errors`)."""


def answer(description: str, media_type: str, schema: Schema) -> Schema:
    """One response."""
    return {"description": description, "content": {media_type: {"schema": schema}}}


def add_endpoint(
    application: FastAPI, path: str, method: str, handler: Callable[..., object], description: Description
) -> None:
    """Let `handler` answer there, described."""
    application.add_api_route(
        path,
        handler,
        methods=[method],
        summary=description.summary,
        status_code=description.status,
        responses=description.responses,
        openapi_extra=description.request,
        response_class=Response,
    )
