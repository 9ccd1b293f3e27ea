"""A verifier asks one question, believes one answer, and keeps the verdict."""

import contextlib
import dataclasses
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto import longfellow
from diptych.crypto.signing import generate_signer
from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.formats import base64url, cbor
from diptych.formats.jose import jwe
from diptych.formats.mdoc.device_response import DeviceResponse
from diptych.formats.mdoc.present import present, present_with_mac
from diptych.formats.mdoc.trust import IssuerTrust
from diptych.private import Personal, Secret
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import response
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.roles.verifier.fakes import FakeProofVerifier, MemoryVerifierStore
from diptych.roles.verifier.model import MOVES, Event, Presentation, State, Verdict, move, parse_verdict
from diptych.roles.verifier.policy import Mechanism, parse
from diptych.roles.verifier.service import Asked, presentation_id
from tests import verifying
from tests.protocols.openid4vp_parties import NOW
from tests.verifying import ADULT, AGE_SIGNER, AV, DRIVE, DRIVER, FAKE_PROOF, PERSON, PID, POLICIES, Town, proven, shown


def refused(town: Town, asked: Asked, body: bytes, check: str) -> None:
    """The answer is refused by this name, and the verdict says so in the place of the presentation."""
    with pytest.raises(DiptychError) as error:
        town.post(asked, body)
    assert error.value.check == check
    result = town.result(asked)
    assert result.state is State.REFUSED
    assert result.verdict == Verdict(accepted=False, check=check, policy=result.policy, time=NOW)
    assert town.store.presentation(asked.id) is None


def turned_away(town: Town, asked: Asked, body: bytes, check: str) -> None:
    """The message is refused by this name and changes nothing: the right answer still counts."""
    before = town.store.presentation(asked.id)
    with pytest.raises(DiptychError) as error:
        town.post(asked, body)
    assert error.value.check == check
    assert town.store.presentation(asked.id) == before
    assert town.store.verdict(asked.id) is None


# What goes well ----------------------------------------------------------------------------------------------------


def test_a_fact_is_proven_and_only_the_verdict_is_kept() -> None:
    town = Town()
    asked = town.ask()
    assert town.result(asked).state is State.ASKED
    verified = town.fetch(asked)
    assert verified.purpose == POLICIES["over_18"].purpose
    assert town.result(asked).state is State.FETCHED
    assert town.post(asked, proven(verified)) is None
    result = town.result(asked)
    assert result.state is State.ACCEPTED
    assert result.verdict == Verdict(accepted=True, check=None, policy="over_18", time=NOW)
    assert result.measured is not None
    assert (result.measured.mechanism, result.measured.verify_ms) == (Mechanism.LONGFELLOW, 1000)
    assert result.measured.size > len(FAKE_PROOF)
    assert town.store.verdicts() == [result.verdict]


def test_the_proof_is_checked_against_our_own_constants() -> None:
    proofs = FakeProofVerifier()
    town = Town(proofs=proofs)
    asked = town.ask()
    verified = town.fetch(asked)
    town.post(asked, proven(verified))
    (statement,) = proofs.asked
    assert statement["doc_type"] == AV
    assert statement["claims"] == (longfellow.Claim(AV, "age_over_18", b"\xf5"),)
    assert statement["transcript"] == verified.transcript()
    assert statement["issuer_key"] == AGE_SIGNER.signer.public_key
    assert statement["timestamp"] == NOW


def test_a_plain_answer_counts_where_zero_knowledge_is_not_required() -> None:
    town = Town()
    asked = town.ask("drive_category_b")
    town.post(asked, shown(town.fetch(asked), DRIVER, "category_B_valid"))
    result = town.result(asked)
    assert result.state is State.ACCEPTED
    assert result.measured is not None
    assert result.measured.mechanism is Mechanism.MDOC


def test_a_device_mac_counts_too() -> None:
    town = Town()
    asked = town.ask("drive_category_b")
    verified = town.fetch(asked)
    document = present_with_mac(
        DRIVER.issued,
        doc_type=DRIVE,
        disclose={DRIVE: ["category_B_valid"]},
        transcript=verified.transcript(),
        device_key=DRIVER.device,
        reader_key=verified.request.encryption_key,
    )
    town.post(asked, verifying.answer(verified, "0-mdoc", DeviceResponse(documents=(document,)).encode()))
    assert town.result(asked).state is State.ACCEPTED


