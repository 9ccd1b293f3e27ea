"""The verifier over HTTP: what relying parties and wallets send, and what they get."""

import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from diptych.adapters.http.relying_party import RelyingParty
from diptych.errors import Conflict, FormatError, Refused, Unavailable
from diptych.formats import base64url
from diptych.private import Secret
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import request_object, response
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.web.verifier.server import build_server
from tests import verifying
from tests.protocols import openid4vp_parties as parties
from tests.protocols.openid4vp_parties import NOW
from tests.serving import serving
from tests.verifying import PERSON, URL, Town, proven, shown

KEY = Secret(b"the relying party's key")
FORM = "application/x-www-form-urlencoded"


class Server:
    """The verifier on a clock that tests set, and the clients that speak with it."""

    def __init__(self) -> None:
        self.closed: list[bool] = []

    def build(self, url: str) -> FastAPI:
        self.url = url
        self.town = Town(url=url)
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=30)
        self.relying_party = RelyingParty(url, key=KEY)
        return build_server(
            self.town.verifier,
            url=url,
            key_hash=hashlib.sha256(KEY.reveal()).digest(),
            clock=self.now,
            on_close=lambda: self.closed.append(True),
        )

    def now(self) -> datetime:
        return self.town.now

    def fetch(self, link: str) -> VerifiedRequest:
        found = request_object.parse_link(link)
        answer = self.client.post(found.request_uri, data={"wallet_nonce": parties.WALLET_NONCE})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/oauth-authz-req+jwt"
        assert answer.headers["cache-control"] == "no-store"
        return request_object.verify(
            answer.text,
            expected_client_id=found.client_id,
            expected_wallet_nonce=parties.WALLET_NONCE,
            trust=parties.TRUST,
            now=NOW,
        )

    def post(self, verified: VerifiedRequest, body: bytes) -> httpx.Response:
        return self.client.post(verified.request.response_uri, content=body, headers={"Content-Type": FORM})


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    with serving(found.build):
        yield found
        found.client.close()
    assert found.closed == [True]


def test_a_question_is_asked_answered_and_read(server: Server) -> None:
    question = server.relying_party.ask("over_18")
    assert question.qr == f"{server.url}/presentations/{question.id}/qr.svg"
    verified = server.fetch(question.link)
    assert server.relying_party.outcome(question.id, question.secret).state == "fetched"
    taken = server.post(verified, proven(verified))
    assert (taken.status_code, taken.json()) == (200, {})
    outcome = question.wait(1)
    assert outcome.accepted
    assert (outcome.policy, outcome.mechanism, outcome.check) == ("over_18", "longfellow", None)
    assert outcome.verify_ms is not None
    assert outcome.size is not None
    assert outcome.time == "2026-07-01T12:00:00Z"


def test_a_refusal_names_its_check_to_both_sides(server: Server) -> None:
    question = server.relying_party.ask("over_18")
    verified = server.fetch(question.link)
    answer = server.post(verified, proven(verified, timestamp=NOW - timedelta(hours=1)))
    assert (answer.status_code, answer.json()["error"]) == (400, "zk.skew")
    outcome = question.wait(1)
    assert (outcome.state, outcome.check, outcome.accepted) == ("refused", "zk.skew", False)


