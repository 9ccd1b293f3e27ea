"""A server in one process, for roles whose requests leave nothing behind that must die with a process.

Bodies pass through its memory; what they say is let go of when the answer is given. Several such processes may share
the listeners (`workers`).
"""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from diptych.adapters.journal import Event, Journal
from diptych.web.patience import PatientProtocol

SHUTDOWN_SECONDS = 10
MAX_CONNECTIONS = 512
MAX_HEAD_BYTES = 32 * 1024


def serve(
    listener: socket.socket,
    application: ASGIApp,
    *,
    tls: ssl.SSLContext | None,
    admin: tuple[socket.socket, ASGIApp] | None,
    announce: Callable[[], None],
    journal: Journal,
) -> None:
    """Serve until SIGTERM or SIGINT, finish what has begun, and return."""
    server = _Server(_config(application, tls, lifespan="on"))
    beside = None if admin is None else _Beside(_config(admin[1], None, lifespan="off"))

    async def run() -> None:
        announce()
        journal.event(Event.LISTENING)
        serving = None if admin is None or beside is None else asyncio.create_task(beside.serve(sockets=[admin[0]]))
        await server.serve(sockets=[listener])
        journal.event(Event.STOPPING)
        if beside is not None and serving is not None:
            beside.should_exit = True
            await serving

    asyncio.run(run())
    journal.event(Event.STOPPED)


def _config(application: ASGIApp, tls: ssl.SSLContext | None, *, lifespan: Literal["on", "off"]) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=PatientProtocol,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        access_log=False,  # the journal has a line for each request, which says less
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
        ssl_context_factory=None if tls is None else lambda config, default: tls,
    )


class _Beside(uvicorn.Server):
    """uvicorn's server beside another, which is the one that hears signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Server(uvicorn.Server):
    """uvicorn's server, which ends quietly when it is told to, instead of raising the signal again."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Told twice is told once: Ctrl-C reaches a worker from the terminal and from the process above it.
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.should_exit = True
