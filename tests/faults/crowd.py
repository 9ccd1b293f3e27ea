"""Two hundred clients at once on this machine, ten of them hostile; what they got, and what it cost the server.

Everybody stops by themselves: an honest client after a few tries, a hostile one when the honest are done, after so many
connections, or when its time is up.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.faults.town import family

HONEST, HOSTILE = 190, 10
MOST_SECONDS = 75.0
TRIES = 4
PAUSE_SECONDS = 1.0
"""Before an honest client tries again, as a person would."""


@dataclass
class Measured:
    """What a crowd got."""

    seconds: list[float] = field(default_factory=list)
    tries: list[int] = field(default_factory=list)
    unserved: list[str] = field(default_factory=list)
    hostile: dict[str, int] = field(default_factory=dict)
    peak_mebibytes: float = 0.0
    processes: int = 0

    def __str__(self) -> str:
        ordered = sorted(self.seconds) or [0.0]
        middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
        acts = ", ".join(f"{count} {name}" for name, count in sorted(self.hostile.items()))
        return (
            f"{len(self.seconds)} served and {len(self.unserved)} not; median {middle:.1f} s, "
            f"95 of 100 within {late:.1f} s, the last {ordered[-1]:.1f} s; {sum(self.tries)} tries; hostile: {acts}; "
            f"at most {self.peak_mebibytes:.0f} MiB in {self.processes} processes"
        )


class Hostility:
    """When the hostile stop, and what they did."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._deadline = time.monotonic() + MOST_SECONDS
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self.did: dict[str, int] = {}

    @property
    def goes_on(self) -> bool:
        return not self._is_over.is_set() and time.monotonic() < self._deadline

    def stop(self) -> None:
        self._is_over.set()

    def pause(self, seconds: float) -> None:
        self._is_over.wait(seconds)

    def count(self, name: str) -> None:
        with self._lock:
            self.did[name] = self.did.get(name, 0) + 1

    def connect(self) -> socket.socket | None:
        with suppress(OSError):
            return socket.create_connection(("127.0.0.1", self.port), timeout=5)
        return None


Hostile = Callable[[Hostility], None]


def silent(connections: int) -> Hostile:
    """Opens connections and says nothing; whichever is closed is opened again, at most twenty times over."""
    return _holding("silent connections", connections, b"", b"")


def slow_heads(connections: int, path: str) -> Hostile:
    """Sends a head byte by byte."""
    return _holding("heads that never end", connections, f"POST {path} HTTP/1.1\r\nHost: x\r\nX: ".encode(), b"x")


def slow_bodies(connections: int, path: str, media_type: str) -> Hostile:
    """Announces a body and sends it byte by byte."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\nContent-Length: 9000\r\n\r\n"
    return _holding("bodies that trickle", connections, head.encode(), b"x")


def huge_bodies(path: str, media_type: str) -> Hostile:
    """Sends without an end, and without saying how much."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"

    def act(hostility: Hostility) -> None:
        for _ in range(60):
            if not hostility.goes_on:
                return
            connection = hostility.connect()
            if connection is None:
                continue
            hostility.count("huge bodies")
            with connection, suppress(OSError):
                connection.settimeout(2)
                connection.sendall(head.encode())
                for _ in range(200):
                    connection.sendall(chunk)
            hostility.pause(0.1)

    return act


def repeating(name: str, say: Callable[[], object], most: int, pause: float = 0.05) -> Hostile:
    """Says the same, or the same sort of thing, again and again."""

    def act(hostility: Hostility) -> None:
        for _ in range(most):
            if not hostility.goes_on:
                return
            hostility.count(name)
            with suppress(httpx.TransportError):
                say()
            hostility.pause(pause)

    return act


def play(honest: Sequence[Callable[[], str | None]], hostile: Sequence[Hostile], *, port: int, server: int) -> Measured:
    """Everybody at once. An honest client's turn returns None when it was served, or why it was not."""
    found, hostility, begin = Measured(), Hostility(port), threading.Barrier(len(honest) + len(hostile))

    def one(act: Callable[[], str | None]) -> None:
        begin.wait(60)
        begun, why = time.monotonic(), None
        for attempt in range(1, TRIES + 1):
            why = act()
            if why is None:
                found.seconds.append(time.monotonic() - begun)
                found.tries.append(attempt)
                return
            time.sleep(PAUSE_SECONDS)
        found.unserved.append(str(why))

    def other(act: Hostile) -> None:
        begin.wait(60)
        act(hostility)

    with ThreadPoolExecutor(len(honest) + len(hostile)) as everybody, _weighing(server, found):
        attacks = [everybody.submit(other, act) for act in hostile]
        served = [everybody.submit(one, act) for act in honest]
        for turn in served:
            turn.result(MOST_SECONDS * 2)
        hostility.stop()
        for attack in attacks:
            attack.result(30)
    found.hostile = hostility.did
    return found


def _holding(name: str, connections: int, first: bytes, then: bytes) -> Hostile:
    def act(hostility: Hostility) -> None:
        held: list[socket.socket] = []
        opened = 0
        while hostility.goes_on:
            while len(held) < connections and opened < connections * 20 and hostility.goes_on:
                connection = hostility.connect()
                opened += 1
                if connection is None:
                    break
                connection.setblocking(False)
                hostility.count(name)
                with suppress(OSError):
                    connection.send(first)
                held.append(connection)
            held = [connection for connection in held if _is_open(connection, then)]
            hostility.pause(0.2)
        for connection in held:
            connection.close()

    return act


def _is_open(connection: socket.socket, then: bytes) -> bool:
    """Whether the server still listens to it; says `then` if so."""
    try:
        if then:
            connection.send(then)
        if connection.recv(4096) != b"":
            return True
    except BlockingIOError:
        return True
    except OSError:
        pass
    connection.close()
    return False


@contextmanager
def _weighing(server: int, found: Measured) -> Iterator[None]:
    """The most that a server and its workers held together: shared pages are counted once among those who share."""
    is_over = threading.Event()

    def weigh() -> None:
        while not is_over.wait(0.5):
            sizes = [size for size in map(_proportional_kib, family(server)) if size]
            found.peak_mebibytes = max(found.peak_mebibytes, sum(sizes) / 1024)
            found.processes = max(found.processes, len(sizes))

    scales = threading.Thread(target=weigh)
    scales.start()
    try:
        yield
    finally:
        is_over.set()
        scales.join()


def _proportional_kib(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