def test_one_http_call_brings_the_link_and_then_the_verdict(server: Server) -> None:
    question = {"policy": "over_18", "wait_seconds": 20}
    headers = {"Authorization": _bearer(KEY)}
    with server.client.stream("POST", "/presentations", json=question, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        lines = answer.iter_lines()
        first = json.loads(next(lines))
        verified = server.fetch(first["link"])
        server.post(verified, proven(verified))
        second = json.loads(next(lines))
    assert (second["verdict"], second["state"]) == ("accepted", "accepted")


def test_what_is_asked_to_be_seen_comes_once(server: Server) -> None:
    question = server.relying_party.ask("identity_name")
    verified = server.fetch(question.link)
    server.post(verified, shown(verified, PERSON, "family_name", "given_name"))
    first, second = question.wait(1), question.wait(1)
    assert {name: value.reveal() for name, value in first.revealed.items()} == {
        "family_name": "Mustermann",
        "given_name": "Erika",
    }
    assert second.revealed == {}
    assert "Mustermann" not in repr(first)


def test_on_the_same_device_the_browser_brings_the_code_back(server: Server) -> None:
    question = server.relying_party.ask("over_18", return_uri="https://shop.example/back")
    verified = server.fetch(question.link)
    redirect_uri = response.parse_receipt(server.post(verified, proven(verified)).content)
    assert redirect_uri is not None
    with pytest.raises(Refused, match=r"presentation\.response_code"):
        question.wait(1)
    assert question.came_back(redirect_uri.partition("=")[2]).accepted


def _bearer(secret: Secret) -> str:
    return f"Bearer {base64url.encode(secret.reveal())}"


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({}, 400, "http.authorization"),
        ({"Authorization": "Basic eDp5"}, 400, "http.authorization"),
        ({"Authorization": "Bearer !"}, 400, "base64url"),
        ({"Authorization": _bearer(Secret(b"guess"))}, 403, "relying_party.key"),
    ],
)
def test_a_stranger_cannot_ask_in_the_verifiers_name(
    server: Server, headers: dict[str, str], status: int, error: str
) -> None:
    answer = server.client.post("/presentations", json={"policy": "over_18"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize(
    ("body", "media_type", "status", "error"),
    [
        (b"{}", "application/json", 400, "json.policy"),
        (b"[]", "application/json", 400, "json.object"),
        (b"{", "application/json", 400, "json"),
        (b'{"policy":"nope"}', "application/json", 403, "policy.unknown"),
        (b'{"policy":"over_18","wait_seconds":0}', "application/json", 400, "json.wait_seconds"),
        (b'{"policy":"over_18","wait_seconds":true}', "application/json", 400, "json.wait_seconds"),
        (b'{"policy":"over_18","return_uri":7}', "application/json", 400, "json.return_uri"),
        (b'{"policy":"over_18","return_uri":"https://a.example","wait_seconds":5}', "application/json", 400, None),
        (b'{"policy":"over_18","return_uri":"ftp://a.example"}', "application/json", 400, "url"),
        (b'{"policy":"over_18"}', "text/plain", 415, "http.media_type"),
        (b" " * 9000, "application/json", 413, "http.body_size"),
    ],
)
def test_a_malformed_question_is_refused_by_name(
    server: Server, body: bytes, media_type: str, status: int, error: str | None
) -> None:
    headers = {"Authorization": _bearer(KEY), "Content-Type": media_type}
    answer = server.client.post("/presentations", content=body, headers=headers)
    assert answer.status_code == status
    assert error is None or answer.json()["error"] == error


def test_a_verdict_is_read_with_its_own_secret_only(server: Server) -> None:
    first, second = server.relying_party.ask("over_18"), server.relying_party.ask("over_18")
    for secret in (second.secret, KEY):
        answer = server.client.get(f"/presentations/{first.id}", headers={"Authorization": _bearer(secret)})
        assert answer.status_code == 404
    for wait in ("-1", "61", "x", "99999"):
        answer = server.client.get(
            f"/presentations/{first.id}?wait={wait}", headers={"Authorization": _bearer(first.secret)}
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "query.wait")


@pytest.mark.parametrize("path", ["/requests/", "/responses/"])
@pytest.mark.parametrize("presentation_id", ["0" * 32, "x", "..%2f..%2fetc", "0" * 31 + "%00"])
def test_unknown_presentations_are_not_found(server: Server, path: str, presentation_id: str) -> None:
    answer = server.client.post(path + presentation_id, content=b"error=access_denied", headers={"Content-Type": FORM})
    assert answer.status_code == 404


def test_wallet_endpoints_take_forms_of_a_bounded_size_only(server: Server) -> None:
    question = server.relying_party.ask("over_18")
    request_path = f"/requests/{question.id}"
    for content, media_type, status in (
        (b"{}", "application/json", 415),
        (b"", "", 415),
        (b"wallet_nonce=" + b"a" * 70_000, FORM, 413),
        (b"wallet_nonce=" + b"a" * 600, FORM, 400),
        (b"wallet_nonce=a&wallet_nonce=b", FORM, 400),
        (b"\xff", FORM, 400),
    ):
        answer = server.client.post(request_path, content=content, headers={"Content-Type": media_type})
        assert answer.status_code == status, content[:30]
    verified = server.fetch(question.link)
    for content, media_type, status in (
        (proven(verified), "application/json", 415),
        (proven(verified), "multipart/form-data", 415),
        (b"response=" + b"a" * response.MAX_BODY_BYTES, FORM, 413),
        (b"response=a", FORM, 400),
    ):
        answer = server.client.post(
            verified.request.response_uri, content=content, headers={"Content-Type": media_type}
        )
        assert answer.status_code == status, content[:30]
    assert server.post(verified, proven(verified)).status_code == 200  # nothing of this spent the nonce


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(server: Server) -> None:
    question = server.relying_party.ask("over_18")
    verified = server.fetch(question.link)

    def endless() -> Iterator[bytes]:
        for _ in range(60):
            yield b"a" * 65_536

    answer = server.client.post(verified.request.response_uri, content=endless(), headers={"Content-Type": FORM})
    assert answer.status_code == 413


def test_a_body_that_trickles_in_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.web.verifier.server.BODY_SECONDS", 0.1)
    question = server.relying_party.ask("over_18")
    verified = server.fetch(question.link)
    waiting = threading.Event()

    def trickle() -> Iterator[bytes]:
        yield b"response=a"
        waiting.wait(1)
        yield b"b"

    answer = server.client.post(verified.request.response_uri, content=trickle(), headers={"Content-Type": FORM})
    assert (answer.status_code, answer.json()["error"]) == (400, "http.body_time")
    assert server.post(verified, proven(verified)).status_code == 200


def test_many_answers_at_once_get_one_verdict(server: Server) -> None:
    question = server.relying_party.ask("over_18")
    verified = server.fetch(question.link)
    body = proven(verified)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(server.post(verified, body).status_code)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 400, 400, 400, 400, 400]
    assert len(server.town.store.verdicts()) == 1


def test_a_request_is_served_once_and_an_answer_taken_once(server: Server) -> None:
    question = server.relying_party.ask("over_18")
    verified = server.fetch(question.link)
    link = request_object.parse_link(question.link)
    answer = server.client.post(link.request_uri, data={"wallet_nonce": "second"})
    assert (answer.status_code, answer.json()["error_description"]) == (
        400,
        "the request was fetched already: ask for a new one",
    )
    assert server.post(verified, proven(verified)).status_code == 200
    assert server.post(verified, proven(verified)).status_code == 400


def test_requests_are_not_served_by_get(server: Server) -> None:
    question = server.relying_party.ask("over_18")
    assert server.client.get(f"/requests/{question.id}").status_code == 405


def test_a_wallet_says_no(server: Server) -> None:
    question = server.relying_party.ask("over_18")
    verified = server.fetch(question.link)
    assert server.post(verified, encode_form(response.build_error(verified, "access_denied"))).status_code == 200
    assert question.wait(1).check == "wallet.access_denied"


def test_the_link_is_a_picture_too(server: Server) -> None:
    question = server.relying_party.ask("over_18")
    answer = server.client.get(question.qr)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.text.startswith("<?xml")


def test_policies_and_health_are_public(server: Server) -> None:
    found = server.client.get("/policies").json()["policies"]
    longfellow = {"over_18", "drive_category_b", "resident", "identity_name"}
    assert {policy["id"] for policy in found} == longfellow | {"age_on_the_day", "licence_stands", "same_customer"}
    assert all(policy["name"]["fr"] and policy["purpose"]["en"] for policy in found)
    assert server.client.get("/health").json() == {"status": "ok"}
    assert server.client.get("/ready").json() == {"status": "ok"}


def test_the_description_names_every_endpoint(server: Server) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/policies",
        "/presentations",
        "/presentations/{presentation_id}",
        "/presentations/{presentation_id}/qr.svg",
        "/requests/{presentation_id}",
        "/responses/{presentation_id}",
        "/health",
        "/ready",
    }


