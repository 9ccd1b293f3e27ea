"""Accepting an offer: what is stored before it is sent, what is lost and asked again, what is refused by name."""

from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat

import pytest

from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.mdoc.issue import issue
from diptych.formats.mdoc.trust import IssuerTrust, encode_trust
from diptych.formats.x509 import profiles
from diptych.private import Secret
from diptych.protocols.openid4vci.credential import MEDIA_TYPE, CredentialResponse, encrypt_response
from diptych.protocols.openid4vci.metadata import CredentialConfiguration
from diptych.roles.issuer.ports import DocumentSigner
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.memory import Death, MemoryWalletStore
from diptych.roles.wallet.model import Event
from diptych.roles.wallet.ports import Answer
from diptych.roles.wallet.receipt import verify_copies
from tests.issuing import MIDNIGHT, Signers
from tests.play import Play, catalogue

EVERYTHING = {"driving-licence": 10, "proof-of-age": 30, "driving-entitlement": 10}
AGE = "eu.europa.ec.av.1"
# metadata twice, token (first without the server's DPoP nonce), then nonce and credential for each of three documents
REQUESTS = 2 + 2 + 3 * 2
# the grant, the tokens, then keys and copies for each of three documents
WRITES = 2 + 3 * 2


def held(play: Play) -> dict[str, int]:
    return {found.document.configuration_id: found.copies for found in play.new_wallet().list(now=play.now)}


def test_an_offer_brings_every_document_in_single_use_copies() -> None:
    play = Play()
    received = play.receive()
    assert received.refused == ()
    assert held(play) == EVERYTHING
    assert play.store.writes == 1 + WRITES  # one to set the trust


def test_a_preview_shows_what_is_offered_and_uses_nothing_up() -> None:
    play = Play()
    approval = play.approve()
    before = play.store.read()
    preview = play.wallet.preview_offer(approval.offer.link())
    assert [found.configuration_id for found in preview.documents] == list(EVERYTHING)
    assert preview.documents[0].names == {"en": "Driving licence", "fr": "Permis de conduire"}
    assert preview.tx_code is not None
    assert not preview.is_resumed
    assert play.store.read() == before
    assert play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now).refused == ()


def test_an_address_that_no_trusted_root_names_is_told_before_it_gets_the_codes() -> None:
    play = Play()
    link = play.approve().offer.link()
    # The roots of the play name another address than the one it answers at, as a phisher's would be.
    assert not play.wallet.preview_offer(link).is_known
    key = generate_signer()
    root = profiles.build_iaca(
        signer=key,
        country="UT",
        common_name="Utopia root",
        contact=play.town.url,
        crl="https://utopia.example/crl",
        not_before=MIDNIGHT,
        not_after=MIDNIGHT + timedelta(days=3650),
        entropy=play.town.entropy,
    )
    trust = Contents(play.store.read()).trust()
    play.wallet.set_trust(encode_trust(IssuerTrust({}, (root,))), trust.verifiers)
    assert play.wallet.preview_offer(link).is_known


def test_keys_and_codes_are_stored_before_they_are_sent() -> None:
    play = Play()
    approval = play.approve()
    stored: dict[str, bool] = {}
    line = play.issuer_line.line

    class Watching:
        def fetch(self, url: str) -> Answer:
            return line.fetch(url)

        def ask_token(self, url: str, form: bytes, *, dpop: str) -> Answer:
            (grant,) = Contents(play.store.read()).grants()
            stored["code"] = grant.code == approval.offer.code and grant.tx_code == approval.tx_code
            return line.ask_token(url, form, dpop=dpop)

        def ask_nonce(self, url: str) -> Answer:
            return line.ask_nonce(url)

        def ask_credential(self, url: str, body: bytes, **named: object) -> Answer:
            contents = Contents(play.store.read())
            (grant,) = contents.grants()
            batch = contents.batch(grant.id, grant.outstanding[0])
            stored["tokens"] = grant.tokens is not None and grant.tokens.access_token == named["access_token"]
            stored["keys"] = batch is not None and len(batch.device_keys) == 30
            return line.ask_credential(url, body, **named)

    play.issuer_line.line = Watching()
    play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    assert stored == {"code": True, "tokens": True, "keys": True}


