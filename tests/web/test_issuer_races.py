"""Many at once at a real issuer, each in a process of its own, on both databases: what may happen once happens once."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest

from diptych.adapters.catalogue_files import load_catalogue
from diptych.crypto.signing import generate_signer
from diptych.private import Secret
from diptych.protocols.oauth.dpop import build_proof
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.openid4vci.credential import CredentialRequest
from diptych.protocols.openid4vci.key_proof import build_key_proof
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest
from diptych.roles.officer.model import Approval
from diptych.roles.officer.order_file import template
from tests.issuer_process import HttpWallet, IssuerProcess, diptych, running_issuer
from tests.postgresql import PostgresqlServer

AT_ONCE = 10


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def issuer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IssuerProcess]:
    with pytest.MonkeyPatch.context() as environment:
        if request.param == "postgresql":
            server: PostgresqlServer = request.getfixturevalue("postgresql_server")
            environment.setenv("DIPTYCH_ISSUER_DATABASE", server.new_database().reveal().decode())
        with running_issuer(tmp_path_factory.mktemp("issuer")) as running:
            yield running


def approve(issuer: IssuerProcess) -> Approval:
    catalogue = load_catalogue()
    return issuer.approve(template(catalogue.type("driving-licence"), catalogue, specimen=True))


def at_once(act: object, count: int = AT_ONCE) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as together:
        return list(together.map(act, range(count)))


def guess(wallet: HttpWallet, approval: Approval, tx_code: Secret) -> httpx.Response:
    _, nonce = wallet.nonces()
    return httpx.post(
        wallet.url + "/token",
        content=PreAuthorizedTokenRequest(approval.offer.code, tx_code).encode(),
        headers={"Content-Type": FORM, "DPoP": wallet.dpop("/token", nonce)},
        timeout=30,
    )


def test_guesses_at_once_are_counted_one_by_one(issuer: IssuerProcess) -> None:
    approval = approve(issuer)
    wrong = Secret(b"x" * 6)
    answers = at_once(lambda _: guess(HttpWallet(issuer.url), approval, wrong))
    assert {answer.status_code for answer in answers} == {400}
    said = [answer.json()["error_description"] for answer in answers]
    assert len([text for text in said if "more and the offer is void" in text]) == 4
    assert len([text for text in said if "wrong too often" in text]) == 1
    assert guess(HttpWallet(issuer.url), approval, approval.tx_code).json()["error"] == "invalid_grant"
    listed = json.loads(diptych("issuer", "incidents", str(issuer.folder), "--json").stdout)
    assert [incident["kind"] for incident in listed] == ["transaction-code-guessed"]


def test_one_wallet_of_many_redeems_a_code(issuer: IssuerProcess) -> None:
    approval = approve(issuer)
    answers = at_once(lambda _: guess(HttpWallet(issuer.url), approval, approval.tx_code))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * (AT_ONCE - 1)


def test_a_nonce_and_a_dpop_proof_serve_one_request_of_many(issuer: IssuerProcess) -> None:
    wallet = HttpWallet(issuer.url)
    tokens = wallet.redeem(approve(issuer))
    c_nonce, nonce = wallet.nonces()
    proof = build_key_proof(generate_signer(), issuer=issuer.url, c_nonce=c_nonce, now=datetime.now(UTC))
    body = CredentialRequest("proof-of-age", (proof,)).encode()
    dpop_proof = wallet.dpop("/credential", nonce, tokens.access_token)

    def ask(dpop: str) -> httpx.Response:
        authorization = f"DPoP {tokens.access_token.reveal().decode()}"
        headers = {"Content-Type": "application/json", "Authorization": authorization, "DPoP": dpop}
        return httpx.post(issuer.url + "/credential", content=body, headers=headers, timeout=30)

    # The same request, replayed.
    answers = at_once(lambda _: ask(dpop_proof))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * (AT_ONCE - 1)
    # Fresh DPoP proofs around one key proof.
    answers = at_once(
        lambda _: ask(
            build_proof(
                wallet.key,
                htm="POST",
                htu=issuer.url + "/credential",
                now=datetime.now(UTC),
                entropy=os.urandom,
                nonce=nonce,
                access_token=tokens.access_token,
            )
        )
    )
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(400, "invalid_nonce")}
