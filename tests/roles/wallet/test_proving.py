"""From one offer the wallet takes the mdoc and, beside it, a credential of the fast suite on its one holder secret."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.crypto import bbs
from diptych.crypto.bls12381 import encode_scalar, random_scalars
from diptych.crypto.fast_suite.credential import request
from diptych.errors import Refused, Unavailable
from diptych.formats.bbs_credential.credential import parse_credential
from diptych.private import Secret
from diptych.protocols.openid4vci.commitment_proof import build_commitment_proof
from diptych.protocols.openid4vci.credential import CredentialRequest, parse_credential_request
from diptych.protocols.openid4vci.errors import CREDENTIAL_REQUEST_DENIED, INVALID_NONCE, INVALID_PROOF
from diptych.roles.issuer.enrolments import mark_enrolments
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.service import Issuer
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.memory import MemoryWalletStore
from diptych.roles.wallet.ports import Change
from diptych.roles.wallet.proving import fast_suite_trust, open_held
from tests.fast_play import FastPlay
from tests.issuing import TinyWallet, everything_in, nothing_changes, refused
from tests.play import Play, catalogue

LICENCE = "driving-licence"


@pytest.fixture
def play(tmp_path: Path) -> FastPlay:
    return FastPlay(tmp_path)


def contents(play: Play) -> Contents:
    return Contents(play.store.read())


def enrolments(play: Play) -> list[tuple[str, bytes, bytes]]:
    store = play.town.store
    assert isinstance(store, MemoryIssuerStore)
    found = store.contents().enrolments.values()  # type: ignore[attr-defined]
    return sorted((one.type_id, one.commitment, one.revocation_id) for one in found)


def test_both_come_from_one_offer_and_one_document_is_listed(play: FastPlay) -> None:
    received = play.receive()
    assert received.refused == ()
    assert len(received.documents) == 3
    held = play.wallet.list(now=play.now)
    assert len(held) == 3
    assert all(one.is_fast for one in held)
    trust = fast_suite_trust(contents(play))
    for one in held:
        found = open_held(contents(play), one.document, trust)
        assert found.issued.document_type == one.document.doc_type


def test_every_credential_is_on_one_secret_that_the_issuer_never_sees(play: FastPlay) -> None:
    play.receive()
    secret = contents(play).holder_secret()
    assert secret is not None
    trust = fast_suite_trust(contents(play))
    for document in contents(play).documents():
        assert open_held(contents(play), document, trust).credential.scalars[-1] == int.from_bytes(
            secret.reveal(), "big"
        )
    assert secret.reveal() not in everything_in(play.town)
    assert b"Mustermann" not in everything_in(play.town)
    # One commitment an order, a revocation id of its own for each credential.
    found = enrolments(play)
    assert len({commitment for _, commitment, _ in found}) == 1
    assert len({revocation_id for _, _, revocation_id in found}) == len(found) == 3


def test_two_orders_of_one_wallet_share_nothing_that_the_issuer_could_see(play: FastPlay) -> None:
    play.receive()
    first = enrolments(play)
    play.receive()
    later = [one for one in enrolments(play) if one not in first]
    assert {commitment for _, commitment, _ in first}.isdisjoint({commitment for _, commitment, _ in later})


def test_a_wallet_that_does_not_know_the_fast_suite_is_not_hindered(tmp_path: Path) -> None:
    play = FastPlay(tmp_path)
    offered = play.approve().offer.configuration_ids
    assert not any(name.endswith("-bbs") for name in offered)
    play.store = MemoryWalletStore()
    play.wallet = play.new_wallet()
    plain = Play(town=play.town)
    received = plain.receive()
    assert received.refused == ()
    assert not any(one.is_fast for one in plain.wallet.list(now=plain.now))


def test_a_renewal_is_on_the_same_secret_and_keeps_its_revocation_id(play: FastPlay) -> None:
    play.receive()
    before, held_before = enrolments(play), contents(play).proving(document_id(play, "proof-of-age"))
    play.later(days=10)
    renewed = play.wallet.renew_due(now=play.now)
    assert renewed.failures == ()
    assert len(renewed.documents) == 2
    assert enrolments(play) == before
    assert contents(play).proving(document_id(play, "proof-of-age")) != held_before


def document_id(play: Play, configuration_id: str) -> str:
    return contents(play).document(configuration_id).id


def test_a_lost_answer_is_asked_for_again_with_the_same_commitment(play: FastPlay) -> None:
    approval = play.approve()
    for point in range(1, 12):
        play.issuer_line.lost = iter([None] * point + ["answer"])
        try:
            play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
        except Unavailable:
            continue
        break
    play.issuer_line.lost = iter(())
    if contents(play).grants()[0].outstanding:
        assert play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now).refused == ()
    assert all(one.is_fast for one in play.wallet.list(now=play.now))
    assert len({commitment for _, commitment, _ in enrolments(play)}) == 1
    assert len(enrolments(play)) == 3


class Asker:
    """Somebody with tokens who asks for credentials of the fast suite by hand."""

    def __init__(self, play: FastPlay) -> None:
        self.play = play
        self.issuer: Issuer = play.town.issuer
        self.wallet = TinyWallet(play.town)
        approval = play.approve()
        self.tokens = self.wallet.redeem(approval.offer, approval.tx_code.reveal().decode())
        self.secret = Secret(encode_scalar(random_scalars(1, os.urandom)[0]))
        self.commitment, self.blind = request(self.secret, entropy=os.urandom)

    def proof(self, **changed: object) -> bytes:
        values: dict[str, object] = {
            "blind": self.blind,
            "holder_secret": self.secret,
            "issuer": self.play.town.url,
            "c_nonce": self.wallet.c_nonce(),
            "entropy": os.urandom,
            "commitment": self.commitment,
            **changed,
        }
        return build_commitment_proof(values.pop("commitment"), **values)  # type: ignore[arg-type]

    def ask(self, proof: bytes, configuration_id: str = LICENCE + "-bbs") -> bytes:
        asked = CredentialRequest(configuration_id, (), commitment_proof=proof)
        dpop = self.wallet.dpop("/credential", access_token=self.tokens.access_token)
        (found,) = self.issuer.issue_credentials(
            parse_credential_request(asked.encode()),
            access_token=self.tokens.access_token,
            dpop=dpop,
            now=self.play.now,
            entropy=os.urandom,
        ).credentials
        return found


def test_asked_again_the_same_is_signed_under_the_same_revocation_id(play: FastPlay) -> None:
    asker = Asker(play)
    first, again = asker.ask(asker.proof()), asker.ask(asker.proof())
    layout = play.public.type("org.iso.18013.5.1.mDL").layout
    assert parse_credential(first, layout).values == parse_credential(again, layout).values


def test_another_secret_under_the_same_order_is_refused(play: FastPlay) -> None:
    asker = Asker(play)
    asker.ask(asker.proof())
    other = Asker.__new__(Asker)
    other.__dict__.update(asker.__dict__)
    other.secret = Secret(encode_scalar(random_scalars(1, os.urandom)[0]))
    other.commitment, other.blind = request(other.secret, entropy=os.urandom)
    with nothing_changes(play.town), refused(CREDENTIAL_REQUEST_DENIED, "bbs.holder_secret"):
        other.ask(other.proof())
    with nothing_changes(play.town), refused(CREDENTIAL_REQUEST_DENIED, "bbs.holder_secret"):
        other.ask(other.proof(), "proof-of-age-bbs")


def test_a_commitment_that_was_overheard_is_of_no_use(play: FastPlay) -> None:
    asker = Asker(play)
    nonce = asker.wallet.c_nonce()
    used = asker.proof(c_nonce=nonce)
    asker.ask(used)
    with nothing_changes(play.town), refused(INVALID_NONCE):
        asker.ask(used)
    with nothing_changes(play.town), refused(INVALID_NONCE):
        asker.ask(asker.proof(c_nonce="made up"))
    with nothing_changes(play.town), refused(INVALID_PROOF, "commitment_proof.proof"):
        asker.ask(asker.proof(issuer="https://other.example"))
    with nothing_changes(play.town), refused(INVALID_PROOF, "commitment_proof.proof"):
        asker.ask(asker.proof(blind=Secret(bbs.keygen(os.urandom(32)))))


def test_a_damaged_commitment_is_refused_and_changes_nothing(play: FastPlay) -> None:
    asker = Asker(play)
    damaged = bytearray(asker.commitment)
    damaged[100] ^= 1  # the proof inside: the point stands, and its opening is known
    with nothing_changes(play.town), refused(INVALID_PROOF, "bbs.commitment"):
        asker.ask(asker.proof(commitment=bytes(damaged)))
    for data in (b"", b"\xa0", asker.proof()[:-1], bytes(3_000)):
        with nothing_changes(play.town), refused(INVALID_PROOF):
            asker.ask(data)


def test_a_type_without_a_layout_and_a_plain_configuration_take_no_commitment(play: FastPlay) -> None:
    asker = Asker(play)
    for configuration_id in ("residence-permit-bbs", LICENCE, "nothing-bbs"):
        with nothing_changes(play.town), refused(check="credential.configuration"):
            asker.ask(asker.proof(), configuration_id)


def test_a_refreshed_token_opens_no_licence_of_either_kind(play: FastPlay) -> None:
    asker = Asker(play)
    asker.ask(asker.proof())
    asker.tokens = asker.wallet.refresh(asker.tokens)
    with refused(CREDENTIAL_REQUEST_DENIED, "credential.not_ordered"):
        asker.ask(asker.proof())
    asker.ask(asker.proof(), "proof-of-age-bbs")


def test_a_revoked_order_gets_no_more_credentials(play: FastPlay) -> None:
    asker = Asker(play)
    asker.ask(asker.proof())
    ((order_id, _),) = play.town.store.contents().enrolments  # type: ignore[attr-defined]
    with play.town.store.transaction() as state:
        assert mark_enrolments(state, order_id, is_revoked=True) == 1
        assert mark_enrolments(state, order_id, is_revoked=True) == 0
    assert play.town.store.standing_ids(play.now, after=b"", most=10) == ()
    with nothing_changes(play.town), refused(CREDENTIAL_REQUEST_DENIED, "bbs.revoked"):
        asker.ask(asker.proof())


def test_a_key_that_its_issuer_gave_up_is_no_longer_believed(play: FastPlay) -> None:
    play.receive()
    document = contents(play).document(LICENCE)
    play.keys.give_up([catalogue().type(LICENCE)], entropy=os.urandom)
    play.take_trust()
    with pytest.raises(Refused, match="no longer believed"):
        open_held(contents(play), document, fast_suite_trust(contents(play)))
    # What is asked for from now on is signed by the new key.
    play.receive()
    newest = contents(play).documents()[0]
    assert newest.id != document.id
    open_held(
        contents(play),
        next(one for one in contents(play).documents() if one.configuration_id == LICENCE and one.id != document.id),
        fast_suite_trust(contents(play)),
    )


def test_an_issuer_whose_key_is_not_believed_brings_no_credential(play: FastPlay, tmp_path: Path) -> None:
    play.keys.give_up([catalogue().type(LICENCE)], entropy=os.urandom)
    received = play.receive()
    assert [one.check for one in received.refused] == ["bbs.issuer_key"]
    held = {one.document.configuration_id: one.is_fast for one in play.wallet.list(now=play.now)}
    assert held == {LICENCE: False, "proof-of-age": True, "driving-entitlement": True}


def test_it_moves_with_the_wallet(play: FastPlay) -> None:
    play.receive()
    entries = play.store.read()
    other = MemoryWalletStore()
    play.store = other
    moved = replace(play.new_wallet(), store=_filled(other, entries))
    assert all(one.is_fast for one in moved.list(now=play.now))


def _filled(store: MemoryWalletStore, entries: object) -> MemoryWalletStore:
    store.save([Change(key, None, entry) for key, entry in dict(entries).items()])  # type: ignore[call-overload]
    return store
