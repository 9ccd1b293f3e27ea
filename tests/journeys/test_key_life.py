"""A key's whole life, as a play: documents, a rotation, more documents, a loss, and how everyone gets on after it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from diptych.adapters.approval_list import write_approval_list
from diptych.cli import wallet_door
from diptych.crypto.signing import generate_signer
from diptych.errors import Refused, VerificationError
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.trust import IssuerTrust, encode_trust, verify_signer
from diptych.roles.issuer.service import Issuer
from diptych.roles.verifier.model import State
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Holding
from diptych.roles.wallet.planning import Unanswerable
from diptych.roles.wallet.presenting import Consent
from tests.cli.test_wallet import Citizen
from tests.issuing import Town
from tests.keys_of_an_issuer import Keys
from tests.play import Play, catalogue

MDL = "org.iso.18013.5.1.mDL"


class KeyTown(Town):
    """The town whose issuer keeps its keys in a folder, as a real one does."""

    folder: Path

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keys = Keys(self.folder, self.catalogue).create()
        self.signers = self.keys
        fields = {name: getattr(self.issuer, name) for name in self.issuer.__dataclass_fields__}
        self.issuer = Issuer(**{**fields, "signers": self.keys, "request_key": generate_signer()})

    def later(self, **duration: float) -> None:
        super().later(**duration)
        self.keys.now = self.now


@pytest.fixture
def play(tmp_path: Path) -> Play:
    town = type("TownHere", (KeyTown,), {"folder": tmp_path / "issuer"})(catalogue=catalogue())
    return Play(town=town)


def keys_of(play: Play) -> Keys:
    assert isinstance(play.town, KeyTown)
    return play.town.keys


def tell(play: Play, trust: IssuerTrust | None = None) -> None:
    """Wallet and verifier take the issuer's trust file."""
    found = trust or keys_of(play).trust()
    play.wallet.set_trust(encode_trust(found), Contents(play.store.read()).trust().verifiers)
    verifier = play.verifier
    verifier.take_on(parties=verifier._parties, policies=verifier.policies, trust=found)


def licences(play: Play) -> list[Holding]:
    return [one for one in play.wallet.list(now=play.now) if one.document.configuration_id == "driving-licence"]


def answer(play: Play, policy: str) -> State:
    asked = play.ask(policy)
    plan = play.wallet.review(asked.link, now=play.now)
    play.wallet.answer(plan, Consent(agrees=True, accepts_linkable=True), now=play.now)
    return play.result(asked).state


def signer_of(play: Play, holding: Holding) -> bytes:
    copy = Contents(play.store.read()).copies(holding.document.id)[0]
    return parse_issuer_signed(copy.issuer_signed.reveal()).issuer_auth.x5chain()[0]


def test_a_signer_is_replaced_and_documents_of_both_are_good(play: Play) -> None:
    play.receive()
    play.later(days=3)
    keys_of(play).rotate()
    tell(play)
    play.receive()
    new, old = licences(play)
    assert signer_of(play, new) == keys_of(play).leaf(MDL) != signer_of(play, old)
    assert answer(play, "drive_category_b") is State.ACCEPTED
    play.wallet.renew_due(now=play.now)
    # Both are believed until the old one's last document has expired; then it has expired itself.
    trust = keys_of(play).trust()
    assert trust.signers[MDL] == (signer_of(play, old), signer_of(play, new))
    play.later(days=86)
    assert [one.is_valid for one in licences(play)] == [True, True]
    play.later(days=2)
    assert [one.is_valid for one in licences(play)] == [True, False]


def test_a_wallet_that_has_not_heard_of_the_new_signer_refuses_it_by_name_and_goes_on_once_it_has(play: Play) -> None:
    keys_of(play).rotate()
    approval = play.approve()
    received = play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    assert {one.check for one in received.refused} == {"mdoc.signer_pinned"}
    tell(play)
    assert play.wallet.accept(approval.offer.link(), None, now=play.now).refused == ()
    assert len(licences(play)) == 1


