"""A server whose front process accepts connections and never reads one (docs/decisions/0001).

Each connection goes unread to a forked child, which serves exactly one request and dies; what a request leaves in
memory dies with it: so do the keys of TLS, whose handshake is the child's. The front is single-threaded and keeps no
request, token, order, key or database handle. What is answered is the application's.

A client costs most while it is worked for, and may be slow only before: so more children may listen to clients than
work for them, and when all are taken, whoever has been sending longest makes room for the next.
"""

import asyncio
import ctypes
import gc
import math
import mmap
import os
import resource
import select
import selectors
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

import h11
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from diptych.adapters.journal import Check, Event, Journal, Line, fault_of
from diptych.adapters.tls import TlsFiles
from diptych.errors import DiptychError, Unavailable

BACKLOG = 512
MAX_HEAD_BYTES = 32 * 1024
LINGER_BYTES = 4 * 1024 * 1024
PR_SET_DUMPABLE = 4
PRESSED_PAUSE_SECONDS = 0.1
TURN_PAUSE_SECONDS = 0.02
# Written, never read: the one answer that the front gives itself, when it cannot fork.
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Limits:
    """What one connection may take."""

    head_seconds: float = 5.0
    """From the connection to the end of the request's head."""
    pressed_seconds: float = 1.0
    """From the connection to the end of the request, where others wait for a child and none is left."""
    total_seconds: float = 20.0
    """From the connection to the end of the answer; then the child is killed, whatever it is doing."""
    linger_seconds: float = 1.0
    """For a client that is still sending to see an answer given early."""
    address_space_bytes: int = 1024 * 1024 * 1024
    shutdown_seconds: float = 25.0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; `Unavailable` with what to do if the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once only where a socket names its protocol: else a body waits 40 ms until its head was heard.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
        _end_child(task, _say)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise Unavailable("serve.prepare", "the role could not be prepared; the reason stands above")


LISTENING, WAITING, WORKING = 0, 1, 2
"""A child listens until it has its request, whole; then waits for its turn; then works."""


class Board:
    """What the children of a door are doing, one byte for each: all that a child ever tells the front."""

    def __init__(self, places: int) -> None:
        self._bytes = mmap.mmap(-1, places)
        self._free = list(range(places))

    def take(self) -> int:
        """A place for a child that still listens to its client."""
        place = self._free.pop()
        self._bytes[place] = LISTENING
        return place

    def give_back(self, place: int) -> None:
        """Its child is gone."""
        self._bytes[place] = LISTENING
        self._free.append(place)

    def write(self, place: int, doing: int) -> None:
        """The child says what it is doing."""
        self._bytes[place] = doing

    def read(self, place: int) -> int:
        """What the child is doing."""
        return self._bytes[place]

    def count(self, doing: int) -> int:
        """How many are doing this."""
        return self._bytes[:].count(doing)


@dataclass(frozen=True)
class _Child:
    place: int
    since: float


@dataclass
class Door:
    """A listener, what answers behind it, and how many requests are worked for at once.

    Besides, up to `listening` children wait for the rest of what their clients send. All other clients wait in the
    listener's backlog.
    """

    listener: socket.socket
    application: ASGIApp
    at_once: int
    tls: TlsFiles | None = None
    """Read in each child, for its own handshake."""
    listening: int = 64
    children: dict[int, _Child] = field(default_factory=dict, init=False)
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        self.board = Board(self.at_once + self.listening)

    @property
    def is_full(self) -> bool:
        """Whether every child that there may be is there."""
        return len(self.children) >= self.at_once + self.listening

    @property
    def has_room(self) -> bool:
        """Whether one more client may be listened to."""
        return not self.is_full and self.board.count(WAITING) + self.board.count(WORKING) < self.at_once

    def listening_since(self, moment: float) -> list[int]:
        """Children that had begun by then to listen for a request they still do not have, the slowest first."""
        found = [
            (child.since, pid)
            for pid, child in self.children.items()
            if child.since <= moment and self.board.read(child.place) == LISTENING
        ]
        return [pid for _, pid in sorted(found)]