def test_what_a_policy_asks_to_see_is_handed_over_once_and_stored_nowhere() -> None:
    store = MemoryVerifierStore()
    town = Town(store=store)
    asked = town.ask("identity_name")
    town.post(asked, shown(town.fetch(asked), PERSON, "family_name", "given_name"))
    first, second = town.result(asked), town.result(asked)
    assert {name: value.reveal() for name, value in first.revealed.items()} == {
        "family_name": "Mustermann",
        "given_name": "Erika",
    }
    assert second.state is State.ACCEPTED
    assert second.revealed == {}
    assert second.measured == first.measured
    assert b"Mustermann" not in pickle.dumps([store.presentation(asked.id), store.verdicts()])
    assert "Mustermann" not in repr(first)


def test_what_was_revealed_does_not_outlive_the_presentation() -> None:
    town = Town()
    asked = town.ask("identity_name")
    town.post(asked, shown(town.fetch(asked), PERSON, "family_name", "given_name"))
    town.now += timedelta(minutes=6)
    assert town.result(asked).revealed == {}


def test_a_revealed_name_can_be_proven_too() -> None:
    text = b"""
        id = "name"
        name = { en = "Name", fr = "Nom" }
        purpose = { en = "A contract", fr = "Un contrat" }
        [[alternatives]]
        doc_type = "eu.europa.ec.eudi.pid.1"
        namespace = "eu.europa.ec.eudi.pid.1"
        reveal = ["family_name"]
    """
    policy = parse(text)
    town = Town(policies={"name": policy})
    asked = town.ask("name")
    town.post(asked, proven(town.fetch(asked), document=PERSON, claims={"family_name": "Mustermann"}))
    assert town.result(asked).revealed == {"family_name": Personal("Mustermann")}


# Sessions ----------------------------------------------------------------------------------------------------------


def test_a_request_is_served_once() -> None:
    town = Town()
    asked = town.ask()
    town.fetch(asked)
    with pytest.raises(Conflict, match=r"presentation\.fetched"):
        town.fetch(asked)


def test_a_request_that_nobody_fetched_cannot_be_answered() -> None:
    town = Town()
    asked, other = town.ask(), town.ask()
    body = proven(town.fetch(other))
    turned_away(town, asked, body, "presentation.not_fetched")


def test_a_nonce_is_used_once_whether_the_answer_was_good_or_bad() -> None:
    for changes in ({}, {"proof": b"short"}):
        town = Town()
        asked = town.ask()
        verified = town.fetch(asked)
        with contextlib.suppress(VerificationError):
            town.post(asked, proven(verified, **changes))
        verdict = town.result(asked).verdict
        with pytest.raises(Conflict, match=r"presentation\.answered"):
            town.post(asked, proven(verified))
        assert town.result(asked).verdict == verdict


def test_an_answer_to_another_session_is_turned_away() -> None:
    town = Town()
    first, second = town.ask(), town.ask()
    body = proven(town.fetch(first))
    verified = town.fetch(second)
    turned_away(town, second, body, "response.kid")
    town.post(second, proven(verified))
    assert town.result(second).state is State.ACCEPTED
    assert town.result(first).state is State.FETCHED


def test_the_same_presentation_in_another_session_is_refused() -> None:
    # Opened, re-encrypted for the other session, with the other session's state: only the transcript gives it away.
    town = Town()
    first, second = town.ask("drive_category_b"), town.ask("drive_category_b")
    verified = town.fetch(second)
    transcript = town.fetch(first).transcript()
    refused(town, second, shown(verified, DRIVER, "category_B_valid", transcript=transcript), "mdoc.device_signature")


def test_an_unknown_state_is_turned_away() -> None:
    town = Town()
    asked = town.ask()
    verified = town.fetch(asked)
    other = replace(verified, request=replace(verified.request, state="another-state"))
    turned_away(town, asked, proven(other), "response.state")
    stateless = replace(verified, request=replace(verified.request, state=None))
    turned_away(town, asked, proven(stateless), "response.state")