def test_an_announced_signer_needs_nobody_to_be_told_on_the_day(play: Play) -> None:
    keys_of(play).rotate(signs_from=play.now + timedelta(days=7))
    tell(play)
    play.receive()
    play.later(days=7)
    play.receive()
    new, old = licences(play)
    assert signer_of(play, new) != signer_of(play, old)
    assert answer(play, "drive_category_b") is State.ACCEPTED


def test_after_a_loss_proofs_come_back_by_themselves_and_the_licence_from_the_counter(
    play: Play, tmp_path: Path
) -> None:
    # A citizen has a licence, and proofs of age.
    play.receive()
    play.later(days=1)
    before = keys_of(play).trust()
    # The issuer's keys are stolen. The operator gives them up.
    keys_of(play).lose()
    emergency = keys_of(play).keys.ring().emergency
    assert emergency is not None
    found = write_approval_list(tmp_path, play.town.store, emergency, lambda share, count: None)
    assert found.count == 1
    # The thief's documents, and the citizen's, are believed by nobody who has the new trust file.
    tell(play)
    (licence,) = licences(play)
    assert (licence.is_valid, licence.lost_at) == (False, play.now)
    trust = keys_of(play).trust()
    with pytest.raises(VerificationError, match=r"mdoc\.signer_lost"):
        verify_signer([signer_of(play, licence)], expected_doc_type=MDL, trust=trust, now=play.now)
    with pytest.raises(Unanswerable, match=r"wallet\.signer_lost"):
        answer(play, "over_18")
    # The wallet renews what renews: proofs of age and of entitlement.
    renewed = play.wallet.renew_due(now=play.now)
    assert {one.configuration_id for one in renewed.documents} == {"proof-of-age", "driving-entitlement"}
    assert answer(play, "over_18") is State.ACCEPTED
    assert answer(play, "drive_category_b") is State.ACCEPTED
    # The licence needs the counter: it is not asked for again and again.
    (licence,) = licences(play)
    assert (licence.is_due, licence.is_renewable) == (False, False)
    play.receive()
    new, old = licences(play)
    assert new.is_valid
    assert not old.is_valid
    # An old trust file does not bring the thief back.
    with pytest.raises(Refused, match=r"trust\.lost_again"):
        tell(play, before)


def test_the_wallet_tells_its_owner_what_happened_and_what_to_do(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIPTYCH_WALLET_PASSPHRASE", "correct horse battery")
    monkeypatch.setenv("DIPTYCH_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(wallet_door, "now", lambda: play.now)
    trust, verifiers = tmp_path / "trust.json", tmp_path / "verifier-trust.json"
    trust.write_bytes(Contents(play.store.read()).trust().issuers)
    verifiers.write_bytes(Contents(play.store.read()).trust().verifiers)
    files = ("--trust", str(trust), "--verifier-trust", str(verifiers))
    citizen = Citizen(play, tmp_path / "wallet")
    citizen.json("init", *files, "--without-log")
    citizen.accept()
    keys_of(play).lose()
    trust.write_bytes((keys_of(play).folder / "trust.json").read_bytes())
    said = " ".join(citizen.run("trust", *files).stdout.split())
    assert "no longer counts" in said
    assert "lost the key that signed it on 2026-06-15" in said
    assert "Go to the counter" in said or "renews it by itself" in said
    listed = citizen.json("list")["documents"]
    assert isinstance(listed, list)
    assert {one["document"]: one["is_valid"] for one in listed} == {
        "driving-licence": False,
        "proof-of-age": True,
        "driving-entitlement": True,
    }
    said = " ".join(citizen.run("list").stdout.split())
    assert said.count("no longer counts") == 2  # in the table, and what to do
    assert "Go to the counter and ask for a new one" in said
    assert json.dumps(listed).count("lost_at") == 3
