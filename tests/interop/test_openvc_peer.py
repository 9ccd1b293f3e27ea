"""`openvc-core`, which we did not write, reads our issuance messages and verifies our wallet's answers."""

from collections.abc import Mapping

import pytest

from diptych.formats import base64url
from diptych.formats.jose import jwk
from diptych.protocols.oauth.form import parse_form
from diptych.protocols.openid4vci.credential import CredentialRequest
from tests import issuing, verifying
from tests.interop.peers import ask_venv
from tests.interop.town import private_jwk
from tests.protocols import openid4vp_parties as parties

ISSUER = "https://issuer.example"

issuer = pytest.mark.peer("openvc-core", role="issuer's library, before our wallet")
verifier = pytest.mark.peer("openvc-core", role="verifier of our wallet's answers")


def read(**changes: object) -> dict[str, object]:
    """What the peer understands of an issuance; `changes` go into the question."""
    town = issuing.Town(url=ISSUER)
    offer, _ = town.order()
    wallet = issuing.TinyWallet(town)
    nonce = wallet.c_nonce()
    request = CredentialRequest("driving-licence", wallet.key_proofs(3, c_nonce=nonce))
    question: dict[str, object] = {
        "command": "read",
        "offer": parse_form(offer.link().partition("?")[2].encode())["credential_offer"],
        "metadata": town.issuer.metadata().encode().decode(),
        "request": request.encode().decode(),
        "nonce": nonce,
        "now": town.now.isoformat(),
    }
    return ask_venv("openvc-core", "openvc_peer.py", {**question, **changes})


@issuer
def test_offer_metadata_and_a_batch_of_key_proofs_are_understood_and_verified() -> None:
    answer = read()
    assert answer["issuer"] == [ISSUER, ISSUER]
    assert answer["offered"] == ["driving-licence", "proof-of-age"]
    assert answer["wanted"] == "driving-licence"
    keys = answer["keys"]
    assert isinstance(keys, list)
    assert len(set(keys)) == 3


@issuer
def test_key_proofs_under_a_nonce_that_is_not_its_own_are_refused() -> None:
    assert read(nonce="another") == {"refused": "ProofReplayed"}


@issuer
def test_key_proofs_that_are_a_day_old_are_refused() -> None:
    assert read(now=issuing.NOW.replace(day=issuing.NOW.day + 1).isoformat()) == {"refused": "ClaimsInvalid"}


@pytest.fixture(scope="module")
def answered() -> Mapping[str, object]:
    """Our wallet's answer when it was asked for a name, and what its verifier knows."""
    town = verifying.Town()
    asked = town.ask("identity_name")
    verified = town.fetch(asked)
    presentation = town.store.presentation(asked.id)
    assert presentation is not None
    assert presentation.session is not None
    key = presentation.session.key
    body = verifying.shown(verified, verifying.PERSON, "family_name", "given_name")
    return {
        "command": "verify",
        "answer": parse_form(body)["response"],
        "key": private_jwk(key),
        "kid": base64url.encode(jwk.thumbprint(key.public_key)),
        "transcript": verified.transcript().hex(),
        "anchors": [verifying.ISSUERS.root.hex()],
        "docType": verifying.PID,
        "now": town.now.isoformat(),
    }


def verify(answered: Mapping[str, object], **changes: object) -> dict[str, object]:
    return ask_venv("openvc-core", "openvc_peer.py", {**answered, **changes})


@verifier
def test_an_encrypted_answer_is_decrypted_and_its_document_verified(answered: Mapping[str, object]) -> None:
    elements = {verifying.PID: {"family_name": "Mustermann", "given_name": "Erika"}}
    document = {"docType": verifying.PID, "deviceSigned": True, "elements": elements}
    assert verify(answered) == {"documents": [document]}


@verifier
@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"transcript": parties.request().transcript().hex()}, "MdocDeviceAuthError"),
        ({"anchors": [parties.ACCESS.root.hex()]}, "MdocTrustError"),
        ({"docType": verifying.AV}, "MdocDocTypeMismatch"),
        ({"now": "2026-08-01T12:00:00+00:00"}, "MdocValidityError"),
        ({"key": private_jwk(parties.ENCRYPTION)}, "JweDecryptionFailed"),
    ],
    ids=["another session", "another root", "another docType", "another month", "another key"],
)
def test_an_answer_is_refused_where_anything_else_is_expected(
    answered: Mapping[str, object], changes: Mapping[str, object], refusal: str
) -> None:
    assert verify(answered, **changes) == {"refused": refusal}