@pytest.mark.parametrize("lost", ["request", "answer"])
@pytest.mark.parametrize("position", range(REQUESTS))
def test_whatever_is_lost_on_the_line_accepting_again_brings_everything(position: int, lost: str) -> None:
    play = Play()
    approval = play.approve()
    play.issuer_line.lost = chain(repeat(None, position), [lost])
    with pytest.raises(Unavailable):
        play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    # After a restart, without typing the transaction code again once the issuer may have seen it.
    tx_code = approval.tx_code if position < 2 else None
    play.new_wallet().accept(approval.offer.link(), tx_code, now=play.now)
    assert held(play) == EVERYTHING
    assert play.town.issuer.store.incidents() == ()


@pytest.mark.parametrize("death", list(Death))
@pytest.mark.parametrize("position", range(WRITES))
def test_wherever_the_wallet_dies_accepting_again_brings_everything(position: int, death: Death) -> None:
    store = MemoryWalletStore(dies={1 + position: death})
    play = Play(store=store)
    approval = play.approve()
    with pytest.raises(Unavailable):
        play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    if (position, death) == (WRITES - 1, Death.AFTER_SAVING):
        with pytest.raises(Conflict, match=r"wallet\.already_accepted"):
            play.new_wallet().accept(approval.offer.link(), approval.tx_code, now=play.now)
    else:
        play.new_wallet().accept(approval.offer.link(), approval.tx_code, now=play.now)
    assert held(play) == EVERYTHING
    assert len([entry for entry in play.wallet.history() if entry.event is Event.RECEIVED]) == 3


def test_once_everything_is_here_the_code_is_forgotten_and_the_offer_known() -> None:
    play = Play()
    approval = play.approve()
    link = approval.offer.link()
    play.wallet.accept(link, approval.tx_code, now=play.now)
    (grant,) = Contents(play.store.read()).grants()
    assert grant.code is None
    assert grant.tx_code is None
    before = play.store.read()
    with pytest.raises(Conflict, match=r"wallet\.already_accepted"):
        play.wallet.accept(link, approval.tx_code, now=play.now)
    assert play.store.read() == before


def test_an_offer_without_its_transaction_code_is_refused_before_anything_is_sent() -> None:
    play = Play()
    approval = play.approve()
    with pytest.raises(Refused, match=r"wallet\.tx_code_missing"):
        play.wallet.accept(approval.offer.link(), None, now=play.now)
    assert set(play.issuer_line.said) == {"fetch"}


def test_a_wrong_transaction_code_is_refused_and_the_right_one_still_works() -> None:
    play = Play()
    approval = play.approve()
    with pytest.raises(Refused, match=r"issuer\.invalid_grant") as refused:
        play.wallet.accept(approval.offer.link(), Secret(b"000000"), now=play.now)
    assert refused.value.code == "invalid_grant"
    with pytest.raises(Refused, match=r"wallet\.tx_code_missing"):
        play.wallet.accept(approval.offer.link(), None, now=play.now)
    play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    assert held(play) == EVERYTHING


def test_a_wrong_code_typed_after_a_lost_answer_loses_nothing() -> None:
    play = Play()
    approval = play.approve()
    play.issuer_line.lost = iter([None, None, None, "answer"])
    with pytest.raises(Unavailable):
        play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    with pytest.raises(Refused, match="invalid_grant"):
        play.new_wallet().accept(approval.offer.link(), Secret(b"000000"), now=play.now)
    # The issuer knows the code by the DPoP key of the first try: it was kept.
    play.new_wallet().accept(approval.offer.link(), approval.tx_code, now=play.now)
    assert held(play) == EVERYTHING


def test_accepting_again_much_later_says_that_the_offer_has_lapsed() -> None:
    play = Play()
    approval = play.approve()
    play.issuer_line.lost = chain(repeat(None, 7), ["answer"])
    with pytest.raises(Unavailable):
        play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    play.later(minutes=30)
    with pytest.raises(Refused, match=r"wallet\.offer_lapsed"):
        play.wallet.accept(approval.offer.link(), None, now=play.now)
    assert held(play) == {"driving-licence": 10}


def test_an_access_token_that_the_issuer_no_longer_takes_is_asked_for_again() -> None:
    play = Play()
    approval = play.approve()
    play.issuer_line.lost = iter([None, None, None, None, "request"])
    with pytest.raises(Unavailable):
        play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    # The issuer's clock is ahead: for it the token has expired, for the wallet not yet.
    play.later(minutes=10, seconds=30)
    play.new_wallet().accept(approval.offer.link(), None, now=play.now - timedelta(minutes=4))
    assert held(play) == EVERYTHING