def test_an_answer_encrypted_to_the_wrong_key_is_turned_away() -> None:
    town = Town()
    asked = town.ask()
    verified = town.fetch(asked)
    other = replace(verified, request=replace(verified.request, encryption_key=generate_signer().public_key))
    turned_away(town, asked, proven(other), "jwe.open")


@pytest.mark.parametrize(
    ("body", "check"),
    [
        (b"response=" + b"a" * response.MAX_BODY_BYTES, "response.size"),
        (b"", "response.missing"),
        (b"response=nonsense", "jwe"),
        (b"response=%", "form.escape"),
    ],
)
def test_nonsense_changes_nothing(body: bytes, check: str) -> None:
    town = Town()
    asked = town.ask()
    town.fetch(asked)
    turned_away(town, asked, body, check)


def test_a_presentation_that_does_not_exist_cannot_be_fetched_answered_or_read() -> None:
    town = Town()
    nobody = replace(town.ask(), id="0" * 32)
    for attempt in (
        lambda: town.fetch(nobody),
        lambda: town.post(nobody, encode_form({"error": "access_denied"})),
        lambda: town.result(replace(nobody, secret=Secret(b"guess"))),
    ):
        with pytest.raises(Refused, match=r"presentation\.unknown"):
            attempt()


def test_a_verdict_is_told_to_who_asked_and_nobody_else() -> None:
    town = Town()
    asked, other = town.ask(), town.ask()
    town.post(asked, proven(town.fetch(asked)))
    assert presentation_id(asked.secret) == asked.id
    assert town.result(replace(asked, secret=other.secret)).state is State.ASKED  # the other's own question
    with pytest.raises(Refused, match=r"presentation\.unknown"):
        town.result(replace(asked, secret=Secret(asked.secret.reveal()[:-1])))


def test_a_late_answer_finds_the_presentation_expired() -> None:
    town = Town()
    asked = town.ask()
    verified = town.fetch(asked)
    town.now = NOW + timedelta(minutes=5)
    with pytest.raises(Conflict, match=r"presentation\.expired"):
        town.post(asked, proven(verified))
    assert town.result(asked).state is State.EXPIRED
    found = town.store.presentation(asked.id)
    assert found is not None
    assert found.session is None


def test_a_late_fetch_finds_the_presentation_expired() -> None:
    town = Town()
    asked = town.ask()
    town.now = NOW + timedelta(minutes=5)
    with pytest.raises(Conflict, match=r"presentation\.expired"):
        town.fetch(asked)


def test_a_wallet_may_say_no() -> None:
    town = Town()
    asked = town.ask()
    verified = town.fetch(asked)
    town.post(asked, encode_form(response.build_error(verified, "access_denied")))
    result = town.result(asked)
    assert result.state is State.REFUSED
    assert result.verdict is not None
    assert result.verdict.check == "wallet.access_denied"


def test_a_stranger_cannot_say_no_for_the_wallet() -> None:
    town = Town()
    asked = town.ask()
    town.fetch(asked)
    for fields in ({"error": "access_denied"}, {"error": "access_denied", "state": "guess"}):
        turned_away(town, asked, encode_form(fields), "response.state")


def test_a_wallets_own_error_code_is_not_kept() -> None:
    town = Town()
    asked = town.ask()
    verified = town.fetch(asked)
    town.post(asked, encode_form({"error": "Erika Mustermann", "state": verified.request.state or ""}))
    verdict = town.result(asked).verdict
    assert verdict is not None
    assert verdict.check == "wallet.other"


# Same device -------------------------------------------------------------------------------------------------------


def returned(town: Town) -> tuple[Asked, str]:
    asked = town.ask(return_uri="https://shop.example/back")
    redirect_uri = town.post(asked, proven(town.fetch(asked)))
    assert redirect_uri is not None
    return asked, redirect_uri


def test_on_the_same_device_the_verdict_is_for_the_browser_that_came_back() -> None:
    town = Town()
    asked, redirect_uri = returned(town)
    page, _, code = redirect_uri.partition("?response_code=")
    assert page == "https://shop.example/back"
    for wrong in (None, Secret(b"guess")):
        with pytest.raises(Refused, match=r"presentation\.response_code"):
            town.result(asked, response_code=wrong)
    assert town.result(asked, response_code=Secret(base64url.decode(code))).state is State.ACCEPTED


