"""`openvc-core`, which we did not write, reads our issuance messages and verifies our wallet's answers."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from diptych.crypto.signing import generate_signer
from diptych.formats import base64url
from diptych.formats.jose import jwk
from diptych.formats.mdoc.trust import STATUS_LISTS
from diptych.formats.order.standing import Standing
from diptych.formats.status_list.reference import StatusReference
from diptych.formats.status_list.token import CWT_MEDIA_TYPE, JWT_MEDIA_TYPE
from diptych.protocols.oauth.form import parse_form
from diptych.protocols.openid4vci.credential import CredentialRequest
from tests import issuing, verifying
from tests.interop.peers import ask_venv
from tests.interop.town import private_jwk
from tests.protocols import openid4vp_parties as parties
from tests.roles.issuer.test_standings import Scene, references

ISSUER = "https://issuer.example"

issuer = pytest.mark.peer("openvc-core", role="issuer's library, before our wallet")
status_reader = pytest.mark.peer("openvc-core", role="verifier of our status lists")
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


@pytest.fixture(scope="module")
def suspended() -> Scene:
    """A licence that was suspended in public, at an issuer whose lists say so."""
    scene = Scene()
    scene.town.later(minutes=10)
    scene.say(Standing.SUSPENDED, "lost")
    scene.publish()
    return scene


def status(scene: Scene, **changes: object) -> dict[str, object]:
    """What the peer reads in our list about a copy of the licence."""
    reference = references(scene.licence)[0]
    key = scene.town.signers.signer_for(STATUS_LISTS).signer.public_key
    question: dict[str, object] = {
        "command": "status",
        "token": scene.town.issuer.status_list(1, media_type=JWT_MEDIA_TYPE).decode("ascii"),
        "reference": reference.to_json(),
        "key": jwk.encode(key),
        "now": scene.town.now.isoformat(),
    }
    return ask_venv("openvc-core", "openvc_peer.py", {**question, **changes})


@status_reader
def test_a_suspended_copy_is_suspended_and_one_that_stands_is_not(suspended: Scene) -> None:
    assert status(suspended) == {"status": 2, "revoked": False, "suspended": True}
    index = (references(suspended.licence)[0].index + 1) % 2**20
    other = StatusReference(index, f"{suspended.town.url}/status-lists/1").to_json()
    assert status(suspended, reference=other) == {"status": 0, "revoked": False, "suspended": False}


@status_reader
def test_the_same_list_as_a_cwt_says_the_same(suspended: Scene) -> None:
    cwt = suspended.town.issuer.status_list(1, media_type=CWT_MEDIA_TYPE)
    changes: dict[str, object] = {"command": "status_cwt", "token": base64url.encode(cwt)}
    assert status(suspended, **changes) == {"status": 2}
    stranger = jwk.encode(generate_signer().public_key)
    assert status(suspended, **changes, key=stranger) == {"refused": "OpenvcError"}


@status_reader
def test_our_list_is_refused_for_another_address_another_key_and_another_time(suspended: Scene) -> None:
    elsewhere = StatusReference(1, f"{suspended.town.url}/status-lists/2").to_json()
    assert status(suspended, reference=elsewhere) == {"refused": "StatusListError"}
    late = suspended.town.now + timedelta(hours=7)
    assert status(suspended, now=late.isoformat()) == {"refused": "StatusListError"}
    stranger = jwk.encode(generate_signer().public_key)
    assert "refused" in status(suspended, key=stranger)