def serve(
    doors: Sequence[Door],
    *,
    limits: Limits,
    chore: Callable[[], None],
    chore_seconds: float,
    announce: Callable[[], None],
    journal: Journal,
) -> None:
    """Serve until SIGTERM or SIGINT, then let the children finish. `chore` runs now and then in a child of its own.

    The applications must open what they need (database, keys) when they are called, not before: that is in children.
    """
    _Front(doors, limits, chore, chore_seconds, journal).run(announce)


class _Front:
    def __init__(
        self,
        doors: Sequence[Door],
        limits: Limits,
        chore: Callable[[], None],
        chore_seconds: float,
        journal: Journal,
    ) -> None:
        self._doors = doors
        self._limits = limits
        self._chore = chore
        self._chore_seconds = chore_seconds
        self._journal = journal
        self._configs = [_config(door.application) for door in doors]
        self._chore_child: int | None = None
        self._is_stopping = False

    def run(self, announce: Callable[[], None]) -> None:
        _forbid_core_dumps()
        for config in self._configs:
            config.load()
        for door in self._doors:
            door.listener.setblocking(False)
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
            self._journal.event(Event.LISTENING)
            self._accept_until_stopped(selector, wake)
        self._journal.event(Event.STOPPING)
        for door in self._doors:
            door.listener.close()
        self._wait_for_children()
        self._journal.event(Event.STOPPED)

    def _accept_until_stopped(self, selector: selectors.BaseSelector, wake: int) -> None:
        next_chore = time.monotonic() + self._chore_seconds
        while not self._is_stopping:
            for door in self._doors:
                is_listening = door.listener in selector.get_map()
                if door.has_room and not is_listening:
                    selector.register(door.listener, selectors.EVENT_READ, door)
                elif is_listening and not door.has_room:
                    selector.unregister(door.listener)
            for door in self._doors:
                self._make_room(door)
            pause = PRESSED_PAUSE_SECONDS if any(door.is_full for door in self._doors) else math.inf
            for key, _ in selector.select(max(0.0, min(pause, next_chore - time.monotonic()))):
                if key.data is None:
                    with suppress(BlockingIOError):
                        os.read(wake, 4096)  # signal numbers, written by this process itself
                else:
                    self._accept(key.data)
            self._reap()
            if time.monotonic() >= next_chore:
                self._start_chore()
                next_chore = time.monotonic() + self._chore_seconds

    def _accept(self, door: Door) -> None:
        try:
            connection, _ = door.listener.accept()
        except OSError:
            return  # the client is gone already, or no descriptor is left until a child ends
        place = door.board.take()
        try:
            child = os.fork()
        except OSError:
            door.board.give_back(place)
            self._journal.event(Event.BUSY)
            if door.tls is None:
                with suppress(OSError):
                    connection.send(BUSY, socket.MSG_DONTWAIT)
            connection.close()
            return
        if child == 0:
            _end_child(lambda: self._serve_one(door, place, connection), self._journal.bug)
        connection.close()
        door.children[child] = _Child(place, time.monotonic())

    def _make_room(self, door: Door) -> None:
        """When nobody can be listened to any more and somebody waits, the slowest clients are let go."""
        if not door.is_full or not select.select([door.listener], [], [], 0)[0]:
            return
        for child in door.listening_since(time.monotonic() - self._limits.pressed_seconds)[: door.at_once]:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGALRM)  # as if its own time had run out

    def _serve_one(self, door: Door, place: int, connection: socket.socket) -> None:
        """In the child: one request, then the end."""
        for one in self._doors:
            one.listener.close()
        _limit(self._limits)
        config = self._configs[self._doors.index(door)]
        try:
            tls = None if door.tls is None else door.tls.context()
        except DiptychError as error:
            self._journal.write(Line(Event.HANDSHAKE_FAILED, check=Check(error.check)))
            return
        asyncio.run(_answer(connection, config, self._limits, tls, self._journal, turn=_Turn(door, place)))

    def _start_chore(self) -> None:
        if self._chore_child is None:
            with suppress(OSError):
                self._chore_child = os.fork()
                if self._chore_child == 0:
                    for door in self._doors:
                        door.listener.close()
                    _end_child(self._do_chore, self._journal.chore)

    def _do_chore(self) -> None:
        self._chore()
        self._journal.chore()

    def _reap(self) -> None:
        """Collect the children that ended; one that was killed cannot tell any more."""
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            for door in self._doors:
                if child in door.children:
                    door.board.give_back(door.children.pop(child).place)
            if child == self._chore_child:
                self._chore_child = None
            if os.WIFSIGNALED(status):
                self._journal.write(Line(Event.REQUEST_KILLED, signal=signal.Signals(os.WTERMSIG(status))))

    def _wait_for_children(self) -> None:
        deadline = time.monotonic() + self._limits.shutdown_seconds
        while any(door.children for door in self._doors) and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.02)
        for child in [child for door in self._doors for child in door.children]:
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