def test_a_code_from_another_session_opens_nothing() -> None:
    town = Town()
    (asked, _), (_, other) = returned(town), returned(town)
    code = Secret(base64url.decode(other.partition("?response_code=")[2]))
    with pytest.raises(Refused, match=r"presentation\.response_code"):
        town.result(asked, response_code=code)


def test_a_code_lives_no_longer_than_its_presentation() -> None:
    town = Town()
    asked, redirect_uri = returned(town)
    code = Secret(base64url.decode(redirect_uri.partition("?response_code=")[2]))
    town.now += timedelta(minutes=5)
    with pytest.raises(Refused, match=r"presentation\.response_code"):
        town.result(asked, response_code=code)


def test_a_refusal_needs_no_code() -> None:
    town = Town()
    asked = town.ask(return_uri="https://shop.example/back")
    refused(town, asked, proven(town.fetch(asked), proof=b"short"), "zk.proof_size")


def test_a_return_to_nowhere_in_particular_is_refused() -> None:
    for wrong in ("javascript:alert(1)", "http://shop.example/", "https://shop.example/?a=1"):
        with pytest.raises(FormatError):
            Town().ask(return_uri=wrong)


# Proofs ------------------------------------------------------------------------------------------------------------

OTHER_CIRCUIT = longfellow.circuit_for(2, now=NOW).zk_system_id


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"doc_type": DRIVE}, "zk.doc_type"),
        ({"doc_type": f"{AV}\0"}, "zk.doc_type"),
        ({"claims": {"age_over_18": False}}, "policy.value"),
        ({"claims": {"age_over_18": 1}}, "policy.value"),
        ({"claims": {"age_over_21": True}}, "zk.claims"),
        ({"claims": {"age_over_18": True, "age_over_21": True}}, "zk.claims"),
        ({"timestamp": NOW - timedelta(minutes=6)}, "zk.skew"),
        ({"timestamp": NOW + timedelta(minutes=6)}, "zk.skew"),
        ({"zk_system_id": "f" * 64}, "zk.circuit_unknown"),
        ({"zk_system_id": OTHER_CIRCUIT}, "zk.circuit_claims"),
        ({"proof": bytes(1000)}, "zk.proof_size"),
        ({"proof": bytes(1_050_000)}, "zk.proof_size"),
        ({"signer_chain": (verifying.DRIVE_SIGNER.leaf,)}, "mdoc.signer_pinned"),
        ({"signer_chain": (verifying.ISSUERS.root,)}, "mdoc.signer_pinned"),
    ],
)
def test_a_proof_about_something_else_is_refused_before_native_code_sees_it(
    changes: dict[str, object], check: str
) -> None:
    proofs = FakeProofVerifier()
    town = Town(proofs=proofs)
    asked = town.ask()
    refused(town, asked, proven(town.fetch(asked), **changes), check)
    assert proofs.asked == []


def test_another_namespace_is_refused_by_name() -> None:
    # The circuits do not bind the namespace: another one's age_over_18, or the empty one, would verify.
    for namespace in ("another.namespace", ""):
        proofs = FakeProofVerifier()
        town = Town(proofs=proofs)
        asked = town.ask()
        body = proven(town.fetch(asked))
        document = verifying.zk_document()
        elements = document.claims[AV]
        verified = town.fetch(other := town.ask())
        wrong = replace(document, claims={namespace: elements})
        body = verifying.answer(verified, "0-longfellow", DeviceResponse(zk_documents=(wrong,)).encode())
        refused(town, other, body, "zk.namespace")
        both = replace(document, claims={AV: elements, namespace: elements})
        verified = town.fetch(third := town.ask())
        body = verifying.answer(verified, "0-longfellow", DeviceResponse(zk_documents=(both,)).encode())
        refused(town, third, body, "zk.namespace")
        assert proofs.asked == []


