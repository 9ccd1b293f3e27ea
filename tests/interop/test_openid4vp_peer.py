"""`@openid4vc/openid4vp` and `@owf/mdoc`, which we did not write, answer our running verifier and ask our wallet.

The peer's wallet presents what it got from our issuer by itself; our wallet is `diptych wallet`, as a citizen types it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from diptych.adapters.http.relying_party import Outcome
from diptych.formats import base64url
from diptych.protocols.openid4vp import registration
from tests.formats.mdoc_specimen import AUTHORITY
from tests.interop.peers import ask_npm, npm_server
from tests.interop.town import VerifierProcess, issuer_roots, objects, order, receive
from tests.issuer_process import IssuerProcess, diptych

wallet_before_ours = pytest.mark.peer("@openid4vc/openid4vp", "@owf/mdoc", role="wallet, before our verifier")
verifier_before_ours = pytest.mark.peer("@openid4vc/openid4vp", "@owf/mdoc", role="verifier, before our wallet")

PID = "eu.europa.ec.eudi.pid.1"
POLICY = "identity_name"
ANOTHER = base64url.encode(bytes(32))


# The peer's wallet before our verifier.


@pytest.fixture(scope="module")
def identity_card(issuer: IssuerProcess) -> Mapping[str, object]:
    """An identity card that the peer received from our issuer."""
    (document,) = objects(receive(issuer, order(issuer, "identity-card"), {"identity-card": 1})["documents"])
    return document


def presented(
    verifier: VerifierProcess, document: Mapping[str, object], **more: object
) -> tuple[dict[str, object], Outcome]:
    """What the peer saw and did when it was asked for a name, and what our relying party was told."""
    question = verifier.relying_party().ask(POLICY)
    shown = {"link": question.link, "accessRoots": verifier.access_roots(), "document": dict(document), **more}
    answer = ask_npm("openid4vp_peer.mjs", "answer", shown)
    return answer, question.wait(1)


@wallet_before_ours
def test_a_request_is_resolved_verified_and_answered_and_our_verdict_is_accepted(
    verifier: VerifierProcess, identity_card: Mapping[str, object]
) -> None:
    answer, outcome = presented(verifier, identity_card)
    assert (answer["client"], answer["asked"]) == ("x509_hash", {PID: ["family_name", "given_name"]})
    assert (answer["status"], answer["body"]) == (200, {})
    assert (outcome.state, outcome.mechanism) == ("accepted", "mdoc")
    revealed = {name: value.reveal() for name, value in outcome.revealed.items()}
    assert revealed == {"family_name": "Mustermann", "given_name": "Erika"}


@wallet_before_ours
def test_what_we_registered_to_ask_reaches_the_peer_whole(
    verifier: VerifierProcess, identity_card: Mapping[str, object]
) -> None:
    answer, _ = presented(verifier, identity_card)
    (told,) = objects(answer["registration"])
    assert told == {"format": registration.FORMAT, "data": {"certificate": verifier.registration(), "use": POLICY}}


@wallet_before_ours
@pytest.mark.parametrize(
    "session",
    [
        {"nonce": ANOTHER},
        {"responseUri": "https://verifier.example/responses/1"},
        {"clientId": f"x509_hash:{ANOTHER}"},
    ],
    ids="".join,
)
def test_a_document_signed_for_another_session_is_refused(
    verifier: VerifierProcess, identity_card: Mapping[str, object], session: Mapping[str, str]
) -> None:
    answer, outcome = presented(verifier, identity_card, changes={"session": session})
    assert answer["status"] == 400
    assert (outcome.state, outcome.check) == ("refused", "mdoc.device_signature")


@wallet_before_ours
def test_a_document_shown_by_who_does_not_hold_its_key_is_refused(
    verifier: VerifierProcess, issuer: IssuerProcess, identity_card: Mapping[str, object]
) -> None:
    (another,) = objects(receive(issuer, order(issuer, "identity-card"), {"identity-card": 1})["documents"])
    _, outcome = presented(verifier, {**identity_card, "deviceKey": another["deviceKey"]})
    assert (outcome.state, outcome.check) == ("refused", "mdoc.device_signature")


@wallet_before_ours
def test_an_answer_under_another_state_is_refused_and_spends_nothing(
    verifier: VerifierProcess, identity_card: Mapping[str, object]
) -> None:
    answer, outcome = presented(verifier, identity_card, changes={"request": {"state": ANOTHER}})
    assert answer["status"] == 400
    assert outcome.state == "fetched"


@wallet_before_ours
def test_the_peer_does_not_answer_a_verifier_whose_authority_it_does_not_know(
    verifier: VerifierProcess, identity_card: Mapping[str, object]
) -> None:
    with pytest.raises(AssertionError, match="ends at no trusted root"):
        presented(verifier, identity_card, accessRoots=[AUTHORITY.root.hex()])


@wallet_before_ours
def test_the_peer_does_not_answer_a_request_that_somebody_else_signed(
    verifier: VerifierProcess, identity_card: Mapping[str, object]
) -> None:
    with pytest.raises(AssertionError, match=r"verification of jwt"):
        presented(verifier, identity_card, changes={"forged": True})


# The peer's verifier before our wallet.


@pytest.fixture(scope="module")
def wallet(
    issuer: IssuerProcess, verifier: VerifierProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A citizen's wallet with an identity card in it."""
    folder = tmp_path_factory.mktemp("wallet") / "wallet"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DIPTYCH_WALLET_PASSPHRASE", "seven seals in bronze")
        trust = ("--trust", str(issuer.folder / "trust.json"))
        verifier_trust = ("--verifier-trust", str(verifier.folder / "verifier-trust.json"))
        assert diptych("wallet", "init", str(folder), *trust, *verifier_trust, "--without-log").returncode == 0
        ordered = order(issuer, "identity-card")
        offer, tx_code = str(ordered["offer"]), str(ordered["txCode"])
        taken = diptych("wallet", "accept", offer, "--tx-code", tx_code, "--yes", "--wallet", str(folder))
        assert taken.returncode == 0, taken.stderr
        yield folder


