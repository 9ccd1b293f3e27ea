"""Removed: the front process that never reads. The process that listens also reads and answers every request."""

from typing import Any

import uvicorn

from diptych.web import one_request


def change() -> None:
    """One process does everything from now on."""
    one_request.serve = serve


def serve(doors: Any, *, announce: Any, **more: Any) -> None:
    """The first door, served in this process."""
    announce()
    server = uvicorn.Server(uvicorn.Config(doors[0].application, log_level="critical"))
    server.run(sockets=[doors[0].listener])
