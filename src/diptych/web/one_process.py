"""A server in one process, for roles whose requests leave nothing behind that must die with a process.

Bodies pass through its memory; what they say is let go of when the answer is given. TLS is left to a proxy in front.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

SHUTDOWN_SECONDS = 10
MAX_CONNECTIONS = 512
MAX_HEAD_BYTES = 32 * 1024


def serve(listener: socket.socket, application: ASGIApp, *, announce: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, finish what has begun, and return."""
    config = uvicorn.Config(
        application,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # when who was asked what is nobody's to read later
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
    )
    server = _Server(config)
    announce()
    asyncio.run(server.serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """uvicorn's server, which ends quietly when it is told to, instead of raising the signal again."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
