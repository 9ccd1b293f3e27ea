"""Answering: who asks is checked, the least revealing answer is planned, a plain copy is shown once and never again."""

from dataclasses import replace
from datetime import timedelta
from itertools import repeat

import pytest

from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.jose import jws
from diptych.formats.mdoc.device_response import parse_device_response
from diptych.protocols.oauth.form import parse_form
from diptych.protocols.openid4vp import registration
from diptych.protocols.openid4vp.registration import RegisteredClaims, VerifierTrust
from diptych.roles.verifier.model import State
from diptych.roles.verifier.policy import parse as parse_policy
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.memory import Death, MemoryWalletStore
from diptych.roles.wallet.model import Event, Outcome
from diptych.roles.wallet.planning import Mechanism, Plan, Unanswerable
from diptych.roles.wallet.ports import Answer
from diptych.roles.wallet.presenting import Consent
from tests.play import SHOW_NAME, FakeProver, Play, policies

AGREED = Consent(agrees=True)


@pytest.fixture
def play() -> Play:
    play = Play()
    play.receive()
    return play


def spent(play: Play, document: str = "driving-licence") -> int:
    holding = play.new_wallet().show(document, now=play.now)
    return holding.copies - holding.copies_left


def test_the_plan_says_who_asks_what_for_what_they_learn_and_how(play: Play) -> None:
    plan = play.wallet.review(play.ask("over_18").link, now=play.now)
    assert plan.verified.verifier.name == "Café Utopia"
    assert plan.verified.purpose is not None
    assert plan.verified.purpose.en == "To sell what may only be sold to adults."
    (disclosure,) = plan.disclosures
    assert disclosure.mechanism is plan.mechanism is Mechanism.LONGFELLOW
    (learned,) = disclosure.learned
    assert (learned.identifier, learned.names["en"], learned.value.reveal()) == ("age_over_18", "18 or older", True)
    assert not learned.is_kept
    assert not plan.is_fallback
    assert play.prover.given == []


def test_the_wallet_proves_where_it_can_and_spends_no_copy(play: Play) -> None:
    asked = play.ask("drive_category_b")
    plan = play.wallet.review(asked.link, now=play.now)
    assert plan.mechanism is Mechanism.LONGFELLOW  # though a plain answer is accepted too
    assert play.wallet.answer(plan, AGREED, now=play.now).is_accepted
    assert play.result(asked).state is State.ACCEPTED
    assert spent(play, "driving-entitlement") == 0


def test_the_prover_is_given_the_requested_items_and_nothing_else(play: Play) -> None:
    plan = play.wallet.review(play.ask("drive_category_b").link, now=play.now + timedelta(seconds=17))
    play.wallet.answer(plan, AGREED, now=play.now + timedelta(seconds=17))
    assert isinstance(play.prover, FakeProver)
    (given,) = play.prover.given
    document = given["document"]
    assert isinstance(document, bytes)
    (only,) = parse_device_response(document).documents
    items = [item.element_identifier for group in only.issuer_signed.namespaces.values() for item in group]
    assert items == ["category_B_valid"]
    assert given["timestamp"] == play.now  # whole minutes: seconds would tell answers apart


def test_what_is_shown_plainly_is_what_was_asked_and_the_copy_is_spent(play: Play) -> None:
    asked = play.ask("licence_name")
    plan = play.wallet.review(asked.link, now=play.now)
    assert plan.mechanism is Mechanism.MDOC
    assert not plan.is_fallback
    (disclosure,) = plan.disclosures
    assert [element.identifier for element in disclosure.learned] == ["family_name"]
    assert {"en": "Given names", "fr": "Prénoms"} in disclosure.withheld
    assert disclosure.copies_left == 9
    assert play.wallet.answer(plan, AGREED, now=play.now).is_accepted
    assert play.result(asked).revealed["family_name"].reveal() == "Mustermann"
    assert spent(play) == 1


