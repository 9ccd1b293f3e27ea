"""The front that never reads: one request a process, bounded in number, time and memory; and a clean end."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from diptych.errors import Unavailable
from diptych.web import one_request

SPECIMEN = Path(__file__).with_name("one_request_specimen.py")


class Server:
    def __init__(self, folder: Path, **limits: float) -> None:
        self.chores = folder / "chores"
        given = {"chore_file": str(self.chores), **limits}
        self.process = subprocess.Popen(
            [sys.executable, str(SPECIMEN), json.dumps(given)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port, self.admin_port = (int(port) for port in self.process.stdout.readline().split())

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=20)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, list[dict[str, object]]]:
        """End it; its exit code and its journal."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, [json.loads(line) for line in said.splitlines()]


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    servers: list[Server] = []

    def begin(**limits: float) -> Server:
        servers.append(Server(tmp_path, **limits))
        return servers[-1]

    yield begin
    for server in servers:
        if server.process.poll() is None:
            server.stop()


def read_all(connection: socket.socket) -> bytes:
    found = b""
    while chunk := connection.recv(65536):
        found += chunk
    return found


def drip(connection: socket.socket) -> None:
    for _ in range(100):
        connection.sendall(b"X")
        time.sleep(0.05)


def test_each_request_has_a_process_of_its_own_that_is_gone_afterwards(start: Start) -> None:
    server = start()
    seen = [server.get("/pid") for _ in range(5)]
    children = {response.text.split()[0] for response in seen}
    assert len(children) == 5
    assert {response.text.split()[1] for response in seen} == {str(server.process.pid)}
    assert {response.headers["connection"] for response in seen} == {"close"}
    time.sleep(0.5)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def test_a_connection_carries_one_request_and_the_second_is_not_answered(start: Start) -> None:
    with start().connect() as connection:
        connection.sendall(b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        assert read_all(connection).count(b"HTTP/1.1 ") == 1


def test_a_large_body_comes_through_whole(start: Start) -> None:
    server, body = start(), bytes(range(256)) * 8192
    assert httpx.post(f"http://127.0.0.1:{server.port}/echo", content=body, timeout=20).content == body


def test_an_answer_before_the_body_was_read_reaches_the_client(start: Start) -> None:
    server = start()
    for _ in range(5):
        response = httpx.post(f"http://127.0.0.1:{server.port}/refuse", content=bytes(2_000_000), timeout=20)
        assert (response.status_code, response.text) == (413, "too long")


def test_a_client_that_says_nothing_is_let_go(start: Start) -> None:
    server = start(head_seconds=0.3)
    with server.connect() as connection:
        begun = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - begun < 3
    assert server.get("/pid").status_code == 200


def test_a_client_that_sends_its_head_byte_by_byte_is_let_go(start: Start) -> None:
    server = start(head_seconds=0.5)
    with server.connect() as connection:
        begun = time.monotonic()
        with pytest.raises(OSError):  # reset or closed, while still sending
            drip(connection)
        assert time.monotonic() - begun < 4


def test_a_client_that_never_ends_its_body_is_let_go(start: Start) -> None:
    server = start(total_seconds=0.8)
    with server.connect() as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        begun = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - begun < 4
    _, said = server.stop()
    assert [line["signal"] for line in said if line["event"] == "request_killed"] == ["SIGALRM"]


def test_work_that_hangs_is_killed_and_others_go_on(start: Start) -> None:
    server = start(total_seconds=0.8)
    with pytest.raises(httpx.RemoteProtocolError):
        server.get("/hang")
    assert server.get("/pid").status_code == 200


def test_a_child_that_dies_takes_nobody_with_it(start: Start) -> None:
    server = start()
    with pytest.raises(httpx.RemoteProtocolError):
        server.get("/crash")
    assert server.get("/pid").status_code == 200
    _, said = server.stop()
    assert [line["signal"] for line in said if line["event"] == "request_killed"] == ["SIGABRT"]


def test_a_child_cannot_grow_beyond_its_limit(start: Start) -> None:
    server = start(address_space_bytes=700 * 1024 * 1024)
    assert server.get("/grow/10").text == str(10 * 1024 * 1024)
    assert server.get("/grow/900").status_code == 500
    assert server.get("/pid").status_code == 200


def test_children_dump_no_core_and_have_bounded_memory(start: Start) -> None:
    limits = start(address_space_bytes=800 * 1024 * 1024).get("/limits").json()
    assert limits == {"core": [0, 0], "as": [800 * 1024 * 1024] * 2}


def test_more_clients_than_children_wait_their_turn(start: Start) -> None:
    server = start(children=2)
    begun = time.monotonic()
    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(lambda _: server.get("/sleep/0.4").text, range(6)))
    assert answers == ["slept"] * 6
    assert time.monotonic() - begun >= 1.2  # three turns of two


