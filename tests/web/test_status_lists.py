"""Status lists and standings over HTTP: the same bytes for everybody, in two forms, and the desk for officers."""

import json

import pytest

from diptych.formats import base64url
from diptych.formats.order import standing
from diptych.formats.order.standing import Standing
from diptych.formats.status_list import token
from diptych.formats.status_list.token import CWT_MEDIA_TYPE, JWT_MEDIA_TYPE
from diptych.web.issuer.server import build_server
from tests.asgi_client import AsgiClient
from tests.issuing import nothing_changes
from tests.roles.issuer.test_standings import Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def client(scene: Scene) -> AsgiClient:
    town = scene.town
    server = build_server(town.url, lambda: town.issuer, clock=lambda: town.now, entropy=town.entropy)
    return AsgiClient(server, town.url)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, CWT_MEDIA_TYPE),
        ("*/*", CWT_MEDIA_TYPE),
        (CWT_MEDIA_TYPE, CWT_MEDIA_TYPE),
        (JWT_MEDIA_TYPE, JWT_MEDIA_TYPE),
        (f"{JWT_MEDIA_TYPE};q=0.9, text/html;q=0.1", JWT_MEDIA_TYPE),
        (f"{CWT_MEDIA_TYPE}, {JWT_MEDIA_TYPE};q=0.5", CWT_MEDIA_TYPE),
    ],
)
def test_a_list_is_served_in_the_form_that_is_asked_for(
    scene: Scene, client: AsgiClient, accept: str | None, media_type: str
) -> None:
    answer = client.get("/status-lists/1", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    found = token.parse(answer.content, media_type=media_type)
    assert found.unverified.uri == f"{scene.town.url}/status-lists/1"
    assert answer.headers["cache-control"] == "public, max-age=600"
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("number", ["2", "0", "x", "-1", "1" * 10, "²"])
def test_a_list_that_is_not_there_is_404(client: AsgiClient, number: str) -> None:
    answer = client.get(f"/status-lists/{number}")
    assert (answer.status_code, json.loads(answer.content)["error"]) == (404, "status.no_list")


def test_who_asks_how_it_was_is_not_told_how_it_is(client: AsgiClient) -> None:
    answer = client.get("/status-lists/1?time=1686925000")
    assert (answer.status_code, json.loads(answer.content)["error"]) == (501, "status.historical")


def test_a_standing_is_taken_once_and_known_the_second_time(scene: Scene, client: AsgiClient) -> None:
    scene.town.later(minutes=1)
    message = scene.message(Standing.SUSPENDED, "lost")
    headers = {"Content-Type": standing.MEDIA_TYPE}
    expected = {"order": base64url.encode(scene.order_id), "standing": "suspended", "in_force": False}
    for status in (201, 200):
        answer = client.post("/standings", content=message, headers=headers)
        assert (answer.status_code, json.loads(answer.content)) == (status, expected)
    scene.town.later(minutes=9)
    scene.publish()
    answer = client.post("/standings", content=message, headers=headers)
    assert json.loads(answer.content) == {**expected, "in_force": True}


def test_what_was_said_is_told_sealed_to_who_can_ask_for_it(scene: Scene, client: AsgiClient) -> None:
    element = scene.store.contents().orders[scene.order_id].chain
    assert element is not None
    scene.town.later(minutes=1)
    scene.say(Standing.SUSPENDED, "lost")
    bytes_ = {"Content-Type": "application/octet-stream"}
    answer = client.post("/told", content=element.asking.reveal(), headers=bytes_)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.content == scene.town.issuer.tell(element.asking)
    for body, headers, status in (
        (element.label, bytes_, 404),
        (element.asking.reveal()[1:], bytes_, 400),
        (bytes(33), bytes_, 413),
        (element.asking.reveal(), {"Content-Type": "text/plain"}, 415),
    ):
        answer = client.post("/told", content=body, headers=headers)
        assert answer.status_code == status
        assert b"lost" not in answer.content


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        (standing.MEDIA_TYPE, b"nonsense", 400),
        (standing.MEDIA_TYPE, b"x" * (standing.MAX_BYTES + 1), 413),
    ],
)
def test_what_is_no_standing_is_refused(
    scene: Scene, client: AsgiClient, content_type: str, body: bytes, status: int
) -> None:
    with nothing_changes(scene.town):
        answer = client.post("/standings", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status


def test_a_suspended_order_answers_403_and_not_invalid_grant(scene: Scene, client: AsgiClient) -> None:
    """A wallet gives its token up for `invalid_grant`, and this order may stand again."""
    from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
    from diptych.protocols.oauth.token import RefreshTokenRequest

    scene.town.later(minutes=1)
    scene.say(Standing.SUSPENDED, "lost")
    assert scene.tokens.refresh_token is not None
    body = RefreshTokenRequest(scene.tokens.refresh_token).encode()
    headers = {"Content-Type": FORM, "DPoP": scene.wallet.dpop("/token")}
    answer = client.post("/token", content=body, headers=headers)
    assert (answer.status_code, json.loads(answer.content)["error"]) == (403, "order.suspended")
