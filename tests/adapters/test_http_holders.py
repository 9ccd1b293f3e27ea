"""Holders over HTTP, and what one of them may do: be slow, silent or endless, and end the connection between messages.

The other side is a bare socket here.
"""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from diptych.adapters.http import holders
from diptych.adapters.http.exchanges import Exchanges
from diptych.adapters.http.holders import HttpAnswers, HttpRegistryLine
from diptych.adapters.http.kept import open_client
from diptych.adapters.http.recorder import HttpRecorder
from diptych.adapters.http.trustees import HttpTrustees
from diptych.crypto.signing import generate_signer
from diptych.errors import DiptychError, FormatError, Refused, Unavailable
from diptych.formats.tlog.entry import ActorClass, ActType, Entry
from diptych.roles.officer.ports import Slow
from tests.formats.tlog_specimen import ORIGIN, POLICY

SOON, PATIENCE = 0.8, 0.15
NOBODY = "http://127.0.0.1:9"

Behaviour = Callable[[socket.socket], None]


def whole(body: bytes, *, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def answer(connection: socket.socket) -> None:
    connection.sendall(whole(b"said"))


def late(connection: socket.socket) -> None:
    time.sleep(2 * PATIENCE)
    connection.sendall(whole(b"late"))


def silent(connection: socket.socket) -> None:
    time.sleep(SOON * 3)


def trickle(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(100):
        connection.sendall(b"a")
        time.sleep(0.05)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"100000\r\n" + b" " * 0x100000 + b"\r\n")


def closing(connection: socket.socket) -> None:
    """Says nothing of it, and ends the connection once it has answered."""
    connection.sendall(whole(b"said"))
    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def party(behave: Behaviour) -> Iterator[tuple[str, list[int]]]:
    """Its URL, and how many messages came on each connection."""
    messages: list[int] = []

    def serve(connection: socket.socket, at: int) -> None:
        with contextlib.suppress(OSError), connection:
            while connection.recv(65536):
                messages[at] += 1
                behave(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            messages.append(0)
            threading.Thread(target=serve, args=(connection, len(messages) - 1), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", messages
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def answers() -> Iterator[HttpAnswers]:
    asked = HttpAnswers(NOBODY, seconds=SOON, patience_seconds=PATIENCE)
    yield asked
    asked.close()


def test_one_after_another_goes_over_one_connection(answers: HttpAnswers) -> None:
    with party(answer) as (url, messages):
        for _ in range(3):
            assert list(answers.ask({1: (url, "lookups", b"body")})) == [(1, b"said")]
        assert messages == [3]


def test_whoever_ends_a_connection_is_reached_over_another(answers: HttpAnswers) -> None:
    with party(closing) as (url, _):
        for _ in range(3):
            assert list(answers.ask({1: (url, "lookups", b"body")})) == [(1, b"said")]


def test_connections_are_closed_when_nobody_has_them_any_more() -> None:
    with party(answer) as (url, _):
        exchanges = Exchanges(seconds=SOON, max_bytes=100)
        exchanges.send(url, None, {})
        ((connection,),) = exchanges._idle.values()
        assert connection.sock is not None
        del exchanges
        assert connection.sock is None


def test_a_client_of_httpx_is_closed_when_nobody_has_its_owner_any_more() -> None:
    class Owner:
        pass

    owner = Owner()
    client = open_client(owner, seconds=SOON)
    assert not client.is_closed
    del owner
    assert client.is_closed


def test_a_holder_that_is_slow_is_said_to_be_and_its_answer_comes_after_all(answers: HttpAnswers) -> None:
    with party(answer) as (quick, _), party(late) as (slow, _):
        replies = answers.ask({1: (slow, "lookups", b"body"), 2: (quick, "lookups", b"body")})
        assert next(replies) == (2, b"said")
        index, said = next(replies)
        assert (index, type(said)) == (1, Slow)
        replies.ask({3: (quick, "lookups", b"body")})
        assert list(replies) == [(3, b"said"), (1, b"late")]


@pytest.mark.parametrize("behave", [silent, trickle])
def test_a_holder_that_says_nothing_whole_is_given_up_in_time(answers: HttpAnswers, behave: Behaviour) -> None:
    with party(behave) as (url, _):
        began = time.monotonic()
        told = list(answers.ask({1: (url, "lookups", b"body")}))
        said = [(index, error.check) for index, error in told if isinstance(error, DiptychError)]
        assert said[0] == (1, "holder.slow")
        assert said[1:] in ([(1, "holder.silent")], [(1, "holder.unreachable")])
        assert time.monotonic() - began < SOON + 0.5


def test_nobody_there_is_unreachable_and_an_endless_answer_is_not_read(answers: HttpAnswers) -> None:
    with party(endless) as (url, _):
        said = dict(answers.ask({1: (url, "lookups", b"body"), 2: (NOBODY, "lookups", b"body")}))
    assert isinstance(said[1], FormatError)
    assert said[1].check == "holder.answer"
    assert isinstance(said[2], Unavailable)
    assert said[2].check == "holder.unreachable"


def test_a_refusal_goes_by_the_name_that_the_other_side_gives(answers: HttpAnswers) -> None:
    refusal = whole(b'{"error":"lookup.quota_officer"}', status="403 Forbidden")
    with party(lambda connection: connection.sendall(refusal)) as (url, _):
        ((_, said),) = answers.ask({1: (url, "lookups", b"body")})
        assert isinstance(said, Refused)
        assert said.check == "lookup.quota_officer"


def test_nothing_yet_is_an_empty_answer_to_a_question() -> None:
    with party(lambda connection: connection.sendall(whole(b"{}", status="404 Not Found"))) as (url, _):
        line = HttpRegistryLine(url)
        assert line.send("checkpoint", None) == b""
        with pytest.raises(Refused):
            line.send("records", b"body")
        line.close()


def test_a_silent_holder_does_not_keep_the_program_from_ending() -> None:
    script = (
        "import sys; from diptych.adapters.http.holders import HttpAnswers;"
        "asked = HttpAnswers('http://127.0.0.1:9', seconds=60, patience_seconds=0.1);"
        "print(next(asked.ask({1: (sys.argv[1], 'lookups', b'body')}))[1].check); asked.close()"
    )
    with party(lambda connection: time.sleep(30)) as (url, _):
        ended = subprocess.run([sys.executable, "-c", script, url], capture_output=True, timeout=25, check=True)
    assert ended.stdout == b"holder.slow\n"


def test_plain_http_is_for_this_machine() -> None:
    with pytest.raises(FormatError, match=r"url\.scheme"):
        Exchanges(seconds=SOON, max_bytes=10).send("http://trustee.example/lookups", b"", {})


def test_a_log_that_answers_without_end_is_not_read_to_the_end() -> None:
    signer = generate_signer()
    entry = Entry(ActType.LABEL_TREE, date(2026, 11, 29), ActorClass.ISSUER, bytes(32), bytes(32), bytes(32))
    with party(endless) as (url, _):
        recorder = HttpRecorder(url, origin=ORIGIN, signer=signer, policy=POLICY, seconds=SOON)
        with pytest.raises(FormatError, match=r"http\.size"):
            recorder.record([entry])
        recorder.close()


def test_a_trustee_that_speaks_without_end_in_a_ceremony_is_not_listened_to() -> None:
    trustees = HttpTrustees()
    with party(endless) as (url, _), pytest.raises(FormatError, match=r"http\.size"):
        trustees.ask_at(url, "ceremonies", b"channel")
    trustees.close()


def test_as_shipped_nobody_waits_long_for_a_slow_holder() -> None:
    assert holders.PATIENCE_SECONDS <= 0.3
    assert holders.SECONDS <= 10