def test_a_copy_is_never_shown_twice_and_exhausted_copies_are_refused(play: Play) -> None:
    shown = set()
    line = play.verifier_line.line

    class Watching:
        def fetch_request(self, url: str, form: bytes) -> Answer:
            return line.fetch_request(url, form)

        def send_response(self, url: str, form: bytes) -> Answer:
            shown.add(form)
            return line.send_response(url, form)

    play.verifier_line.line = Watching()
    warned = []
    for _ in range(10):
        plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
        warned.append(plan.runs_low)
        assert play.wallet.answer(plan, AGREED, now=play.now).is_accepted
    assert warned == [False] * 6 + [True] * 4
    assert len(shown) == 10
    keys = {copy.device_key.reveal() for copy in Contents(play.store.read()).copies(plan.disclosures[0].document.id)}
    assert len(keys) == spent(play) == 10
    with pytest.raises(Unanswerable, match=r"wallet\.copies_exhausted") as refused:
        play.wallet.review(play.ask("licence_name").link, now=play.now)
    assert refused.value.verified.verifier.name == "Café Utopia"


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_copy_stays_spent_though_the_answer_was_lost(play: Play, lost: str) -> None:
    plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
    play.verifier_line.lost = repeat(lost)
    with pytest.raises(Unavailable):
        play.wallet.answer(plan, AGREED, now=play.now)
    assert spent(play) == 1
    assert play.wallet.history()[0].outcome is Outcome.UNKNOWN


def test_an_answer_whose_request_was_lost_is_sent_again_as_it_is(play: Play) -> None:
    asked = play.ask("licence_name")
    plan = play.wallet.review(asked.link, now=play.now)
    play.verifier_line.lost = iter(["request"])
    assert play.wallet.answer(plan, AGREED, now=play.now).is_accepted
    assert spent(play) == 1
    assert play.result(asked).state is State.ACCEPTED


def test_a_lost_verdict_is_reported_as_unknown_and_not_as_a_refusal(play: Play) -> None:
    asked = play.ask("licence_name")
    plan = play.wallet.review(asked.link, now=play.now)
    play.verifier_line.lost = iter(["answer"])
    with pytest.raises(Unavailable, match=r"verifier\.unknown"):
        play.wallet.answer(plan, AGREED, now=play.now)
    assert play.wallet.history()[0].outcome is Outcome.UNKNOWN
    assert play.result(asked).state is State.ACCEPTED


@pytest.mark.parametrize("death", list(Death))
def test_if_the_copy_cannot_be_marked_nothing_leaves(death: Death) -> None:
    store = MemoryWalletStore()
    play = Play(store=store)
    play.receive()
    plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
    store.dies = {store.writes: death}
    with pytest.raises(Unavailable):
        play.wallet.answer(plan, AGREED, now=play.now)
    assert "send_response" not in play.verifier_line.said
    assert spent(play) == (1 if death is Death.AFTER_SAVING else 0)


def test_of_two_windows_with_the_same_copy_one_is_told_to_look_again(play: Play) -> None:
    first = play.wallet.review(play.ask("licence_name").link, now=play.now)

    class OtherWindow(MemoryWalletStore):
        """Another window spends the copy between our look and our write."""

        def save(self, changes: object) -> None:
            other = play.wallet.review(play.ask("licence_name").link, now=play.now)
            assert play.wallet.answer(other, AGREED, now=play.now).is_accepted
            play.store.save(changes)

    ours = replace(play.wallet, store=OtherWindow(entries=play.store.entries))
    with pytest.raises(Conflict, match=r"wallet\.changed"):
        ours.answer(first, AGREED, now=play.now)
    assert spent(play) == 1


FEWER = b"""
id = "licence_name"
name = { en = "Name", fr = "Nom" }
purpose = { en = "To rent you a car.", fr = "Pour vous louer une voiture." }
[[alternatives]]
doc_type = "org.iso.18013.5.1.mDL"
namespace = "org.iso.18013.5.1"
reveal = ["family_name", "birth_date"]
mechanisms = ["mdoc"]
[[alternatives]]
doc_type = "eu.europa.ec.av.1"
namespace = "eu.europa.ec.av.1"
reveal = ["age_over_18"]
mechanisms = ["mdoc"]
"""


