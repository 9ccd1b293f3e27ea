"""The verifier's keys: a new one asks from a minute on, questions stay with theirs, a kill leaves a working folder."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters import verifier_folder, verifier_keys
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.adapters.verifier_folder import OpenedFolder
from diptych.errors import DiptychError, FormatError, Refused, VerificationError
from diptych.formats.mdoc.trust import LostSigner, encode_trust
from diptych.formats.x509 import certificate
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import registration, request_object
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.roles.verifier.fakes import FakeProofVerifier, MemoryVerifierStore
from diptych.roles.verifier.service import Asked, Verifier
from tests import verifying
from tests.issuing import Dice
from tests.killed import killed_before_each_change
from tests.protocols.openid4vp_parties import NOW
from tests.verifying import ADULT, AV, TRUST

NO_TOKENS = TokenAccess()


@dataclass
class Shop:
    """A verifier over its folder, and a wallet that asks nothing but who asks."""

    folder: Path
    now: datetime = NOW

    def __post_init__(self) -> None:
        if not self.folder.exists():
            verifier_folder.create(
                self.folder,
                name="Café Utopia",
                country="UT",
                trust=encode_trust(TRUST),
                settings=("settings.toml", ""),
                now=NOW,
                entropy=Dice(3),
            )
        found = self.opened()
        self.verifier = Verifier(
            url=verifying.URL,
            party=found.party,
            policies=found.policies,
            trust=found.trust,
            store=MemoryVerifierStore(),
            proofs=FakeProofVerifier(),
            entropy=Dice(4),
            stopwatch=lambda: 0.0,
        )

    def opened(self) -> OpenedFolder:
        return verifier_folder.open_folder(self.folder, access=NO_TOKENS, now=self.now)

    def learn(self) -> None:
        found = self.opened()
        self.verifier.take_on(parties=found.parties, policies=found.policies, trust=found.trust)

    def rotate(self, seed: int = 5) -> None:
        verifier_folder.rotate_key(self.folder, key=None, access=NO_TOKENS, now=self.now, entropy=Dice(seed))

    def ask(self) -> Asked:
        return self.verifier.ask("over_18", now=self.now)

    def fetch(self, asked: Asked) -> VerifiedRequest:
        """As a wallet does that took the verifier's trust file when it was made."""
        body = encode_form(request_object.encode_fetch("wallet-nonce"))
        return request_object.verify(
            self.verifier.serve_request(asked.id, body, now=self.now),
            expected_client_id=request_object.parse_link(asked.link).client_id,
            expected_wallet_nonce="wallet-nonce",
            trust=registration.parse_trust((self.folder / verifier_folder.WALLETS_TRUST).read_bytes()),
            now=self.now,
        )

    def key_of(self, asked: Asked) -> str:
        return request_object.parse_link(asked.link).client_id


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "verifier")


def test_a_new_key_asks_from_a_minute_on_and_wallets_need_nothing_new(shop: Shop) -> None:
    before = shop.ask()
    shop.rotate()
    shop.learn()
    assert shop.key_of(shop.ask()) == shop.key_of(before)
    shop.now += timedelta(minutes=1)
    after = shop.ask()
    assert shop.key_of(after) != shop.key_of(before)
    verified = shop.fetch(after)
    assert verified.verifier.name == "Café Utopia"
    shop.verifier.take_answer(after.id, verifying.proven(verified), now=shop.now)
    assert shop.verifier.result(after.secret, now=shop.now).verdict is not None


def test_a_question_stays_with_the_key_it_was_asked_with(shop: Shop) -> None:
    asked, fetched = shop.ask(), shop.ask()
    half_way = shop.fetch(fetched)
    shop.rotate()
    shop.now += timedelta(minutes=2)
    shop.learn()
    assert shop.verifier.link(asked.id) == asked.link
    for question, verified in ((asked, shop.fetch(asked)), (fetched, half_way)):
        shop.verifier.take_answer(question.id, verifying.proven(verified), now=shop.now)
        verdict = shop.verifier.result(question.secret, now=shop.now).verdict
        assert verdict is not None
        assert verdict.accepted


