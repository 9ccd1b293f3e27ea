"""The issuer's desk over HTTP: taken, refused with a reason, or unknown; never something in between."""

import gzip
from collections.abc import Callable

import httpx
import pytest

from diptych.adapters.http.order_desk import HttpOrderDesk
from diptych.errors import FormatError, Refused, Unavailable


def desk(answer: Callable[[httpx.Request], httpx.Response]) -> HttpOrderDesk:
    return HttpOrderDesk("https://issuer.utopia.example/", transport=httpx.MockTransport(answer))


def reply(status: int, body: bytes = b"") -> httpx.Response:
    headers = {"Location": "/x", "Content-Encoding": "gzip" if body.startswith(b"\x1f\x8b") else "identity"}
    return httpx.Response(status, stream=httpx.ByteStream(body), headers=headers)


def test_an_order_is_posted_as_it_is_with_its_media_type() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return reply(201)

    desk(answer).submit(b"signed order")
    assert str(seen[0].url) == "https://issuer.utopia.example/orders"
    assert seen[0].method == "POST"
    assert seen[0].content == b"signed order"
    assert seen[0].headers["content-type"] == "application/vnd.diptych.order+cbor"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, b'{"error":"order.officer","error_description":"this key is not honoured"}', "this key is not honoured"),
        (409, b'{"message":"another order has this id"}', "another order has this id"),
        (400, b"<html>", "did not say why"),
        (404, b"[]", "did not say why"),
        (413, b'{"error_description":"\\u001b[31m"}', "did not say why"),
        (302, b"", "did not say why"),
    ],
)
def test_a_refusal_is_the_last_word_and_gives_its_reason(status: int, body: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        desk(lambda _: reply(status, body)).submit(b"x")


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_failing_issuer_is_worth_trying_again(status: int) -> None:
    with pytest.raises(Unavailable, match="try again"):
        desk(lambda _: reply(status)).submit(b"x")


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("no"), httpx.ReadTimeout("late"), httpx.RemoteProtocolError("cut")]
)
def test_an_answer_that_does_not_come_is_worth_trying_again(error: httpx.HTTPError) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(Unavailable, match="try again"):
        desk(answer).submit(b"x")


def test_an_answer_that_unpacks_to_more_than_it_weighs_is_not_unpacked() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "identity"
        packed = gzip.compress(b'{"message":"unpacked"}')
        return reply(403, packed)

    with pytest.raises(Refused, match="did not say why"):
        desk(answer).submit(b"x")


def test_an_answer_without_an_end_is_worth_trying_again() -> None:
    with pytest.raises(Unavailable, match="try again"):
        desk(lambda _: reply(403, bytes(10**6))).submit(b"x")


@pytest.mark.parametrize("url", ["http://issuer.utopia.example", "ftp://x", "https://user@x.example", "issuer"])
def test_only_https_or_this_machine_is_spoken_to(url: str) -> None:
    with pytest.raises(FormatError):
        HttpOrderDesk(url)