def test_a_challenge_that_has_expired_is_asked_for_again() -> None:
    play = Play()
    approval = play.approve()
    stale = play.issuer_end.ask_nonce(play.town.url + "/nonce")
    play.later(minutes=10)
    line = play.issuer_line.line
    answers = iter([stale])

    class Stale:
        def __getattr__(self, name: str) -> object:
            return getattr(line, name)

        def ask_nonce(self, url: str) -> Answer:
            return next(answers, None) or line.ask_nonce(url)

    play.issuer_line.line = Stale()
    assert play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now).refused == ()
    assert held(play) == EVERYTHING


@pytest.mark.parametrize("minutes", [-7, 7])
def test_a_clock_that_is_off_is_what_the_person_is_told_to_check(minutes: int) -> None:
    play = Play()
    approval = play.approve()
    with pytest.raises(Refused, match=r"issuer\.invalid_dpop_proof: .*clock"):
        play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now + timedelta(minutes=minutes))
    play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    assert held(play) == EVERYTHING


def test_two_windows_do_not_accept_at_once() -> None:
    play = Play()
    approval = play.approve()
    with play.store.acting(), pytest.raises(Conflict, match=r"wallet\.busy"):
        play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)


def test_without_request_encryption_documents_come_plainly() -> None:
    play = Play(is_encrypted=False)
    assert play.receive().refused == ()
    assert held(play) == EVERYTHING


class Lying:
    """An issuer's line on which the metadata or the documents are exchanged."""

    def __init__(self, play: Play, lie: object) -> None:
        self.honest = play.issuer_line.line
        self.play = play
        self.lie = lie

    def __getattr__(self, name: str) -> object:
        return getattr(self.honest, name)

    def ask_credential(self, url: str, body: bytes, *, media_type: str, **named: object) -> Answer:
        issuer = self.play.town.issuer
        request = issuer.read_request(body, is_encrypted=True, now=self.play.now)
        honest = issuer.issue_credentials(
            request, now=self.play.now, entropy=self.play.town.entropy, **named
        ).credentials
        assert callable(self.lie)
        lied = self.lie(request.configuration_id, honest)
        if lied is None:
            return Answer(200, MEDIA_TYPE, CredentialResponse(honest).encode())
        assert request.response_encryption is not None
        return Answer(200, "application/jwt", encrypt_response(CredentialResponse(lied), request.response_encryption))


def accept_from_a_liar(play: Play, lie: object) -> dict[str, str]:
    """Which documents are refused, and by which check."""
    approval = play.approve()
    play.issuer_line.line = Lying(play, lie)
    received = play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    return {one.configuration_id: one.check for one in received.refused}


def test_more_copies_than_keys_are_refused() -> None:
    play = Play()
    found = accept_from_a_liar(play, lambda name, honest: honest * 4)
    assert found == dict.fromkeys(EVERYTHING, "wallet.copy_count")
    assert held(play) == {}


def test_two_copies_for_one_key_are_refused() -> None:
    play = Play()
    assert set(accept_from_a_liar(play, lambda name, honest: (honest[0], honest[0])).values()) == {"wallet.copy_key"}


