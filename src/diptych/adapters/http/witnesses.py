"""A log's witnesses over HTTP (c2sp.org/tlog-witness): asked side by side, for a bounded time, one question at once.

Whatever they answer is bytes of bounded length, and silence is an answer too. What may be believed is left to
`protocols/witnessing` and `roles/log`.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.witnessing.add_checkpoint import (
    MAX_ANSWER_BYTES,
    PATH,
    TEXT_MEDIA_TYPE,
    AddCheckpoint,
    Answer,
    checkpoint_path,
)

ANSWER_SECONDS = 3.0


@dataclass
class HttpWitnesses:
    """`Witnesses` at these URLs. `transport` stands in for the network in tests."""

    urls: Sequence[str]
    transport: httpx.BaseTransport | None = None
    seconds: float = ANSWER_SECONDS
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._clients = {url: self._client(url) for url in self.urls}
        # Twice as many: whoever hangs in a question can still be asked what it shows.
        self._threads = ThreadPoolExecutor(2 * len(self.urls) or 1, thread_name_prefix="witness")

    def round(self) -> "HttpRound":
        return HttpRound(self, self.seconds)

    def latest(self, urls: Sequence[str], origin: str) -> Mapping[str, bytes | None]:
        found: queue.SimpleQueue[tuple[str, Answer | None]] = queue.SimpleQueue()
        path = checkpoint_path(origin)

        def look(url: str) -> None:
            found.put((url, self._send(url, "GET", path, None, MAX_NOTE_BYTES)))

        for url in urls:
            self._threads.submit(look, url)
        shown: dict[str, bytes | None] = {}
        for url, answer in _until(found, lambda: len(urls), self.seconds):
            if answer is not None and answer.status in (200, 404):
                shown[url] = answer.body if answer.status == 200 else None
        return shown

    def close(self) -> None:
        """Ask nobody any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.close()

    def ask(self, url: str, request: AddCheckpoint, answers: "queue.SimpleQueue[tuple[str, Answer | None]]") -> None:
        """Put the witness's answer into `answers`, now or later; None at once if it still owes another one."""
        with self._lock:
            if url in self._busy:
                answers.put((url, None))
                return
            self._busy.add(url)
        body = request.encode()

        def send() -> None:
            answer = None
            try:
                answer = self._send(url, "POST", PATH, body, MAX_ANSWER_BYTES)
            finally:
                with self._lock:
                    self._busy.discard(url)
                answers.put((url, answer))

        self._threads.submit(send)

    def _client(self, url: str) -> httpx.Client:
        parse_url(url)
        return httpx.Client(transport=self.transport, timeout=self.seconds, follow_redirects=False, trust_env=False)

    def _send(self, url: str, method: str, path: str, body: bytes | None, max_bytes: int) -> Answer | None:
        # A body that trickles in would never run into the timeout of a single read.
        deadline = time.monotonic() + self.seconds
        headers = {"Accept-Encoding": "identity"} | ({} if body is None else {"Content-Type": TEXT_MEDIA_TYPE})
        target = url.rstrip("/") + path
        try:
            with self._clients[url].stream(method, target, content=body, headers=headers) as response:
                received = bytearray()
                for chunk in response.iter_raw():
                    received += chunk
                    if len(received) > max_bytes or time.monotonic() > deadline:
                        return None
                return Answer(response.status_code, response.headers.get("content-type", ""), bytes(received))
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError):  # RuntimeError: the client was closed meanwhile
            return None


@dataclass
class HttpRound:
    """`Round`: answers from threads, in the order in which they come."""

    witnesses: HttpWitnesses
    seconds: float
    _asked: int = 0
    _answers: "queue.SimpleQueue[tuple[str, Answer | None]]" = field(default_factory=queue.SimpleQueue)

    def ask(self, url: str, request: AddCheckpoint) -> None:
        self._asked += 1
        self.witnesses.ask(url, request, self._answers)

    def answers(self) -> Iterator[tuple[str, Answer | None]]:
        return _until(self._answers, lambda: self._asked, 2 * self.seconds)


def _until(
    answers: "queue.SimpleQueue[tuple[str, Answer | None]]", count: Callable[[], int], seconds: float
) -> Iterator[tuple[str, Answer | None]]:
    """As many answers as were asked for, or those that came in time."""
    deadline, heard = time.monotonic() + seconds, 0
    while heard < count():
        try:
            answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return
        heard += 1
        yield answer
