"""How long clients may be slow where many share one process, and how much of what they send is held at once.

A client that sends nothing, or a head that never ends, is let go after a while, and at once when connections run out;
so is the body that has been coming for longest when bodies hold too much. What the request says is read elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from uvicorn.protocols.http.h11_impl import H11Protocol

from diptych.errors import FormatError, Unavailable

HEAD_SECONDS = 5.0
"""From the connection, or the answer before, to the end of a request's head."""
PRESSED_SECONDS = 1.0
"""The same, where there are almost as many connections as there may be."""
PRESSED_AT = 7 / 8
MAX_BODIES_BYTES = 128 * 1024 * 1024


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself waits for ever for the first byte, and for the rest of a head."""

    _since = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's does
        super().connection_made(transport)
        self._wait()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency * PRESSED_AT:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_waiting:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_waiting:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _is_waiting(self) -> bool:
        """Whether no request is here."""
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self._stop_waiting()
        self._since = self.loop.time()
        self._timer = self.loop.call_later(HEAD_SECONDS, self._let_go)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _let_go(self) -> None:
        if self._is_waiting:
            self.transport.abort()

    def _make_room(self) -> None:
        """Whoever has said nothing for longest goes, if that is long enough."""
        waiting = [found for found in self.connections if isinstance(found, PatientProtocol) and found._is_waiting]
        slowest = min(waiting, key=lambda found: found._since, default=None)
        if slowest is not None and self.loop.time() - slowest._since >= PRESSED_SECONDS:
            slowest.transport.abort()


@dataclass(eq=False)
class _Held:
    """A body in memory, or on its way there."""

    size: int = 0
    deadline: asyncio.Timeout | None = None
    """Until it is whole."""


class BodyRoom:
    """The bodies that a process holds, together at most `most_bytes`. For one event loop."""

    def __init__(self, most_bytes: int = MAX_BODIES_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held: list[_Held] = []

    @asynccontextmanager
    async def hold(self, chunks: AsyncIterator[bytes], *, seconds: float) -> AsyncIterator[bytes]:
        """A whole body, for as long as the block lasts.

        `FormatError` "http.body_time" if it does not come in time, or has been coming for longest when room runs out;
        `Unavailable` "http.body_room" where all that is held is whole.
        """
        held = _Held()
        self._held.append(held)
        try:
            yield await self._receive(chunks, held, seconds)
        finally:
            self._held.remove(held)

    async def _receive(self, chunks: AsyncIterator[bytes], held: _Held, seconds: float) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(seconds) as held.deadline:
                async for chunk in chunks:
                    body += chunk
                    held.size += len(chunk)
                    self._make_room(held)
        except TimeoutError as error:
            raise FormatError("http.body_time", f"a body is sent within {seconds:.0f} seconds, or sooner") from error
        finally:
            held.deadline = None
        return bytes(body)

    def _make_room(self, newest: _Held) -> None:
        if sum(held.size for held in self._held) <= self._most_bytes:
            return
        for held in self._held:  # the oldest first
            if held is not newest and held.deadline is not None and held.size:
                held.deadline.reschedule(0)
                held.size = 0  # it goes with its next turn
                return
        raise Unavailable("http.body_room", "too many large bodies are here: try again in a moment")