def test_an_expired_circuit_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    asked = town.ask()
    body = proven(town.fetch(asked))
    old = [replace(circuit, accepted_until=NOW - timedelta(days=1)) for circuit in longfellow.CIRCUITS]
    monkeypatch.setattr("diptych.crypto.longfellow.circuits.CIRCUITS", tuple(old))
    refused(town, asked, body, "zk.circuit_expired")


def test_a_signer_that_has_expired_is_refused() -> None:
    signer = verifying.DocumentSigner.certified(expires=NOW - timedelta(seconds=1))
    trust = IssuerTrust({AV: (signer.leaf,)}, (verifying.ISSUERS.root,))
    town = Town(trust=trust)
    asked = town.ask()
    refused(town, asked, proven(town.fetch(asked), signer_chain=(signer.leaf,)), "x509.path")


def test_a_signer_under_another_root_is_refused_even_if_it_is_pinned() -> None:
    trust = IssuerTrust({AV: (AGE_SIGNER.leaf,)}, (verifying.Authority.named("Other").root,))
    town = Town(trust=trust)
    asked = town.ask()
    refused(town, asked, proven(town.fetch(asked)), "x509.path")


def test_a_native_crash_refuses_this_answer_and_no_other() -> None:
    proofs = FakeProofVerifier(VerificationError("zk.verifier_crashed", "the worker died"))
    town = Town(proofs=proofs)
    asked = town.ask()
    refused(town, asked, proven(town.fetch(asked)), "zk.verifier_crashed")
    proofs.error = None
    again = town.ask()
    town.post(again, proven(town.fetch(again)))
    assert town.result(again).state is State.ACCEPTED


def test_where_nobody_is_free_to_check_the_answer_may_be_sent_again() -> None:
    proofs = FakeProofVerifier(Unavailable("zk.busy", "try again"))
    town = Town(proofs=proofs)
    asked = town.ask()
    body = proven(town.fetch(asked))
    turned_away(town, asked, body, "zk.busy")
    proofs.error = None
    town.post(asked, body)
    assert town.result(asked).state is State.ACCEPTED


def test_only_so_many_answers_are_checked_in_a_minute() -> None:
    town = Town(checks_a_minute=1)
    first, second = town.ask(), town.ask()
    town.post(first, proven(town.fetch(first)))
    body = proven(town.fetch(second))
    turned_away(town, second, body, "presentation.rate")
    town.now += timedelta(minutes=1)
    town.post(second, body)
    assert town.result(second).state is State.ACCEPTED


def test_zero_knowledge_required_and_answered_in_plain_is_refused_by_name() -> None:
    town = Town()
    asked = town.ask()
    refused(town, asked, shown(town.fetch(asked), ADULT, "age_over_18", query_id="0-longfellow"), "zk.required")
    again = town.ask()
    # The plain alternative is not even asked for.
    refused(town, again, shown(town.fetch(again), ADULT, "age_over_18", query_id="0-mdoc"), "dcql.unasked")


# Documents shown ---------------------------------------------------------------------------------------------------


def drive(town: Town) -> tuple[Asked, VerifiedRequest]:
    asked = town.ask("drive_category_b")
    return asked, town.fetch(asked)


def test_more_than_was_asked_for_is_refused() -> None:
    town = Town()
    asked, verified = drive(town)
    refused(town, asked, shown(verified, DRIVER, "category_B_valid", "category_A_valid"), "mdoc.claims")


def test_a_document_by_the_signer_of_another_type_is_refused() -> None:
    town = Town()
    asked, verified = drive(town)
    forged = AGE_SIGNER.issue(DRIVE, {"category_B_valid": True})
    refused(town, asked, shown(verified, forged, "category_B_valid"), "mdoc.signer_pinned")


def test_a_document_of_another_type_is_refused() -> None:
    town = Town()
    asked, verified = drive(town)
    refused(town, asked, shown(verified, PERSON, "nationality"), "mdoc.doc_type")


def test_an_element_of_another_namespace_is_refused() -> None:
    town = Town()
    asked, verified = drive(town)
    other = verifying.DRIVE_SIGNER.issue(DRIVE, {"category_B_valid": True}, namespace="another.namespace")
    refused(town, asked, shown(verified, other, "category_B_valid"), "mdoc.claims")