def test_slow_clients_take_no_turn_from_others(start: Start) -> None:
    server = start(children=2, listening=4, head_seconds=30, pressed_seconds=30)
    silent, slow = [server.connect() for _ in range(2)], [server.connect() for _ in range(2)]
    for connection in slow:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    begun = time.monotonic()
    with ThreadPoolExecutor(6) as clients:
        assert list(clients.map(lambda _: server.get("/sleep/0.2").text, range(6))) == ["slept"] * 6
    assert time.monotonic() - begun < 5
    for connection in (*silent, *slow):
        connection.close()


def test_when_every_child_listens_in_vain_the_slowest_client_makes_room(start: Start) -> None:
    server = start(children=2, listening=2, head_seconds=30, pressed_seconds=0.3)
    silent = [server.connect() for _ in range(4)]
    time.sleep(0.4)
    begun = time.monotonic()
    assert server.get("/pid").status_code == 200
    assert time.monotonic() - begun < 5
    assert silent[0].recv(1) == b""
    silent[3].settimeout(0.2)
    with pytest.raises(TimeoutError):  # not one more than there is work for
        silent[3].recv(1)
    for connection in silent:
        connection.close()


def test_who_has_sent_everything_and_waits_for_a_turn_is_not_let_go(start: Start) -> None:
    server = start(children=1, listening=3, pressed_seconds=0.1)
    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(lambda _: server.get("/sleep/0.4").text, range(6)))
    assert answers == ["slept"] * 6


def test_the_number_of_children_is_bounded_while_clients_pile_up(start: Start) -> None:
    server = start(children=3, listening=0, head_seconds=1.0)
    idle = [server.connect() for _ in range(10)]
    time.sleep(0.4)
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    # The operator's own listener is served all the same.
    assert httpx.get(f"http://127.0.0.1:{server.admin_port}/health", timeout=5).json() == {"status": "ok"}
    assert len(children) <= 4  # three, and perhaps the chore's
    for connection in idle:
        connection.close()
    assert server.get("/pid").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_what_it_began_and_takes_nothing_new(start: Start, number: int) -> None:
    server = start()
    with ThreadPoolExecutor(1) as clients:
        answer = clients.submit(server.get, "/sleep/0.8")
        time.sleep(0.4)
        code, said = server.stop(number)
        assert answer.result().text == "slept"
    assert code == 0
    events = [line["event"] for line in said if line["event"] != "chore"]
    assert events == ["listening", "stopping", "request", "stopped"]
    with pytest.raises(httpx.ConnectError):
        server.get("/pid")


def test_chores_run_in_children_now_and_then(start: Start) -> None:
    server = start()
    time.sleep(1.2)
    ran = server.chores.read_text().split()
    assert len(ran) >= 2
    assert str(server.process.pid) not in ran


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\x00", b"GET\r\n\r\n", b"X" * 100_000, b"GET / HTTP/9\r\n\r\n"])
def test_what_is_not_http_is_answered_or_closed_and_hurts_nobody(start: Start, nonsense: bytes) -> None:
    server = start(head_seconds=0.5)
    with server.connect() as connection:
        connection.sendall(nonsense)
        try:
            answer = read_all(connection)
        except ConnectionResetError:
            answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert server.get("/pid").status_code == 200


def test_a_port_that_is_taken_is_named() -> None:
    with one_request.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"port {port}"):
            one_request.listen("127.0.0.1", port)
