"""One HTTP exchange after another with the same few parties, over connections that stay open.

For calls that a person waits for, several at once: `httpx` takes more than a millisecond of processor time for each,
four times what this does. Bounded in time and size; no redirects, no proxies, nothing compressed. https, or http on
this machine; certificates are checked. What an answer means is left to the caller.
"""

import http.client
import select
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.adapters.http.authorities import authorities
from diptych.errors import FormatError, Unavailable
from diptych.protocols.oauth.url import HttpUrl, parse_url

CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Said:
    """An answer, whole."""

    status: int
    content: bytes = field(repr=False)


class Exchanges:
    """Exchanges of at most `seconds` and `max_bytes` of answer each; any thread may have one.

    A message may arrive twice: where a party ends a connection that stayed open, what went into it is sent again.
    Connections are closed when nobody has the exchanges any more, if not before.
    """

    def __init__(self, *, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._idle: dict[str, list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._idle)

    def send(self, url: str, body: bytes | None, headers: Mapping[str, str]) -> Said:
        """POST the body, or GET without one. `Unavailable` "holder.unreachable" without an answer in time."""
        place, deadline = parse_url(url), time.monotonic() + self._seconds
        sent = {**headers, "Accept-Encoding": "identity"}
        kept = self._take(place)
        if kept is not None:
            try:
                return self._exchange(kept, place, body, sent, deadline)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                pass  # it was ended at that moment: a new one says whether anybody is there
            except (OSError, http.client.HTTPException) as error:
                raise _nobody(place) from error
        try:
            return self._exchange(self._connect(place), place, body, sent, deadline)
        except (OSError, http.client.HTTPException) as error:
            raise _nobody(place) from error

    def close(self) -> None:
        """Let go of the connections that nobody is using."""
        with self._lock:
            _close_all(self._idle)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        place: HttpUrl,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Said:
        is_over = False
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.sendall(_encoded(place, body, headers))
            with http.client.HTTPResponse(connection.sock, method=_method(body)) as response:
                response.begin()
                content = self._read(response, deadline)
                is_over = not response.will_close
            return Said(response.status, content)
        finally:
            if is_over:
                with self._lock:
                    self._idle.setdefault(place.origin, []).append(connection)
            else:
                connection.close()

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        received = bytearray()
        while chunk := response.read1(CHUNK_BYTES):
            received += chunk
            if len(received) > self._max_bytes:
                raise FormatError("holder.answer", f"an answer here has at most {self._max_bytes} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError
        return bytes(received)

    def _take(self, place: HttpUrl) -> http.client.HTTPConnection | None:
        while True:
            with self._lock:
                kept = self._idle.get(place.origin)
                connection = kept.pop() if kept else None
            if connection is None or not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()  # its other end was closed, or says what nobody asked for

    def _connect(self, place: HttpUrl) -> http.client.HTTPConnection:
        host, port = place.host.strip("[]"), int(place.port)
        if place.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._seconds)
        return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=authorities())


def _close_all(idle: dict[str, list[http.client.HTTPConnection]]) -> None:
    for connection in (one for kept in idle.values() for one in kept):
        connection.close()
    idle.clear()


def _method(body: bytes | None) -> str:
    return "GET" if body is None else "POST"


def _encoded(place: HttpUrl, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    """Head and body in one piece, so that they travel and arrive as one. A URL that was parsed has no line breaks."""
    lines = [f"{_method(body)} {place.path or '/'} HTTP/1.1", f"Host: {place.origin.partition('://')[2]}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")


def _nobody(place: HttpUrl) -> Unavailable:
    return Unavailable("holder.unreachable", f"nobody answers at {place.origin}: try again")
