"""The issuer over HTTP: statuses, headers and media types, with the standard's codes; nothing changes when refused."""

import json
from dataclasses import replace

import pytest
from httpx import Response

from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, Unavailable
from diptych.formats.order.signed import MAX_BYTES as MAX_ORDER_BYTES
from diptych.formats.order.signed import MEDIA_TYPE as ORDER
from diptych.private import Secret
from diptych.protocols.oauth.errors import parse_error
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.oauth.metadata import parse_authorization_server_metadata
from diptych.protocols.oauth.token import TokenResponse, parse_token_response
from diptych.protocols.openid4vci import credential, token
from diptych.protocols.openid4vci.credential import (
    CredentialRequest,
    ResponseEncryption,
    decrypt_response,
    encrypt_request,
    parse_credential_response,
)
from diptych.protocols.openid4vci.metadata import parse_issuer_metadata
from diptych.protocols.openid4vci.nonce import parse_nonce_response
from diptych.protocols.openid4vci.offer import CredentialOffer
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.service import Issuer
from diptych.web.errors import status_of
from diptych.web.issuer.server import build_server
from tests.asgi_client import AsgiClient
from tests.issuing import TinyWallet, Town, nothing_changes

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def town() -> Town:

    town = Town()
    town.issuer = replace(town.issuer, request_key=generate_signer())
    return town


@pytest.fixture
def client(town: Town) -> AsgiClient:
    server = build_server(town.url, lambda: town.issuer, clock=lambda: town.now, entropy=town.entropy)
    return AsgiClient(server, town.url)


@pytest.fixture
def wallet(town: Town) -> TinyWallet:
    return TinyWallet(town)


def redeem(client: AsgiClient, wallet: TinyWallet, offer: CredentialOffer, tx_code: str, **changed: object) -> Response:
    body = PreAuthorizedTokenRequest(offer.code, Secret(tx_code.encode())).encode()
    headers = {"Content-Type": FORM, "DPoP": wallet.dpop("/token"), **changed}
    return client.post("/token", content=body, headers={k: v for k, v in headers.items() if v is not None})


def tokens_of(client: AsgiClient, wallet: TinyWallet, town: Town) -> TokenResponse:
    response = redeem(client, wallet, *town.order())
    assert response.status_code == 200, response.text
    return parse_token_response(response.content)


def ask(client: AsgiClient, wallet: TinyWallet, tokens: TokenResponse, **changed: object) -> Response:
    body = changed.pop("content", None) or CredentialRequest("driving-licence", wallet.key_proofs(2)).encode()
    headers = {
        **JSON,
        "Authorization": f"DPoP {tokens.access_token.reveal().decode()}",
        "DPoP": wallet.dpop("/credential", access_token=tokens.access_token),
        **changed,
    }
    return client.post("/credential", content=body, headers={k: v for k, v in headers.items() if v is not None})


def expect(response: Response, status: int, code: str) -> None:
    assert (response.status_code, parse_error(response.content).code) == (status, code), response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"


def test_the_whole_story_over_http(town: Town, client: AsgiClient, wallet: TinyWallet) -> None:
    metadata = parse_issuer_metadata(
        client.get("/.well-known/openid-credential-issuer").content, expected_issuer=town.url
    )
    server = parse_authorization_server_metadata(
        client.get("/.well-known/oauth-authorization-server").content, expected_issuer=metadata.authorization_server
    )
    assert server.token_endpoint == f"{town.url}/token"
    assert set(metadata.configurations) == set(town.catalogue.types)

    signed, offer, tx_code = town.approve()
    first = client.post("/orders", content=signed, headers={"Content-Type": ORDER})
    again = client.post("/orders", content=signed, headers={"Content-Type": ORDER})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()

    response = redeem(client, wallet, offer, tx_code)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["dpop-nonce"]
    tokens = parse_token_response(response.content)
    nonce = client.post(metadata.nonce_endpoint)
    assert nonce.headers["cache-control"] == "no-store"
    body = CredentialRequest(
        "driving-licence", wallet.key_proofs(2, c_nonce=parse_nonce_response(nonce.content).c_nonce)
    ).encode()
    issued = ask(client, wallet, tokens, content=body)
    assert issued.headers["cache-control"] == "no-store"
    assert len(wallet.documents(parse_credential_response(issued.content))) == 2


def test_the_nonce_of_each_answer_serves_the_next_proof(town: Town, client: AsgiClient, wallet: TinyWallet) -> None:
    offer, tx_code = town.order()
    without = redeem(client, wallet, offer, tx_code, DPoP=wallet.dpop("/token", nonce=None))
    expect(without, 400, "use_dpop_nonce")
    nonce = without.headers["dpop-nonce"]
    assert redeem(client, wallet, offer, tx_code, DPoP=wallet.dpop("/token", nonce=nonce)).status_code == 200