def test_a_former_key_is_destroyed_once_no_question_of_its_can_stand(shop: Shop) -> None:
    shop.rotate(5)
    first = verifier_folder.KEY
    for days in (0, 1):
        assert (shop.folder / first).exists()
        shop.now += timedelta(days=days)
        verifier_folder.register(shop.folder, now=shop.now)
    assert not (shop.folder / first).exists()
    assert len(shop.opened().parties) == 1
    shop.learn()
    shop.fetch(shop.ask())


def test_a_key_that_has_not_asked_yet_is_replaced_before_it_does(shop: Shop) -> None:
    shop.rotate(5)
    never = verifier_keys.read_parties(shop.folder)[-1]
    shop.rotate(6)
    assert never not in verifier_keys.read_parties(shop.folder)
    shop.now += timedelta(minutes=2)
    verifier_folder.register(shop.folder, now=shop.now)
    assert not (shop.folder / never.key).exists()
    shop.learn()
    shop.fetch(shop.ask())


def test_all_keys_register_what_is_asked(shop: Shop) -> None:
    shop.rotate()
    (shop.folder / verifier_folder.POLICIES / "over_18.toml").unlink()
    verifier_folder.register(shop.folder, now=shop.now)
    for _, party in shop.opened().parties:
        found = registration.verify(
            party.registration,
            registrars=registration.parse_trust((shop.folder / verifier_folder.WALLETS_TRUST).read_bytes()).registrars,
            expected_subject=party.client_id,
            now=shop.now,
        )
        assert "over_18" not in {use.id for use in found.uses}


def test_killed_before_any_write_of_a_rotation_the_verifier_asks_and_rotates_again(tmp_path: Path) -> None:
    made, folder = Shop(tmp_path / "made"), tmp_path / "verifier"
    made.rotate()  # so that a former key is destroyed on the way
    later = NOW + timedelta(days=1)

    def prepare() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made.folder, folder)

    kills = 0
    for _ in killed_before_each_change(prepare, lambda: Shop(folder, later).rotate(8)):
        kills += 1
        shop = Shop(folder, later)
        shop.learn()
        shop.fetch(shop.ask())
        shop.rotate(9)
        shop.now += timedelta(minutes=2)
        shop.learn()
        shop.fetch(shop.ask())
    assert kills > 10


def test_a_new_trust_file_is_believed_and_one_older_than_a_loss_is_not(shop: Shop) -> None:
    fingerprint = certificate.fingerprint(ADULT.signer.leaf)
    lost = encode_trust(
        type(TRUST)({**TRUST.signers, AV: ()}, TRUST.roots, lost={fingerprint: LostSigner(AV, shop.now)})
    )
    asked = shop.ask()
    verified = shop.fetch(asked)
    verifier_folder.take_trust(shop.folder, lost)
    shop.learn()
    with pytest.raises(VerificationError, match=r"mdoc\.signer_lost"):
        shop.verifier.take_answer(asked.id, verifying.proven(verified), now=shop.now)
    with pytest.raises(Refused, match=r"trust\.lost_again"):
        verifier_folder.take_trust(shop.folder, encode_trust(TRUST))
    with pytest.raises(FormatError):
        verifier_folder.take_trust(shop.folder, b"{}")
    assert (shop.folder / "trust.json").read_bytes() == lost


def test_a_running_verifier_learns_of_changes_and_keeps_what_it_has_where_it_cannot_read_them(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifier_folder, "WATCH_SECONDS", 0.02)
    taken: list[OpenedFolder] = []
    complaints: list[DiptychError] = []
    verifier_folder.watch(shop.folder, NO_TOKENS, lambda: NOW, taken.append, complaints.append)
    shop.rotate()
    _until(lambda: bool(taken) and len(taken[-1].parties) == 2)
    (shop.folder / "trust.json").write_bytes(b"half a fi")
    _until(lambda: bool(complaints))
    (shop.folder / "trust.json").write_bytes(encode_trust(TRUST))
    count = len(taken)
    _until(lambda: len(taken) > count)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