def asks(verifier: VerifierProcess, issuer: IssuerProcess, elements: list[str], **more: object) -> dict[str, object]:
    """The peer's question, in the place of our verifier: for some elements of an identity card."""
    credential = {
        "id": "card",
        "format": "mso_mdoc",
        "meta": {"doctype_value": PID},
        "claims": [{"path": [PID, element], "intent_to_retain": False} for element in elements],
    }
    told = {"format": registration.FORMAT, "data": {"certificate": verifier.registration(), "use": POLICY}}
    return {
        **verifier.party(),
        "verifierInfo": [told],
        "query": {"credentials": [credential]},
        "issuerRoots": issuer_roots(issuer),
        **more,
    }


NAMES = ["family_name", "given_name"]


def answered(wallet: Path, question: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """What our wallet says that it did, and what the peer made of it."""
    with npm_server("openid4vp_peer.mjs", "verifier", question) as listen:
        link = str(listen()["link"])
        done = diptych("wallet", "present", link, "--yes", "--json", "--wallet", str(wallet))
        return json.loads(done.stdout), listen()


def refused(wallet: Path, question: Mapping[str, object]) -> str:
    """The check that keeps our wallet from answering."""
    with npm_server("openid4vp_peer.mjs", "verifier", question) as listen:
        link = str(listen()["link"])
        done = diptych("wallet", "present", link, "--yes", "--json", "--wallet", str(wallet))
    return str(json.loads(done.stdout)["error"]["check"])


@verifier_before_ours
def test_our_wallet_answers_and_the_peer_decrypts_and_verifies(
    wallet: Path, verifier: VerifierProcess, issuer: IssuerProcess
) -> None:
    ours, theirs = answered(wallet, asks(verifier, issuer, NAMES))
    assert (ours["verdict"], ours["mechanism"], ours["query"]) == ("accepted", "mdoc", POLICY)
    assert theirs["type"] == "Encrypted"
    verified = theirs["verified"]
    assert isinstance(verified, dict)
    assert verified["card"]["failed"] == []
    assert verified["card"]["claims"] == {f"{PID}/family_name": "Mustermann", f"{PID}/given_name": "Erika"}


@verifier_before_ours
def test_what_our_wallet_signed_for_one_session_holds_in_no_other(
    wallet: Path, verifier: VerifierProcess, issuer: IssuerProcess
) -> None:
    _, theirs = answered(wallet, asks(verifier, issuer, NAMES, changes={"session": {"nonce": ANOTHER}}))
    verified = theirs["verified"]
    assert isinstance(verified, dict)
    assert [str(check).split(":")[0] for check in verified["card"]["failed"]] == ["DEVICE_AUTH"]


@verifier_before_ours
@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"elements": [*NAMES, "birth_date"]}, "registration.over_asking"),
        ({"verifierInfo": []}, "request.verifier_info"),
        ({"changes": {"walletNonce": ANOTHER}}, "request.wallet_nonce"),
        ({"changes": {"ownAudience": True}}, "request.aud"),
    ],
    ids=["more than was registered", "no registration", "a nonce of another fetch", "another audience"],
)
def test_our_wallet_does_not_answer_what_it_must_not(
    wallet: Path,
    verifier: VerifierProcess,
    issuer: IssuerProcess,
    changed: Mapping[str, object],
    check: str,
) -> None:
    more = dict(changed)
    elements = more.pop("elements", NAMES)
    assert isinstance(elements, list)
    assert check == refused(wallet, asks(verifier, issuer, elements, **more))