def test_a_credential_request_and_its_response_can_be_encrypted(
    town: Town, client: AsgiClient, wallet: TinyWallet
) -> None:
    encryption = town.issuer.metadata().request_encryption
    assert encryption is not None
    tokens, mine = tokens_of(client, wallet, town), generate_signer()
    request = CredentialRequest("driving-licence", wallet.key_proofs(1), ResponseEncryption(mine.public_key, kid="k"))
    body = encrypt_request(request, encryption.public_key, kid=encryption.kid)
    response = ask(client, wallet, tokens, content=body, **{"Content-Type": "application/jwt"})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/jwt")
    assert len(decrypt_response(response.content, mine.private_key(), now=town.now).credentials) == 1


def test_an_encrypted_response_to_a_clear_request_is_refused(
    town: Town, client: AsgiClient, wallet: TinyWallet
) -> None:
    tokens = tokens_of(client, wallet, town)
    request = CredentialRequest("driving-licence", wallet.key_proofs(1), ResponseEncryption(wallet.key.public_key))
    with nothing_changes(town):
        expect(ask(client, wallet, tokens, content=request.encode()), 400, "invalid_encryption_parameters")


def test_errors_at_the_credential_endpoint_are_never_encrypted(
    town: Town, client: AsgiClient, wallet: TinyWallet
) -> None:
    encryption = town.issuer.metadata().request_encryption
    assert encryption is not None
    tokens = tokens_of(client, wallet, town)
    request = CredentialRequest("passport", wallet.key_proofs(1), ResponseEncryption(wallet.key.public_key))
    body = encrypt_request(request, encryption.public_key, kid=encryption.kid)
    response = ask(client, wallet, tokens, content=body, **{"Content-Type": "application/jwt"})
    expect(response, 400, "unknown_credential_configuration")


@pytest.mark.parametrize("count", [0, 2])
def test_exactly_one_dpop_header_is_read(town: Town, client: AsgiClient, wallet: TinyWallet, count: int) -> None:
    offer, tx_code = town.order()
    body = PreAuthorizedTokenRequest(offer.code, Secret(tx_code.encode())).encode()
    headers = [("Content-Type", FORM), *(("DPoP", wallet.dpop("/token")) for _ in range(count))]
    with nothing_changes(town):
        expect(client.post("/token", content=body, headers=headers), 400, "invalid_dpop_proof")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"Authorization": None}, 401, "invalid_token"),
        ({"Authorization": "Bearer x"}, 401, "invalid_token"),
        ({"Authorization": "DPoP"}, 401, "invalid_token"),
        ({"Authorization": "DPoP " + "x" * 43}, 401, "invalid_dpop_proof"),
        ({"DPoP": None}, 401, "invalid_dpop_proof"),
        ({"DPoP": "a.b.c"}, 401, "invalid_dpop_proof"),
        ({"Content-Type": "text/plain"}, 415, "http.media_type"),
        ({"Content-Type": None}, 415, "http.media_type"),
        ({"content": b"{"}, 400, "invalid_credential_request"),
        ({"content": b" " * (credential.MAX_REQUEST_BYTES + 1)}, 413, "http.body_size"),
    ],
)
def test_credential_requests_are_refused_with_status_and_code(
    town: Town, client: AsgiClient, changed: dict[str, object], status: int, code: str
) -> None:
    wallet = TinyWallet(town)
    tokens = tokens_of(client, wallet, town)
    with nothing_changes(town):
        response = ask(client, wallet, tokens, **changed)
        expect(response, status, code)
    assert response.headers["dpop-nonce"]
    if status == 401:
        # RFC 9449 7.1
        assert response.headers["www-authenticate"].startswith(f'DPoP error="{code}"')
        assert 'algs="ES256"' in response.headers["www-authenticate"]


def test_the_type_of_a_token_endpoints_body_may_have_parameters(
    town: Town, client: AsgiClient, wallet: TinyWallet
) -> None:
    offer, tx_code = town.order()
    assert redeem(client, wallet, offer, tx_code, **{"Content-Type": f"{FORM}; charset=utf-8"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "media_type", "limit"),
    [
        ("/token", FORM, token.MAX_REQUEST_BYTES),
        ("/nonce", "text/plain", 1024),
        ("/orders", ORDER, MAX_ORDER_BYTES),
    ],
)
def test_oversize_bodies_are_refused(town: Town, client: AsgiClient, path: str, media_type: str, limit: int) -> None:
    for is_announced in (True, False):
        with nothing_changes(town):
            headers = {"Content-Type": media_type}
            response = client.post(path, bytes(limit + 1), headers, is_announced=is_announced)
            expect(response, 413, "http.body_size")