class _Turn:
    """A child's turn to work, which comes when its request is there, whole, and fewer than allowed are at work."""

    def __init__(self, door: Door, place: int) -> None:
        self._door = door
        self._place = place

    async def wait(self) -> None:
        """Two that see the same last place both take it: a bound on load, not on rights."""
        board = self._door.board
        if board.read(self._place) != LISTENING:
            return
        board.write(self._place, WAITING)
        while board.count(WORKING) >= self._door.at_once:
            await asyncio.sleep(TURN_PAUSE_SECONDS)
        board.write(self._place, WORKING)


async def _answer(
    connection: socket.socket,
    config: uvicorn.Config,
    limits: Limits,
    tls: ssl.SSLContext | None,
    journal: Journal,
    *,
    turn: _Turn,
) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()
    protocol = _OneRequest(config, ended)
    application = protocol.app

    async def mark_asked(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()

        async def receive_whole() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                await turn.wait()
            return message

        if not _has_body(scope):
            await turn.wait()
        await application(scope, receive_whole, send)

    protocol.app = mark_asked
    lingering = connection.dup()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.head_seconds
    if tls is None:
        await loop.connect_accepted_socket(lambda: protocol, connection)
    else:
        try:
            await loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=tls,
                ssl_handshake_timeout=limits.head_seconds,
                ssl_shutdown_timeout=limits.linger_seconds,
            )
        except OSError:  # ssl.SSLError is one; so are silence and a client that has gone
            journal.event(Event.HANDSHAKE_FAILED)
            return
    waiting = [asyncio.ensure_future(event.wait()) for event in (asked, ended)]
    done, _ = await asyncio.wait(waiting, timeout=max(0.0, deadline - loop.time()), return_when=asyncio.FIRST_COMPLETED)
    if not done:
        protocol.transport.abort()
    await ended.wait()
    if protocol.conn.their_state in (h11.SEND_BODY, h11.ERROR):
        _linger(lingering, limits)


def _has_body(scope: Scope) -> bool:
    """Whether the client says that more comes after the head."""
    named = dict(scope.get("headers", ()))
    return b"transfer-encoding" in named or named.get(b"content-length", b"0").strip(b"0 ") != b""


def _linger(connection: socket.socket, limits: Limits) -> None:
    """The answer came before the request was read to its end: closing at once would reset it away."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(limits.linger_seconds)
        read = 0
        while read < LINGER_BYTES and (chunk := connection.recv(64 * 1024)):
            read += len(chunk)


def _config(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=H11Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )


def _end_child(task: Callable[[], None], tell: Callable[[BaseException], None]) -> NoReturn:
    """In a child: do the task and end, never returning into what the front was doing. `tell` says what went wrong."""
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
    except BaseException as error:  # the outermost door of the child
        tell(error)
    finally:
        sys.stderr.flush()
        os._exit(status)


def _say(error: BaseException) -> None:
    """Before anything is served, the operator is still at the terminal."""
    if isinstance(error, DiptychError):
        sys.stderr.write(f"{error.message}\n  ({error.check})\n")
    else:
        fault = fault_of(error)
        sys.stderr.write(f"bug: {fault.error} at {' < '.join(fault.places)}\n")


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.address_space_bytes, limits.address_space_bytes))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.total_seconds)


def _forbid_core_dumps() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _do_nothing(number: int, frame: object) -> None:
    """SIGCHLD only has to wake the selector."""
