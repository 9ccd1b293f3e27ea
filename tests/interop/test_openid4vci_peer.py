"""`@openid4vc/openid4vci`, which we did not write, is a wallet before our running issuer; `@owf/mdoc` verifies.

Its callbacks sign and verify with node:crypto. Refusals name the standard's code, so that a stranger understands them.
"""

import pytest

from tests.formats.mdoc_specimen import AUTHORITY
from tests.interop.town import objects, order, receive, texts
from tests.issuer_process import IssuerProcess

pytestmark = pytest.mark.peer(
    "@openid4vc/openid4vci", "@openid4vc/oauth2", "@owf/mdoc", role="wallet, before our issuer"
)

LICENCE = "org.iso.18013.5.1.mDL"
AGE = "eu.europa.ec.av.1"


@pytest.fixture(scope="module")
def received(issuer: IssuerProcess) -> dict[str, object]:
    """A licence in three copies and a proof of age in two, then one proof of age more against the refresh token."""
    wanted = {"driving-licence": 3, "proof-of-age": 2}
    return receive(issuer, order(issuer, "driving-licence"), wanted, renew="proof-of-age")


def test_an_offer_by_value_with_a_transaction_code_is_understood(received: dict[str, object]) -> None:
    assert received["offered"] == ["driving-licence", "proof-of-age", "driving-entitlement"]
    asked = received["asksForTxCode"]
    assert isinstance(asked, dict)
    assert (asked["input_mode"], asked["length"]) == ("numeric", 6)


def test_the_metadata_is_that_of_version_1_and_every_configuration_is_known(received: dict[str, object]) -> None:
    assert received["version"] == "V1"
    configurations = {"driving-licence", "proof-of-age", "driving-entitlement", "identity-card"}
    assert configurations <= set(texts(received["known"]))


def test_a_code_is_redeemed_with_dpop_after_the_server_asked_for_its_nonce(received: dict[str, object]) -> None:
    assert texts(received["requests"])[:4] == [
        "GET /.well-known/openid-credential-issuer 200",
        "GET /.well-known/oauth-authorization-server 200",
        "POST /token 400",  # use_dpop_nonce, and the nonce with it
        "POST /token 200",
    ]
    told = received["told"]
    assert isinstance(told, dict)
    assert told["token_type"] == "DPoP"


def test_every_copy_of_a_batch_is_verified_and_bound_to_its_own_key(received: dict[str, object]) -> None:
    documents = objects(received["documents"])
    assert [found["docType"] for found in documents] == [LICENCE] * 3 + [AGE] * 2
    assert [found["failed"] for found in documents] == [[]] * 5
    # The driver compared each with the key in its document.
    assert len({str(found["deviceKey"]) for found in documents}) == 5


def test_a_licence_has_its_portrait_and_privileges(received: dict[str, object]) -> None:
    elements = objects(received["documents"])[0]["elements"]
    assert isinstance(elements, dict)
    assert {"family_name", "birth_date", "portrait", "driving_privileges"} <= set(elements["org.iso.18013.5.1"])


def test_a_proof_of_age_is_renewed_against_the_refresh_token(received: dict[str, object]) -> None:
    (renewed,) = objects(received["renewed"])
    assert (renewed["docType"], renewed["failed"]) == (AGE, [])


def refusal(answer: dict[str, object]) -> tuple[object, object]:
    refused = answer["refused"]
    assert isinstance(refused, dict), answer
    return refused["status"], refused["error"]


def test_a_wrong_transaction_code_is_refused(issuer: IssuerProcess) -> None:
    ordered = order(issuer, "driving-licence")
    wrong = {**ordered, "txCode": "000000" if ordered["txCode"] != "000000" else "000001"}
    assert refusal(receive(issuer, wrong, {"driving-licence": 1})) == (400, "invalid_grant")
    assert "documents" in receive(issuer, ordered, {"driving-licence": 1})  # one slip of the finger does no harm


def test_a_code_is_redeemed_once(issuer: IssuerProcess) -> None:
    ordered = order(issuer, "driving-licence")
    assert "documents" in receive(issuer, ordered, {"driving-licence": 1})
    assert refusal(receive(issuer, ordered, {"driving-licence": 1})) == (400, "invalid_grant")


def test_key_proofs_under_a_nonce_of_somebody_else_are_refused(issuer: IssuerProcess) -> None:
    answer = receive(
        issuer, order(issuer, "driving-licence"), {"driving-licence": 1}, changes={"nonce": "not-from-this-issuer"}
    )
    assert refusal(answer) == (400, "invalid_nonce")


def test_a_token_is_worth_nothing_to_who_does_not_hold_its_key(issuer: IssuerProcess) -> None:
    answer = receive(issuer, order(issuer, "driving-licence"), {"driving-licence": 1}, changes={"otherDpopKey": True})
    assert refusal(answer) == (401, "invalid_token")


def test_more_documents_than_were_ordered_are_refused(issuer: IssuerProcess) -> None:
    answer = receive(issuer, order(issuer, "driving-licence"), {"identity-card": 1})
    assert refusal(answer) == (400, "credential_request_denied")


def test_the_peer_believes_no_document_under_a_root_that_it_does_not_know(issuer: IssuerProcess) -> None:
    answer = receive(issuer, order(issuer, "driving-licence"), {"driving-licence": 1}, roots=[AUTHORITY.root.hex()])
    (document,) = objects(answer["documents"])
    assert document["failed"] != []


def test_the_peer_notices_a_licence_that_names_another_country_than_its_signer(issuer: IssuerProcess) -> None:
    answer = receive(issuer, order(issuer, "driving-licence", country="DE"), {"driving-licence": 1})
    (document,) = objects(answer["documents"])
    (failed,) = texts(document["failed"])
    assert failed.startswith("The 'issuing_country' if present must match")