def test_a_document_for_somebody_elses_key_is_refused() -> None:
    play, somebody_else = Play(), generate_signer()

    def lie(name: str, honest: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return (issued(play, somebody_else),) if name == "proof-of-age" else honest

    assert accept_from_a_liar(play, lie) == {"proof-of-age": "wallet.copy_key"}


def test_a_plain_answer_where_encryption_was_asked_for_is_refused() -> None:
    play = Play()
    assert set(accept_from_a_liar(play, lambda name, honest: None).values()) == {"issuer.answer_plain"}


def test_damaged_documents_are_refused_and_the_others_stay() -> None:
    play = Play()

    def damage(name: str, honest: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return (honest[0][:-1],) if name == "proof-of-age" else honest

    assert set(accept_from_a_liar(play, damage)) == {"proof-of-age"}
    assert held(play) == {"driving-licence": 10, "driving-entitlement": 10}


def test_an_unknown_signer_is_refused_by_name() -> None:
    play = Play()
    verifiers = Contents(play.store.read()).trust().verifiers
    play.wallet.set_trust(encode_trust(Signers(catalogue(), play.town.entropy).trust()), verifiers)
    received = play.receive()
    assert {one.check for one in received.refused} == {"mdoc.signer_pinned"}
    assert received.documents == ()


def test_a_document_signed_by_the_signer_of_another_type_is_refused() -> None:
    play = Play()
    honest = play.town.signers.signer_for

    def confused(doc_type: str) -> DocumentSigner:
        return honest("org.iso.18013.5.1.mDL" if doc_type == "eu.europa.ec.av.1" else doc_type)

    play.town.signers.signer_for = confused
    received = play.receive()
    assert {one.configuration_id: one.check for one in received.refused} == {"proof-of-age": "mdoc.signer_pinned"}
    assert held(play) == {"driving-licence": 10, "driving-entitlement": 10}


def test_a_document_called_by_another_types_name_is_refused() -> None:
    play = Play()
    honest = play.town.issuer.metadata()
    licence: CredentialConfiguration = honest.configurations["driving-licence"]
    lying = replace(honest, configurations={**honest.configurations, "proof-of-age": licence})

    class Renaming(Lying):
        def fetch(self, url: str) -> Answer:
            if "oauth" in url:
                return play.issuer_end.fetch(url)
            return Answer(200, "application/json", lying.encode())

    approval = play.approve()
    play.issuer_line.line = Renaming(play, lambda name, credentials: credentials)
    received = play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    assert {one.configuration_id: one.check for one in received.refused} == {"proof-of-age": "mdoc.signer_pinned"}


def issued(play: Play, device: SoftwareSigner, *, days: int = 14) -> bytes:
    """A proof of age as the issuer's own signer makes it."""
    signer = play.town.signers.signer_for(AGE)
    return issue(
        doc_type=AGE,
        namespaces={AGE: {"age_over_18": True}},
        device_key=device.public_key,
        signer=signer.signer,
        signer_chain=signer.chain,
        signed=MIDNIGHT,
        valid_from=MIDNIGHT,
        valid_until=MIDNIGHT + timedelta(days=days),
        entropy=play.town.entropy,
    ).encode()


def test_copies_that_do_not_say_the_same_are_refused() -> None:
    play, devices = Play(), [generate_signer(), generate_signer()]
    copies = [issued(play, devices[0]), issued(play, devices[1], days=13)]
    with pytest.raises(VerificationError, match=r"wallet\.copies_differ"):
        verify_copies(
            copies, device_signers=devices, expected_doc_type=AGE, trust=play.town.signers.trust(), now=play.now
        )


def test_an_expired_document_is_refused_on_receipt() -> None:
    play, device = Play(), generate_signer()
    with pytest.raises(VerificationError, match=r"mdoc\.validity\.expired"):
        verify_copies(
            [issued(play, device)],
            device_signers=[device],
            expected_doc_type=AGE,
            trust=play.town.signers.trust(),
            now=play.now + timedelta(days=20),
        )


@pytest.mark.parametrize(
    "link", ["", "openid4vp://?", "openid-credential-offer://?credential_offer={}", "https://issuer.example/offer"]
)
def test_nonsense_in_the_place_of_an_offer_is_a_format_error(link: str) -> None:
    play = Play()
    with pytest.raises(FormatError):
        play.wallet.accept(link, None, now=play.now)
    assert play.issuer_line.said == []


def test_an_offer_of_something_that_the_issuer_does_not_describe_is_refused() -> None:
    play = Play()
    approval = play.approve()
    offer = replace(approval.offer, configuration_ids=("passport-of-atlantis",))
    with pytest.raises(Refused, match=r"wallet\.unknown_document"):
        play.wallet.accept(offer.link(), approval.tx_code, now=play.now)


def test_metadata_of_another_issuer_is_refused() -> None:
    play = Play()
    approval = play.approve()
    other = replace(play.town.issuer, url="http://127.0.0.1:9999")

    class Elsewhere(Lying):
        def fetch(self, url: str) -> Answer:
            return Answer(200, "application/json", other.metadata().encode())

    play.issuer_line.line = Elsewhere(play, None)
    with pytest.raises(VerificationError, match=r"metadata\.issuer"):
        play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)


def test_an_issuer_out_there_cannot_send_the_wallet_to_a_service_of_its_own_machine() -> None:
    play = Play()
    approval = play.approve()
    offer = replace(approval.offer, issuer="https://issuer.example")
    luring = replace(play.town.issuer.metadata(), issuer="https://issuer.example")

    class Luring(Lying):
        def fetch(self, url: str) -> Answer:
            assert url == "https://issuer.example/.well-known/openid-credential-issuer"
            return Answer(200, "application/json", luring.encode())

    play.issuer_line.line = Luring(play, None)
    with pytest.raises(Refused, match=r"wallet\.reach"):
        play.wallet.accept(offer.link(), approval.tx_code, now=play.now)
