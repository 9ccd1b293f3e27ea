"""A connection stays open for the next request, and is given up before the other end gives it up."""

import time

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from diptych.adapters.http import kept
from tests.serving import serving


async def port_of_the_client(scope: Scope, receive: Receive, send: Send) -> None:
    client = Request(scope).client
    await Response(str(client.port if client else 0))(scope, receive, send)


class Owner:
    """Who asks."""


def asked_twice(url: str, *, pause: float) -> list[str]:
    client = kept.open_client(owner := Owner(), seconds=5)
    first = client.get(url).text
    time.sleep(pause)
    found = [first, client.get(url).text]
    del owner
    return found


def test_one_connection_serves_requests_that_follow_one_another() -> None:
    with serving(lambda url: port_of_the_client) as url:
        first, second = asked_twice(url, pause=0.0)
    assert first == second


def test_an_idle_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert uvicorn.Config(port_of_the_client).timeout_keep_alive >= 2 * kept.IDLE_SECONDS
    monkeypatch.setattr(kept, "IDLE_SECONDS", 0.05)
    with serving(lambda url: port_of_the_client) as url:
        first, second = asked_twice(url, pause=0.2)
    assert first != second
