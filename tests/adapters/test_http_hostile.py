"""Whoever calls another role over HTTP, and what the other side may do: be silent, slow, endless, lie, answer twice.

Each time a caller has a named error soon, or the one answer to what it asked. The other side is a bare socket here.
"""

import contextlib
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from diptych.adapters.http import lines, order_desk, relying_party
from diptych.adapters.http.lines import HttpIssuerLine, HttpVerifierLine
from diptych.adapters.http.order_desk import HttpOrderDesk
from diptych.adapters.http.relying_party import RelyingParty
from diptych.errors import DiptychError
from diptych.private import Secret

SOON = 0.6
KEY = Secret(b"the relying party's key")
ASKED = {"id": "0" * 32, "secret": "AAAA", "link": "l", "qr": "q", "policy": "p", "expires_at": "e"}

Behaviour = Callable[[socket.socket], None]


def whole(body: bytes, *, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def forever(connection: socket.socket, chunk: bytes, pause: float) -> None:
    for _ in range(100_000):
        connection.sendall(chunk)
        time.sleep(pause)


def silent(connection: socket.socket) -> None:
    time.sleep(SOON * 4)


def slow_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    forever(connection, b"a", 0.05)


def slow_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
    forever(connection, b" ", 0.05)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    forever(connection, b"100000\r\n" + b" " * 0x100000 + b"\r\n", 0.0)


def cut_short(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def no_http(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def lying_length(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}")


def closing(connection: socket.socket) -> None:
    """It hangs up without a word."""


def elsewhere(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 307 Gone\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


BEHAVIOURS: list[Behaviour] = [
    silent,
    slow_head,
    slow_body,
    endless,
    cut_short,
    no_http,
    lying_length,
    closing,
]
CALLS: dict[str, Callable[[str], object]] = {
    "a wallet reads an issuer's metadata": lambda url: HttpIssuerLine().fetch(url),
    "a wallet asks for tokens": lambda url: HttpIssuerLine().ask_token(url, b"a=b", dpop="x"),
    "a wallet asks for documents": lambda url: HttpIssuerLine().ask_credential(
        url, b"{}", media_type="application/json", access_token=Secret(b"t"), dpop="x"
    ),
    "a wallet fetches a request": lambda url: HttpVerifierLine().fetch_request(url, b"a=b"),
    "a wallet sends its answer": lambda url: HttpVerifierLine().send_response(url, b"a=b"),
    "an officer places an order": lambda url: HttpOrderDesk(url).submit(b"order"),
    "a relying party asks": lambda url: RelyingParty(url, key=KEY).ask("over_18"),
    "a relying party reads a verdict": lambda url: RelyingParty(url, key=KEY).outcome("0" * 32, KEY),
}


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The callers' own bounds, made small."""
    for module, name in (
        (lines, "TOTAL_SECONDS"),
        (lines, "VERDICT_SECONDS"),
        (order_desk, "TIMEOUT_SECONDS"),
        (relying_party, "TIMEOUT_SECONDS"),
    ):
        monkeypatch.setattr(module, name, SOON)
    for call in (lines.HttpLine.get, lines.HttpLine.post):
        assert call.__kwdefaults__ is not None
        monkeypatch.setitem(call.__kwdefaults__, "total_seconds", SOON)
    assert RelyingParty._call.__kwdefaults__ is not None
    monkeypatch.setitem(RelyingParty._call.__kwdefaults__, "total_seconds", SOON)


@contextmanager
def speaking(behaviour: Behaviour) -> Iterator[tuple[str, list[bytes]]]:
    """The URL of somebody who behaves so to everyone, and what they were asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SOON * 10)

        def speak() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        asked.append(connection.recv(65536))
                        behaviour(connection)

        threading.Thread(target=speak, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked


@pytest.mark.usefixtures("impatience")
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.__name__)
@pytest.mark.parametrize("call", CALLS)
def test_whatever_the_other_side_does_the_caller_has_a_named_error_soon(call: str, behaviour: Behaviour) -> None:
    with speaking(behaviour) as (url, _):
        began = time.monotonic()
        with pytest.raises(DiptychError) as failed:
            CALLS[call](url)
        assert time.monotonic() - began < SOON + 5
    assert "Traceback" not in str(failed.value)


@pytest.mark.usefixtures("impatience")
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_without_an_end_is_not_held_in_memory(call: str) -> None:
    with speaking(endless) as (url, _):
        tracemalloc.start()
        try:
            with pytest.raises(DiptychError):
                CALLS[call](url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 160 * 1024 * 1024


@pytest.mark.parametrize("call", CALLS)
def test_nobody_is_sent_elsewhere(call: str) -> None:
    """A redirect is an answer like any other: the code, the token, the key go to whom they were meant for."""
    with speaking(elsewhere) as (url, asked):
        with contextlib.suppress(DiptychError):
            CALLS[call](url)
        assert len(asked) == 1


def test_of_two_answers_to_one_question_the_second_is_nobodys() -> None:
    """What comes behind an answer is not taken for the answer to what is asked next."""
    first = json.dumps({**ASKED, "policy": "first"}).encode()
    second = json.dumps({**ASKED, "policy": "second", "link": "somewhere else"}).encode()
    with speaking(lambda connection: connection.sendall(whole(first) + whole(second))) as (url, asked):
        caller, line = RelyingParty(url, key=KEY), HttpIssuerLine()
        links = {caller.ask("p").link for _ in range(3)}
        bodies = {line.fetch(url).body for _ in range(3)}
        assert (links, bodies) == ({"l"}, {first})
        assert len(asked) == 6


def test_interim_answers_are_no_answers() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 5
    with speaking(lambda connection: connection.sendall(early + whole(b"{}"))) as (url, _):
        assert HttpIssuerLine().fetch(url).body == b"{}"
