"""The wallet's lines: bounded, never redirected, https or this machine, Unavailable when nothing whole came."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from diptych.adapters.http import lines
from diptych.adapters.http.authorities import authorities
from diptych.adapters.http.lines import HttpIssuerLine, HttpVerifierLine
from diptych.errors import FormatError, Unavailable
from diptych.private import Secret

URL = "https://issuer.example/token"


def answering(respond: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(respond)


def reply(status: int = 200, body: bytes = b"", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=httpx.ByteStream(body))


class Drip(httpx.SyncByteStream):
    """An answer without an end."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield bytes(4096)


def test_a_token_request_carries_its_proof_and_brings_the_next_nonce() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return reply(200, b"{}", Content_Type="application/json; charset=utf-8", DPoP_Nonce="next")

    answer = HttpIssuerLine(answering(respond)).ask_token(URL, b"grant_type=x", dpop="proof")
    assert (answer.status, answer.media_type, answer.body, answer.dpop_nonce) == (
        200,
        "application/json",
        b"{}",
        "next",
    )
    (request,) = seen
    assert request.method == "POST"
    assert request.headers["DPoP"] == "proof"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.content == b"grant_type=x"


def test_a_credential_request_presents_its_token() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return reply()

    HttpIssuerLine(answering(respond)).ask_credential(
        URL, b"body", media_type="application/jwt", access_token=Secret(b"token"), dpop="proof"
    )
    assert seen[0].headers["Authorization"] == "DPoP token"
    assert seen[0].headers["Content-Type"] == "application/jwt"


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return reply(302, Location="https://elsewhere.example/")

    assert HttpVerifierLine(answering(respond)).send_response(URL, b"response=x").status == 302
    assert seen == [URL]


@pytest.mark.parametrize(
    "url", ["http://issuer.example/token", "ftp://issuer.example/", "https://u@issuer.example/", ""]
)
def test_only_https_or_this_machine_is_spoken_to(url: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise AssertionError("nobody was to be asked")

    with pytest.raises(FormatError, match="url"):
        HttpIssuerLine(answering(respond)).fetch(url)


def test_plain_http_is_spoken_on_this_machine() -> None:
    line = HttpIssuerLine(answering(lambda request: reply(200, b"{}")))
    assert line.fetch("http://127.0.0.1:8101/x").status == 200


def test_an_answer_without_an_end_is_cut_off() -> None:
    line = HttpVerifierLine(answering(lambda request: httpx.Response(200, stream=Drip())))
    with pytest.raises(FormatError, match=r"http\.size"):
        line.send_response(URL, b"response=x")


def test_an_answer_that_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "VERDICT_SECONDS", 0.0)
    line = lines.HttpLine(answering(lambda request: httpx.Response(200, stream=Drip())))
    with pytest.raises(Unavailable, match=r"http\.time"):
        line.post(URL, b"", headers={}, max_bytes=10**9, total_seconds=0.0)


@pytest.mark.parametrize("drip", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: a"], ids=["1xx", "head"])
def test_a_head_that_never_ends_is_given_up(drip: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(drip)
                while True:
                    time.sleep(0.05)
                    connection.sendall(drip if drip.endswith(b"\n") else b"a")

        threading.Thread(target=trickle, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"http\.time"):
            lines.HttpLine().post(url, b"", headers={}, max_bytes=1000, total_seconds=0.5)
        assert time.monotonic() - started < 3.0


@pytest.mark.parametrize("url", ["https://[:::::::]/", "https://a..b/", "https://xn--a/"])
def test_a_place_that_cannot_be_is_unreachable(url: str) -> None:
    with pytest.raises(Unavailable, match=r"http\.unreachable"):
        lines.HttpLine().post(url, b"", headers={}, max_bytes=1000, total_seconds=5.0)


def test_a_compressed_answer_is_not_unpacked() -> None:
    import gzip

    packed = gzip.compress(bytes(10_000_000))
    line = HttpVerifierLine(answering(lambda request: reply(200, packed, Content_Encoding="gzip")))
    assert line.send_response(URL, b"").body == packed


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError])
def test_no_whole_answer_is_unavailable_and_names_only_the_place(error: type[httpx.HTTPError]) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise error("with something personal in it")

    with pytest.raises(Unavailable) as failed:
        HttpVerifierLine(answering(respond)).fetch_request(URL, b"wallet_nonce=secret")
    assert str(failed.value) == "http.unreachable: no answer from https://issuer.example: try again"


def test_certificate_authorities_are_read_once_and_checked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    read, given = [], []
    believed = httpx.create_ssl_context(trust_env=False)
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **more: read.append(more) or believed)
    client = httpx.Client

    def noting(**more: object) -> httpx.Client:
        given.append(more["verify"])
        return client(**more)  # type: ignore[arg-type]

    monkeypatch.setattr(httpx, "Client", noting)
    authorities.cache_clear()
    try:
        for _ in range(3):
            HttpIssuerLine(answering(lambda request: reply(200, b"{}"))).fetch(URL)
    finally:
        authorities.cache_clear()
    assert read == [{"trust_env": False}]
    assert given == [believed] * 3
    assert believed.verify_mode is ssl.CERT_REQUIRED
    assert believed.check_hostname
