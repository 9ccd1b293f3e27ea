"""Holders and the registry over HTTP, as a workstation reaches them: side by side, each for a bounded time."""

import queue
import threading
import time
from collections.abc import Callable, Mapping

from diptych.adapters.http.exchanges import Exchanges
from diptych.adapters.http.trustees import said_error
from diptych.errors import DiptychError, Unavailable
from diptych.protocols.oauth.url import parse_url
from diptych.roles.officer.ports import Question, Slow

TRUSTEE_TYPE, REGISTRY_TYPE = "application/vnd.diptych.trustee+cbor", "application/vnd.diptych.registry+cbor"
SECONDS = 10.0
PATIENCE_SECONDS = 0.25
"""A holder that has not answered by then is slow: others may be asked in its place."""
REGISTRY_SECONDS = 30.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024

_NEVER = float("inf")


class HttpAnswers:
    """`Answers`: trustees by their URLs, and the registry's key service."""

    def __init__(self, registry_url: str, *, seconds: float = SECONDS, patience_seconds: float = PATIENCE_SECONDS):
        self._registry = parse_url(registry_url.rstrip("/")).text
        self._seconds = seconds
        self._patience_seconds = patience_seconds
        self._exchanges = Exchanges(seconds=seconds, max_bytes=MAX_ANSWER_BYTES)

    def close(self) -> None:
        """Let go of the connections. Nobody is waited for."""
        self._exchanges.close()

    def ask(self, questions: Mapping[int, Question]) -> "HttpReplies":
        replies = HttpReplies(self._send, seconds=self._seconds, patience_seconds=self._patience_seconds)
        replies.ask(questions)
        return replies

    def _send(self, question: Question) -> bytes:
        url, path, body = question
        location = url.rstrip("/")
        media_type = REGISTRY_TYPE if location == self._registry else TRUSTEE_TYPE
        return _send(self._exchanges, location, path, body, media_type)


class HttpReplies:
    """`Replies`: a thread for each question, which nobody waits for once its time is over."""

    def __init__(self, send: Callable[[Question], bytes], *, seconds: float, patience_seconds: float) -> None:
        self._send = send
        self._seconds = seconds
        self._patience_seconds = patience_seconds
        self._said: queue.SimpleQueue[tuple[int, bytes | Exception]] = queue.SimpleQueue()
        self._slow_at: dict[int, float] = {}
        self._over_at: dict[int, float] = {}

    def ask(self, questions: Mapping[int, Question]) -> None:
        for index, question in questions.items():
            now = time.monotonic()
            self._slow_at[index], self._over_at[index] = now + self._patience_seconds, now + self._seconds
            # A daemon: a holder that keeps silent does not keep the program from ending.
            threading.Thread(target=self._answer, args=(index, question), daemon=True, name="holder").start()

    def __iter__(self) -> "HttpReplies":
        return self

    def __next__(self) -> tuple[int, bytes | DiptychError]:
        while self._over_at:
            now = time.monotonic()
            next_slow = min(self._slow_at.items(), key=lambda item: item[1])
            next_over = min(self._over_at.items(), key=lambda item: item[1])
            try:
                index, answer = self._said.get(timeout=max(0.0, min(next_slow[1], next_over[1]) - now))
            except queue.Empty:
                if next_over[1] <= next_slow[1]:
                    self._forget(next_over[0])
                    return next_over[0], Unavailable("holder.silent", "it has not answered in time")
                self._slow_at[next_slow[0]] = _NEVER
                return next_slow[0], Slow("holder.slow", "it has not answered yet")
            if index not in self._over_at:
                continue  # its time was over
            self._forget(index)
            if isinstance(answer, Exception) and not isinstance(answer, DiptychError):
                raise answer
            return index, answer
        raise StopIteration

    def _forget(self, index: int) -> None:
        del self._slow_at[index], self._over_at[index]

    def _answer(self, index: int, question: Question) -> None:
        try:
            self._said.put((index, self._send(question)))
        except Exception as error:  # whatever it is, it is for who waits
            self._said.put((index, error))


class HttpRegistryLine:
    """`RegistryLine` at this URL."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url.rstrip("/")).text
        self._exchanges = Exchanges(seconds=REGISTRY_SECONDS, max_bytes=MAX_ANSWER_BYTES)

    @property
    def url(self) -> str:
        return self._url

    def send(self, path: str, body: bytes | None) -> bytes:
        return _send(self._exchanges, self._url, path, body, REGISTRY_TYPE)

    def close(self) -> None:
        """Let go of the connection."""
        self._exchanges.close()


def _send(exchanges: Exchanges, url: str, path: str, body: bytes | None, media_type: str) -> bytes:
    answer = exchanges.send(f"{url}/{path}", body, {} if body is None else {"Content-Type": media_type})
    if answer.status == 404 and body is None:
        return b""
    if answer.status not in (200, 204):
        raise said_error(answer.status, answer.content)
    return answer.content