def test_of_two_plain_answers_the_one_that_says_less_is_given(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = parse_policy(FEWER)
    verifier = play.new_verifier([policy.registered_use()])
    monkeypatch.setattr(verifier, "_policies", {"licence_name": policy})
    play.meet(verifier)
    plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
    assert [found.document.configuration_id for found in plan.disclosures] == ["proof-of-age"]
    assert play.wallet.answer(plan, AGREED, now=play.now).is_accepted


def test_declining_tells_the_verifier_no_and_nothing_else(play: Play) -> None:
    asked = play.ask("over_18")
    plan = play.wallet.review(asked.link, now=play.now)
    posted: list[bytes] = []
    line = play.verifier_line.line

    class Watching:
        def send_response(self, url: str, form: bytes) -> Answer:
            posted.append(form)
            return line.send_response(url, form)

    play.verifier_line.line = Watching()
    assert not play.wallet.answer(plan, Consent(agrees=False), now=play.now).is_accepted
    (form,) = posted
    assert set(parse_form(form)) == {"error", "state"}
    assert parse_form(form)["error"] == "access_denied"
    verdict = play.result(asked).verdict
    assert verdict is not None
    assert verdict.check == "wallet.access_denied"
    latest = play.wallet.history()[0]
    assert (latest.event, latest.learned.reveal()) == (Event.DECLINED, ())


def test_nothing_is_prepared_without_consent(play: Play) -> None:
    plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
    with pytest.raises(Refused, match=r"wallet\.not_agreed"):
        play.wallet.prepare(plan, Consent(agrees=False), now=play.now)
    assert spent(play) == 0


def test_a_verifier_that_asks_beyond_its_registration_is_refused_and_noted(play: Play) -> None:
    policy = parse_policy(SHOW_NAME)
    use = policy.registered_use()
    narrow = replace(use, claims=(RegisteredClaims(use.claims[0].doc_type, use.claims[0].namespace, ("given_name",)),))
    play.meet(play.new_verifier([narrow]))
    with pytest.raises(Refused, match=r"registration\.over_asking") as refused:
        play.wallet.review(play.ask("licence_name").link, now=play.now)
    assert refused.value.code == "access_denied"
    latest = play.wallet.history()[0]
    assert (latest.event, latest.purpose.reveal()) == (Event.REFUSED, "registration.over_asking")
    assert "send_response" not in play.verifier_line.said


def test_a_verifier_that_did_not_register_for_the_question_is_refused(play: Play) -> None:
    play.meet(play.new_verifier([policies()["over_18"].registered_use()]))
    with pytest.raises(Refused, match=r"registration\.use"):
        play.wallet.review(play.ask("licence_name").link, now=play.now)


def test_a_verifier_under_an_unknown_root_is_refused(play: Play) -> None:
    stranger = Play()
    trust = registration.encode_trust(VerifierTrust((stranger.access.root,), (play.registrar.public_key,)))
    play.wallet.set_trust(Contents(play.store.read()).trust().issuers, trust)
    with pytest.raises(VerificationError, match=r"x509\."):
        play.wallet.review(play.ask("over_18").link, now=play.now)


def test_a_registration_by_an_unknown_registrar_is_refused(play: Play) -> None:
    stranger = Play()
    trust = registration.encode_trust(VerifierTrust((play.access.root,), (stranger.registrar.public_key,)))
    play.wallet.set_trust(Contents(play.store.read()).trust().issuers, trust)
    with pytest.raises(VerificationError, match=r"registration\.registrar"):
        play.wallet.review(play.ask("over_18").link, now=play.now)


def test_a_request_made_for_another_fetch_is_refused(play: Play) -> None:
    asked, line = play.ask("over_18"), play.verifier_line.line
    replayed = line.fetch_request(asked.link.rpartition("%2F")[2].partition("&")[0], b"wallet_nonce=another")
    assert replayed.status == 200

    class Replaying:
        def fetch_request(self, url: str, form: bytes) -> Answer:
            return replayed

    play.verifier_line.line = Replaying()
    with pytest.raises(VerificationError, match=r"request\.wallet_nonce"):
        play.wallet.review(asked.link, now=play.now)


def test_a_request_that_was_changed_on_the_way_is_refused(play: Play) -> None:
    asked, line = play.ask("over_18"), play.verifier_line.line

    class Changing:
        def fetch_request(self, url: str, form: bytes) -> Answer:
            honest = line.fetch_request(url, form)
            found = jws.parse(honest.body.decode(), expected_typ="oauth-authz-req+jwt")
            from diptych.formats import base64url

            changed = found.unverified_payload.replace(b"age_over_18", b"age_over_21")
            head, _, signature = found.compact.split(".")
            return replace(honest, body=f"{head}.{base64url.encode(changed)}.{signature}".encode())

    play.verifier_line.line = Changing()
    with pytest.raises(VerificationError, match=r"jws\.signature"):
        play.wallet.review(asked.link, now=play.now)


def test_a_link_that_names_another_verifier_is_refused(play: Play) -> None:
    asked = play.ask("over_18")
    play.meet(play.new_verifier([policy.registered_use() for policy in policies().values()], name="Café Atlantis"))
    other = play.ask("over_18")
    mixed = asked.link.partition("request_uri=")[0] + "request_uri=" + other.link.partition("request_uri=")[2]
    with pytest.raises(VerificationError, match=r"request\.client_id"):
        play.wallet.review(mixed, now=play.now)


def test_a_verifier_out_there_cannot_have_the_answer_sent_to_this_machine(play: Play) -> None:
    asked, line = play.ask("over_18"), play.verifier_line.line
    link = asked.link.replace("http%3A%2F%2F127.0.0.1%3A8102", "https%3A%2F%2Fverifier.example")
    assert link != asked.link
    play.verifier_line.line = line
    with pytest.raises(Refused, match=r"wallet\.reach"):
        play.wallet.review(link, now=play.now)


def test_a_request_is_served_once(play: Play) -> None:
    asked = play.ask("over_18")
    play.wallet.review(asked.link, now=play.now)
    with pytest.raises(Refused, match=r"verifier\.no_request"):
        play.wallet.review(asked.link, now=play.now)


def test_an_expired_request_is_not_answered_though_it_was_agreed_to(play: Play) -> None:
    plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
    play.later(minutes=6)
    with pytest.raises(Refused, match=r"request\.expired"):
        play.wallet.answer(plan, AGREED, now=play.now)
    assert spent(play) == 0


def test_an_expired_document_answers_nothing(play: Play) -> None:
    play.later(days=20)
    with pytest.raises(Unanswerable, match=r"wallet\.document_expired"):
        play.wallet.review(play.ask("over_18").link, now=play.now)


def test_a_document_that_is_not_held_is_named(play: Play) -> None:
    with pytest.raises(Unanswerable, match=r"wallet\.no_document: .*example\.utopia\.residence_permit\.1"):
        play.wallet.review(play.ask("resident").link, now=play.now)


def without_circuits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wallet accepts none of the circuits that verifiers offer."""
    from diptych.protocols.openid4vp import zk

    def refuse(*_: object, **__: object) -> None:
        raise Refused("zk.circuit", "none of the proof systems asked for is one that is accepted here")

    monkeypatch.setattr(zk, "choose", refuse)


def test_a_recognisable_answer_in_the_place_of_a_proof_needs_its_own_consent(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_circuits(monkeypatch)
    asked = play.ask("drive_category_b")
    plan = play.wallet.review(asked.link, now=play.now)
    assert plan.is_fallback
    assert plan.mechanism is Mechanism.MDOC
    with pytest.raises(Refused, match=r"wallet\.linkable_not_agreed"):
        play.wallet.answer(plan, AGREED, now=play.now)
    assert spent(play, "driving-entitlement") == 0
    assert play.wallet.answer(plan, Consent(agrees=True, accepts_linkable=True), now=play.now).is_accepted
    assert spent(play, "driving-entitlement") == 1


def test_where_a_proof_is_required_nothing_else_is_ever_given(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    without_circuits(monkeypatch)
    with pytest.raises(Unanswerable, match=r"zk\.circuit"):
        play.wallet.review(play.ask("over_18").link, now=play.now)
    assert spent(play, "proof-of-age") == 0


def test_an_answer_that_the_verifier_refuses_is_noted_as_such(play: Play) -> None:
    play.proofs.error = VerificationError("zk.proof", "the zero-knowledge proof does not hold")
    asked = play.ask("over_18")
    plan = play.wallet.review(asked.link, now=play.now)
    sent = play.wallet.answer(plan, AGREED, now=play.now)
    assert not sent.is_accepted
    assert play.wallet.history()[0].outcome is Outcome.REJECTED


def test_the_history_says_who_learned_what_and_stays_here(play: Play) -> None:
    plan = play.wallet.review(play.ask("over_18").link, now=play.now)
    play.wallet.answer(plan, AGREED, now=play.now)
    latest = play.wallet.history()[0]
    assert (latest.event, latest.outcome, latest.mechanism) == (Event.PRESENTED, Outcome.DONE, "longfellow")
    assert latest.who.reveal() == "Café Utopia"
    assert latest.learned.reveal() == ("age_over_18",)
    assert latest.purpose.reveal() == "To sell what may only be sold to adults."


def test_on_the_same_device_the_person_goes_back_to_the_verifier(play: Play) -> None:
    asked = play.ask("over_18", return_uri="https://shop.example/back")
    plan = play.wallet.review(asked.link, now=play.now)
    sent = play.wallet.answer(plan, AGREED, now=play.now)
    assert sent.redirect_uri is not None
    assert sent.redirect_uri.startswith("https://shop.example/back?response_code=")
    assert play.result(asked, sent.redirect_uri.partition("=")[2]).state is State.ACCEPTED


@pytest.mark.parametrize("link", ["", "https://verifier.example", "openid4vp://?client_id=redirect_uri:x"])
def test_nonsense_in_the_place_of_a_link_is_a_format_error(play: Play, link: str) -> None:
    with pytest.raises(FormatError):
        play.wallet.review(link, now=play.now)
    assert play.verifier_line.said == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(503, "application/json", b"{}"), "verifier.unavailable"),
        (Answer(404, "application/json", b"{}"), "verifier.no_request"),
        (Answer(302, "text/html", b""), "verifier.no_request"),
        (Answer(200, "text/html", b"<html>"), "verifier.no_request"),
        (Answer(200, "application/oauth-authz-req+jwt", b"\xff"), "request.ascii"),
        (Answer(200, "application/oauth-authz-req+jwt", b"a.b"), "jws"),
    ],
)
def test_a_verifier_that_answers_nonsense_is_refused_by_name(play: Play, answer: Answer, expected: str) -> None:
    class Nonsense:
        def fetch_request(self, url: str, form: bytes) -> Answer:
            return answer

    link = play.ask("over_18").link
    play.verifier_line.line = Nonsense()
    with pytest.raises(DiptychError) as refused:
        play.wallet.review(link, now=play.now)
    assert refused.value.check == expected


def test_no_exception_and_no_repr_of_a_plan_shows_what_a_document_says(play: Play) -> None:
    plan: Plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
    prepared = play.wallet.prepare(plan, AGREED, now=play.now)
    seen = [repr(plan), repr(prepared), repr(play.wallet.show("driving-licence", now=play.now)), repr(play.wallet)]
    seen += [repr(entry) for entry in play.wallet.history()]
    seen += [repr(Contents(play.store.read()).copies(plan.disclosures[0].document.id)), repr(play.store)]
    for text in seen:
        for value in ("Mustermann", "Erika", "1964", "B072RRE2I55", "Café"):
            assert value not in text or (value == "Café" and "VerifierIdentity" in text)