@pytest.mark.parametrize(
    ("path", "media_type"), [("/token", "application/json"), ("/token", ""), ("/orders", "application/octet-stream")]
)
def test_wrong_content_types_are_refused(town: Town, client: AsgiClient, path: str, media_type: str) -> None:
    with nothing_changes(town):
        expect(client.post(path, content=b"x=1", headers={"Content-Type": media_type}), 415, "http.media_type")


def test_an_unknown_path_and_a_wrong_method_are_refused(client: AsgiClient) -> None:
    expect(client.get("/records/1"), 404, "http.404")
    expect(client.get("/token"), 405, "http.405")


def test_an_officer_who_is_not_honoured_is_refused(town: Town, client: AsgiClient) -> None:
    signed, _, _ = town.approve(officer=generate_signer())
    with nothing_changes(town):
        expect(client.post("/orders", content=signed, headers={"Content-Type": ORDER}), 403, "order.officer")


def test_a_store_that_fails_is_unavailable_and_can_be_asked_again(
    town: Town, client: AsgiClient, wallet: TinyWallet
) -> None:
    assert isinstance(town.store, MemoryIssuerStore)
    offer, tx_code = town.order()
    town.store.fail_once("before")
    with nothing_changes(town):
        response = redeem(client, wallet, offer, tx_code)
        expect(response, 503, "storage")
    assert response.headers["retry-after"]
    assert redeem(client, wallet, offer, tx_code).status_code == 200
    town.store.fail_once("before")
    assert client.get("/health").json() == {"status": "ok"}
    expect(client.get("/ready"), 503, "storage")
    assert client.get("/ready").json() == {"status": "ok"}


def test_a_bug_says_nothing_to_the_client_and_its_place_to_the_operator(
    town: Town,
    client: AsgiClient,
    wallet: TinyWallet,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Broken:
        def transaction(self) -> None:
            raise ZeroDivisionError("Erika-Canary-0815")

    town.issuer = replace(town.issuer, store=Broken())
    response = client.get("/ready")
    assert response.status_code == 500
    expect(response, 500, "server_error")
    said = capfd.readouterr().err
    bug, request = (json.loads(line) for line in said.splitlines())
    assert (bug["event"], bug["fault"]) == ("bug", "ZeroDivisionError")
    assert bug["at"][0].startswith("test_issuer_server.py:")
    assert (request["endpoint"], request["status"], request["request"]) == ("ready", 500, bug["request"])
    assert "Canary" not in said + response.text


def test_an_issuer_below_a_path_has_its_endpoints_there() -> None:
    town = Town(url="https://agency.example/issuer")
    server = build_server(town.url, lambda: town.issuer, clock=lambda: town.now, entropy=town.entropy)
    client = AsgiClient(server, "https://agency.example")
    metadata = parse_issuer_metadata(
        client.get("/.well-known/openid-credential-issuer/issuer").content, expected_issuer=town.url
    )
    assert client.post(metadata.nonce_endpoint).status_code == 200
    assert client.post("/nonce").status_code == 404


def test_the_openapi_description_names_every_endpoint(client: AsgiClient) -> None:
    described = json.loads(client.get("/openapi.json").content)["paths"]
    assert set(described) == {
        "/.well-known/openid-credential-issuer",
        "/.well-known/oauth-authorization-server",
        "/token",
        "/nonce",
        "/credential",
        "/epochs",
        "/epochs/{epoch}/{number}",
        "/orders",
        "/standings",
        "/told",
        "/status-lists/{number}",
        "/health",
        "/ready",
    }
    assert FORM in described["/token"]["post"]["requestBody"]["content"]


def test_an_unavailable_store_is_named_as_such() -> None:

    assert status_of(Unavailable("storage", "later", code="invalid_grant")) == 503


@pytest.mark.parametrize("path", ["/token", "/credential", "/nonce"])
def test_a_damaged_folder_is_not_the_clients_fault(town: Town, path: str) -> None:
    def open_issuer() -> Issuer:
        raise FormatError("issuer.nonce_key", "nonce.key must have 32 bytes")

    server = build_server(town.url, open_issuer, clock=lambda: town.now, entropy=town.entropy)
    expect(AsgiClient(server, town.url).post(path), 503, "issuer.nonce_key")