def test_a_bug_says_nothing(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise RuntimeError("Erika Mustermann")

    server.town.verifier.ask = broken  # type: ignore[method-assign, assignment]
    answer = server.client.post("/presentations", json={"policy": "over_18"}, headers={"Authorization": _bearer(KEY)})
    assert answer.status_code == 500
    assert "Erika" not in answer.text + capfd.readouterr().err


def test_a_relying_party_tells_kinds_of_failure_apart() -> None:
    def answering(status: int, body: bytes) -> RelyingParty:
        transport = httpx.MockTransport(lambda request: httpx.Response(status, stream=httpx.ByteStream(body)))
        return RelyingParty(URL, key=KEY, transport=transport)

    def failing(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    unreachable = RelyingParty(URL, key=KEY, transport=httpx.MockTransport(failing))
    with pytest.raises(Unavailable, match=r"verifier\.unreachable"):
        unreachable.ask("over_18")
    for status, family in ((400, Refused), (409, Conflict), (503, Unavailable)):
        with pytest.raises(family, match=r"a\.check"):
            answering(status, b'{"error":"a.check"}').ask("over_18")
    with pytest.raises(Refused) as said:
        answering(400, b'{"error":"a\\u001b[2J","error_description":"b\\u202e\\u009b31m"}').ask("over_18")
    assert str(said.value).isprintable()
    for body in (b"<html>", b"[]", b"{}", b" " * 300_000):
        with pytest.raises(FormatError):
            answering(200, body).ask("over_18")
    with pytest.raises(FormatError, match=r"relying_party\.key"):
        RelyingParty(URL).ask("over_18")


def test_holders_documents_are_not_in_the_answers_to_anybody(server: Server) -> None:
    question = server.relying_party.ask("drive_category_b")
    verified = server.fetch(question.link)
    server.post(verified, shown(verified, verifying.DRIVER, "category_B_valid"))
    answer = server.client.get(f"/presentations/{question.id}", headers={"Authorization": _bearer(question.secret)})
    assert set(answer.json()) == {
        "id",
        "state",
        "policy",
        "verdict",
        "check",
        "time",
        "mechanism",
        "verify_ms",
        "bytes",
        "revealed",
    }
    assert answer.json()["revealed"] == {}