def test_another_value_than_the_policy_wants_is_refused() -> None:
    town = Town()
    asked, verified = drive(town)
    no_driver = verifying.DRIVE_SIGNER.issue(DRIVE, {"category_B_valid": False})
    refused(town, asked, shown(verified, no_driver, "category_B_valid"), "policy.value")


def test_a_document_that_has_expired_is_refused() -> None:
    town = Town(now=NOW + timedelta(days=14))
    asked, verified = drive(town)
    with pytest.raises(VerificationError, match=r"mdoc\.valid"):
        town.post(asked, shown(verified, DRIVER, "category_B_valid"))


def test_another_holders_document_is_refused() -> None:
    town = Town()
    asked, verified = drive(town)
    thief = replace(DRIVER, device=generate_signer())
    with pytest.raises(Refused, match=r"mdoc\.device_key"):
        shown(verified, thief, "category_B_valid")
    victims = present(
        DRIVER.issued,
        doc_type=DRIVE,
        disclose={DRIVE: ["category_B_valid"]},
        transcript=b"\x83\xf6\xf6\xf6",
        device_signer=DRIVER.device,
    )
    body = verifying.answer(verified, "0-mdoc", DeviceResponse(documents=(victims,)).encode())
    refused(town, asked, body, "mdoc.device_signature")


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda found: replace(found, documents=found.documents * 2), "presentation.format"),
        (lambda found: replace(found, zk_documents=(verifying.zk_document(),)), "presentation.format"),
        (lambda found: DeviceResponse(zk_documents=(verifying.zk_document(),)), "presentation.format"),
        (lambda found: replace(found, status=10), "mdoc.device_response.status"),
    ],
)
def test_anything_but_one_document_is_refused(change: Callable[[DeviceResponse], DeviceResponse], check: str) -> None:
    town = Town()
    asked, verified = drive(town)
    refused(town, asked, shown(verified, DRIVER, "category_B_valid", change=change), check)


@pytest.mark.parametrize("copies", [0, 2])
def test_anything_but_one_proof_is_refused(copies: int) -> None:
    town = Town()
    asked, verified = drive(town)
    values = {"category_B_valid": True}
    documents = (verifying.zk_document(DRIVER, values),) * copies
    body = verifying.answer(verified, "0-longfellow", DeviceResponse(zk_documents=documents).encode())
    refused(town, asked, body, "presentation.format")


def test_a_plain_document_in_the_place_of_a_proof_is_refused_even_where_it_would_do_as_a_fallback() -> None:
    town = Town()
    asked, verified = drive(town)
    refused(town, asked, shown(verified, DRIVER, "category_B_valid", query_id="0-longfellow"), "presentation.format")


def test_a_policy_that_was_taken_away_answers_nothing() -> None:
    store = MemoryVerifierStore()
    town = Town(store=store)
    asked = town.ask("over_18")
    verified = town.fetch(asked)
    later = Town(store=store, policies={"drive_category_b": POLICIES["drive_category_b"]})
    turned_away(later, asked, proven(verified), "policy.gone")


def test_two_alternatives_at_once_are_refused() -> None:
    town = Town()
    asked, verified = drive(town)
    one = response.parse(_payload(shown(verified, DRIVER, "category_B_valid"), town, asked)).presentations["0-mdoc"]
    body = encode_form(response.build(verified, {"0-mdoc": one, "0-longfellow": one}))
    refused(town, asked, body, "presentation.alternatives")


def _payload(body: bytes, town: Town, asked: Asked) -> bytes:
    found = town.store.presentation(asked.id)
    assert found is not None
    assert found.session is not None
    return jwe.decrypt(body.removeprefix(b"response=").decode(), found.session.key.private_key(), now=NOW)


def test_bytes_that_are_no_device_response_are_refused() -> None:
    town = Town()
    asked, verified = drive(town)
    with pytest.raises(FormatError):
        town.post(asked, verifying.answer(verified, "0-mdoc", b"nonsense"))
    assert town.result(asked).state is State.REFUSED


# Asking ------------------------------------------------------------------------------------------------------------


def test_only_policies_can_be_asked() -> None:
    with pytest.raises(Refused, match=r"policy\.unknown"):
        Town().ask("everything")


