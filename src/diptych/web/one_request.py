"""A server whose front process accepts connections and never reads one (docs/decisions/0001).

Each connection goes unread to a forked child, which serves exactly one request and dies; what a request leaves in
memory dies with it. The front is single-threaded and keeps no request, token, order, key or database handle. What is
answered is the application's; TLS is left to a proxy in front.
"""

import asyncio
import ctypes
import gc
import os
import resource
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from diptych.errors import DiptychError, Unavailable
from diptych.web.errors import report_bug

BACKLOG = 256
MAX_HEAD_BYTES = 32 * 1024
LINGER_BYTES = 4 * 1024 * 1024
PR_SET_DUMPABLE = 4
# Written, never read: the one answer that the front gives itself, when it cannot fork.
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Limits:
    """What one connection may take, and how many may take it at once; the others wait in the backlog."""

    children: int = 16
    head_seconds: float = 5.0
    """From the connection to the end of the request's head."""
    total_seconds: float = 20.0
    """From the connection to the end of the answer; then the child is killed, whatever it is doing."""
    linger_seconds: float = 1.0
    """For a client that is still sending to see an answer given early."""
    address_space_bytes: int = 1024 * 1024 * 1024
    shutdown_seconds: float = 25.0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; `Unavailable` with what to do if the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Unavailable(
            "serve.port", f"cannot listen on {host} port {port}: {error.strerror}. Stop what uses it, or take another"
        ) from error
    return listener


def run_in_child(task: Callable[[], None]) -> None:
    """Run `task` in a child and wait: what it reads never enters this process. `Unavailable` if it fails."""
    child = os.fork()
    if child == 0:
        _end_child(task)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise Unavailable("serve.prepare", "the role could not be prepared; the reason stands above")


def serve(
    listener: socket.socket,
    application: ASGIApp,
    *,
    limits: Limits,
    chore: Callable[[], None],
    chore_seconds: float,
    announce: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT, then let the children finish. `chore` runs now and then in a child of its own.

    The application must open what it needs (database, keys) when it is called, not before: it is called in children.
    """
    _Front(listener, application, limits, chore, chore_seconds).run(announce)


class _Front:
    def __init__(
        self,
        listener: socket.socket,
        application: ASGIApp,
        limits: Limits,
        chore: Callable[[], None],
        chore_seconds: float,
    ) -> None:
        self._listener = listener
        self._limits = limits
        self._chore = chore
        self._chore_seconds = chore_seconds
        self._config = uvicorn.Config(
            application,
            http=H11Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        self._children: set[int] = set()
        self._chore_child: int | None = None
        self._is_stopping = False

    def run(self, announce: Callable[[], None]) -> None:
        _forbid_core_dumps()
        self._config.load()
        self._listener.setblocking(False)
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _do_nothing)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        gc.collect()
        gc.freeze()  # children share these pages instead of copying them
        with selectors.DefaultSelector() as selector:
            selector.register(wake, selectors.EVENT_READ)
            announce()
            self._accept_until_stopped(selector, wake)
        self._listener.close()
        self._wait_for_children()

    def _accept_until_stopped(self, selector: selectors.BaseSelector, wake: int) -> None:
        next_chore = time.monotonic() + self._chore_seconds
        is_listening = False
        while not self._is_stopping:
            has_room = len(self._children) < self._limits.children
            if has_room and not is_listening:
                selector.register(self._listener, selectors.EVENT_READ)
            elif is_listening and not has_room:
                selector.unregister(self._listener)
            is_listening = has_room
            for key, _ in selector.select(max(0.0, next_chore - time.monotonic())):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    with suppress(BlockingIOError):
                        os.read(wake, 4096)  # signal numbers, written by this process itself
            self._reap()
            if time.monotonic() >= next_chore:
                self._start_chore()
                next_chore = time.monotonic() + self._chore_seconds

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # the client is gone already, or no descriptor is left until a child ends
        try:
            child = os.fork()
        except OSError:
            with suppress(OSError):
                connection.send(BUSY, socket.MSG_DONTWAIT)
            connection.close()
            return
        if child == 0:
            _end_child(lambda: self._serve_one(connection))
        connection.close()
        self._children.add(child)

    def _serve_one(self, connection: socket.socket) -> None:
        """In the child: one request, then the end."""
        self._listener.close()
        _limit(self._limits)
        asyncio.run(_answer(connection, self._config, self._limits))

    def _start_chore(self) -> None:
        if self._chore_child is None:
            with suppress(OSError):
                self._chore_child = os.fork()
                if self._chore_child == 0:
                    self._listener.close()
                    _end_child(self._chore)

    def _reap(self) -> None:
        """Collect the children that ended; one that was killed is worth a line."""
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            self._children.discard(child)
            if child == self._chore_child:
                self._chore_child = None
            if os.WIFSIGNALED(status):
                name = signal.Signals(os.WTERMSIG(status)).name
                reason = "took too long" if name == "SIGALRM" else "died"
                sys.stderr.write(f"a request's process {reason} ({name}); its client got no answer\n")
                sys.stderr.flush()

    def _wait_for_children(self) -> None:
        deadline = time.monotonic() + self._limits.shutdown_seconds
        while self._children and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.02)
        for child in self._children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def _stop(self, number: int, frame: object) -> None:
        self._is_stopping = True


class _OneRequest(H11Protocol):
    """uvicorn's HTTP/1.1 on a connection that ends with its first answer."""

    def __init__(self, config: uvicorn.Config, ended: asyncio.Event) -> None:
        state = ServerState()
        state.default_headers = [(b"connection", b"close")]
        super().__init__(config=config, server_state=state, app_state={})
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._ended.set()


async def _answer(connection: socket.socket, config: uvicorn.Config, limits: Limits) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()
    protocol = _OneRequest(config, ended)
    application = protocol.app

    async def mark_asked(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await application(scope, receive, send)

    protocol.app = mark_asked
    lingering = connection.dup()
    await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, connection)
    waiting = [asyncio.ensure_future(event.wait()) for event in (asked, ended)]
    done, _ = await asyncio.wait(waiting, timeout=limits.head_seconds, return_when=asyncio.FIRST_COMPLETED)
    if not done:
        protocol.transport.abort()
    await ended.wait()
    if protocol.conn.their_state in (h11.SEND_BODY, h11.ERROR):
        _linger(lingering, limits)


def _linger(connection: socket.socket, limits: Limits) -> None:
    """The answer came before the request was read to its end: closing at once would reset it away."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(limits.linger_seconds)
        read = 0
        while read < LINGER_BYTES and (chunk := connection.recv(64 * 1024)):
            read += len(chunk)


def _end_child(task: Callable[[], None]) -> NoReturn:
    """In a child: do the task and end, never returning into what the front was doing."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # The front ends its children by waiting; Ctrl-C reaches the whole group and must not cut an answer short.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        _forbid_core_dumps()
        with suppress(OSError, AttributeError):
            # Other processes of this user cannot read its memory either; best effort, where Linux is.
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        task()
        status = 0
    except DiptychError as error:
        sys.stderr.write(f"{error.message}\n  ({error.check})\n")
    except BaseException as error:  # the outermost door of the child
        report_bug(error)
    finally:
        sys.stderr.flush()
        os._exit(status)


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.address_space_bytes, limits.address_space_bytes))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.total_seconds)


def _forbid_core_dumps() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _do_nothing(number: int, frame: object) -> None:
    """SIGCHLD only has to wake the selector."""
