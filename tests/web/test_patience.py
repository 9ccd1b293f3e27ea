"""Clients that are slow where many share one process: let go after a while, and at once when room runs out."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from diptych.errors import FormatError, Unavailable
from diptych.web import one_request, patience
from diptych.web.patience import BodyRoom, PatientProtocol


async def say(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params.get("after", "0")))
    return PlainTextResponse("here")


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def serving(most: int = 100) -> Iterator[int]:
    listener = one_request.listen("127.0.0.1", 0)
    config = uvicorn.Config(
        Starlette(routes=[Route("/", say)]), http=PatientProtocol, ws="none", log_config=None, limit_concurrency=most
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def connect(port: int, said: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(said)
    return connection


def test_a_body_does_not_wait_until_its_head_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    sends_at_once = list[int]()
    made = PatientProtocol.connection_made

    def note(protocol: PatientProtocol, transport: asyncio.Transport) -> None:
        accepted = transport.get_extra_info("socket")
        made(protocol, transport)
        sends_at_once.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(PatientProtocol, "connection_made", note)
    with serving() as port:
        assert httpx.get(f"http://127.0.0.1:{port}/").text == "here"
    assert sends_at_once == [1]


@pytest.mark.parametrize("said", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTT"])
def test_who_never_ends_a_head_is_let_go(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    with serving() as port, connect(port, said) as connection:
        begun = time.monotonic()
        while connection.recv(65536):
            pass
        assert 0.2 < time.monotonic() - begun < 4


def drip(connection: socket.socket) -> None:
    for _ in range(200):
        connection.sendall(b"X")
        time.sleep(0.02)


def test_who_drips_a_head_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    with serving() as port, connect(port) as connection, pytest.raises(OSError):
        drip(connection)


def test_who_waits_for_an_answer_is_not_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)
    with serving() as port:
        assert httpx.get(f"http://127.0.0.1:{port}/?after=0.6", trust_env=False).text == "here"


def test_a_second_request_on_one_connection_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.4)
    with serving() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for _ in range(4):
            assert client.get("/").text == "here"
            time.sleep(0.25)


def test_when_connections_run_out_who_says_nothing_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PRESSED_SECONDS", 0.2)
    monkeypatch.setattr(patience, "HEAD_SECONDS", 60)
    with serving(most=16) as port:
        silent = [connect(port) for _ in range(14)]
        time.sleep(0.4)
        for _ in range(8):
            assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).text == "here"
        silent[0].settimeout(5)
        assert silent[0].recv(1) == b""
        for connection in silent:
            connection.close()


async def chunks(*sizes: int, pause: float = 0.0) -> AsyncIterator[bytes]:
    for size in sizes:
        await asyncio.sleep(pause)
        yield bytes(size)


def test_a_body_is_held_while_the_block_lasts() -> None:
    async def play() -> None:
        room = BodyRoom(100)
        async with room.hold(chunks(40, 40), seconds=5) as body:
            assert len(body) == 80
            with pytest.raises(Unavailable, match=r"http\.body_room"):
                async with room.hold(chunks(40), seconds=5):
                    pass
        async with room.hold(chunks(40, 40), seconds=5) as body:
            assert len(body) == 80

    asyncio.run(play())


def test_of_bodies_that_are_still_coming_the_oldest_makes_room() -> None:
    async def receive(room: BodyRoom, pause: float) -> int:
        async with room.hold(chunks(30, 30, pause=pause), seconds=5) as body:
            return len(body)

    async def play() -> None:
        room = BodyRoom(100)
        slow = [asyncio.create_task(receive(room, 0.3)) for _ in range(2)]
        await asyncio.sleep(0.4)  # each has sent thirty
        assert await receive(room, 0.0) == 60
        assert isinstance((await asyncio.gather(slow[0], return_exceptions=True))[0], FormatError)
        assert await slow[1] == 60

    asyncio.run(play())


def test_a_body_that_comes_too_slowly_is_let_go_and_a_late_block_is_not() -> None:
    async def hold(pause: float, then: float) -> str:
        async with BodyRoom(100).hold(chunks(1, 1, pause=pause), seconds=0.3):
            await asyncio.sleep(then)
            return "held"

    with pytest.raises(FormatError, match=r"http\.body_time"):
        asyncio.run(hold(0.2, 0))
    assert asyncio.run(hold(0, 0.5)) == "held"