def test_every_request_has_its_own_nonce_state_and_key() -> None:
    town = Town()
    requests = [town.fetch(town.ask()).request for _ in range(3)]
    for values in (
        {request.nonce for request in requests},
        {request.state for request in requests},
        {request.encryption_kid for request in requests},
        {request.response_uri for request in requests},
    ):
        assert len(values) == 3


def test_secrets_do_not_show() -> None:
    town = Town()
    asked = town.ask()
    found = town.store.presentation(asked.id)
    assert isinstance(found, Presentation)
    assert found.session is not None
    for shown_text in (repr(asked), repr(found)):
        assert found.session.nonce not in shown_text
        assert base64url.encode(asked.secret.reveal()) not in shown_text


# The life of a presentation ----------------------------------------------------------------------------------------


def test_the_table_has_no_way_back_from_a_verdict() -> None:
    for state in (State.ACCEPTED, State.REFUSED, State.EXPIRED):
        for event in Event:
            with pytest.raises(Conflict):
                move(state, event)


def test_every_state_is_reached_and_only_by_the_table() -> None:
    assert {State.ASKED, *MOVES.values()} == set(State)
    for state in State:
        for event in Event:
            if (state, event) not in MOVES:
                with pytest.raises(Conflict):
                    move(state, event)


def test_a_verdict_has_no_room_for_anything_else() -> None:
    assert {item.name for item in dataclasses.fields(Verdict)} == {"accepted", "check", "policy", "time"}
    for wrong in ("Erika Mustermann", "a" * 65, "", "zk required", "ZK.REQUIRED"):
        with pytest.raises(FormatError):
            Verdict(accepted=False, check=wrong, policy="over_18", time=NOW)
    for accepted, check in ((True, "zk.required"), (False, None)):
        with pytest.raises(FormatError):
            Verdict(accepted=accepted, check=check, policy="over_18", time=NOW)


def test_a_verdict_survives_its_encoding() -> None:
    for check in (None, "zk.required"):
        verdict = Verdict(accepted=check is None, check=check, policy="over_18", time=NOW)
        assert parse_verdict(verdict.encode(), policy="over_18", time=NOW) == verdict
    for text in ("", "maybe", "refused", "refused Erika Mustermann", "accepted zk.required"):
        with pytest.raises(FormatError):
            parse_verdict(text, policy="over_18", time=NOW)


def test_when_the_store_fails_no_verdict_is_told() -> None:
    failing: list[str] = []

    def fail(moment: str) -> None:
        if moment in failing:
            raise Unavailable("storage", "the disk is full")

    for moment in ("before advance", "after advance", "before conclude", "after conclude"):
        store = MemoryVerifierStore(fail)
        town = Town(store=store)
        asked = town.ask()
        body = proven(town.fetch(asked))
        failing[:] = [moment]
        with pytest.raises(Unavailable):
            town.post(asked, body)
        failing.clear()
        # Saved before the failure, or not: the verdict that can be read is the one that is kept.
        result = town.result(asked)
        assert result.verdict == store.verdict(asked.id)
        assert (result.state is State.ACCEPTED) == (moment == "after conclude")


# What leaves nothing behind ----------------------------------------------------------------------------------------


def test_the_revealed_values_are_json() -> None:
    from diptych.roles.verifier.answer import json_value

    assert json_value(cbor.encode(cbor.FullDate("1971-09-01"))) == "1971-09-01"
    assert json_value(cbor.encode(7)) == 7
    assert json.dumps(json_value(cbor.encode(True))) == "true"
    with pytest.raises(FormatError):
        json_value(cbor.encode(b"portrait"))


def test_the_policies_of_the_house_ask_for_the_right_types() -> None:
    assert {name: policy.alternatives[0].doc_type for name, policy in POLICIES.items()} == {
        "over_18": AV,
        "drive_category_b": DRIVE,
        "resident": verifying.PERMIT,
        "identity_name": PID,
        "age_on_the_day": "org.iso.18013.5.1.mDL",
        "licence_stands": "org.iso.18013.5.1.mDL",
        "same_customer": "org.iso.18013.5.1.mDL",
    }
