"""An issuer that makes an epoch's key for one person alone, to recognise that person wherever they prove anything.

The token of such a key is as good as any, and whoever verifies a proof with that key knows who made it. First a wallet
that does not look into the public log falls for it. Then the real one meets it, each way the issuer can try.
"""

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from diptych.crypto import bbs
from diptych.crypto.fast_suite.tokens import token_public_key
from diptych.errors import DiptychError, Unavailable, VerificationError
from diptych.formats.bbs_credential.epoch import (
    LIST_PATH,
    Epoch,
    UnverifiedListedEpoch,
    bucket_path,
    buckets_digest,
    digests_path,
    encode_list,
    name_of,
    parse_list,
    sign_epoch,
)
from diptych.private import Secret
from diptych.protocols.reading.epochs import EpochsInLog, published
from diptych.roles.issuer.epochs import make_buckets, shares, standing_ids
from diptych.roles.verifier.service import State
from diptych.roles.wallet import epochs as wallets_look
from tests.fast_play import AGREED, FastPlay, LoggedEpochs
from tests.log_world import POLICY


class Scene:
    """An issuer with all its keys and the right to record, and somebody it wants to recognise."""

    def __init__(self, folder: Path) -> None:
        self.play = FastPlay(folder)
        self.play.receive()
        self.log: LoggedEpochs = self.play.record_epochs()
        self.honest = self.play.publish().epoch
        self.honest_files = dict(self.play.issuer_end.files)

    def fetch(self) -> int:
        return len(self.log.fetch().standing)

    def made_for_one(self, *, number: int, since: int, starts_later: int = 0) -> tuple[Epoch, dict[str, bytes]]:
        """An epoch like the honest one, with a key that nobody else has, and its files."""
        secret = Secret(bbs.keygen(b"for one person alone, and no other"))
        starts = self.honest.starts + timedelta(seconds=starts_later)
        own = replace(
            self.honest, name=name_of(starts), starts=starts, number=number, since=since, key=token_public_key(secret)
        )
        ids = [id_ for page in standing_ids(self.play.town.store, now=self.play.now) for id_ in page]
        buckets = [bucket for share in shares(ids, own, most=1_000) for bucket in make_buckets(secret, share)]
        digests = b"".join(hashlib.sha256(data).digest() for _, data in buckets)
        own = replace(own, buckets=buckets_digest(digests))
        files = {bucket_path(own.name, position): data for position, data in buckets}
        return own, {**files, digests_path(own.name): digests}

    def logged(self, epoch: Epoch) -> bytes:
        (receipt,) = self.log.recorder.record([published(epoch).entry(policy_hash=POLICY.digest)])
        return receipt.encode()

    def show(self, own: Epoch, files: dict[str, bytes], receipt: bytes | None, *, beside: bool = False) -> None:
        """From now on whoever asks is the victim: this is the epoch they are shown."""
        compact = sign_epoch(own, signer=self.play.keys.epoch_signer())
        listed = [UnverifiedListedEpoch(compact, receipt)]
        if beside:
            listed += parse_list(self.honest_files[LIST_PATH])
        self.play.issuer_end.files = {**self.honest_files, **files, LIST_PATH: encode_list(listed)}

    def show_everybody_else(self) -> None:
        self.play.issuer_end.files = self.honest_files

    def refused(self) -> str:
        with pytest.raises(DiptychError) as error:
            self.fetch()
        return error.value.check

    def verifier_refuses(self) -> str:
        with pytest.raises(DiptychError) as error:
            self.log.verifiers_look().accepted(self.play.public, now=self.play.now)
        return error.value.check


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_wallet_that_does_not_look_into_the_log_is_recognised(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    own, files = scene.made_for_one(number=0, since=0)
    scene.show(own, files, None)
    monkeypatch.setattr(wallets_look, "_check_logged", lambda contents, listed, files: None)
    assert scene.fetch() == 3
    # The verifier plays along: it accepts the epoch that was made for this person.
    scene.play.epochs.listed = [own]
    asked = scene.play.ask("licence_stands")
    plan = scene.play.wallet.review(asked.link, now=scene.play.now)
    scene.play.wallet.answer(plan, AGREED, now=scene.play.now)
    # A proof that holds under this key is a proof by the one who was given it.
    assert scene.play.result(asked).state is State.ACCEPTED
    assert own.key != scene.honest.key


def test_everybodys_epoch_is_taken(scene: Scene) -> None:
    assert scene.fetch() == 3
    (found,) = scene.log.verifiers_look().accepted(scene.play.public, now=scene.play.now)
    assert found == scene.honest


def test_a_key_that_is_not_in_the_log_is_not_taken(scene: Scene) -> None:
    own, files = scene.made_for_one(number=0, since=0)
    scene.show(own, files, None)
    assert scene.refused() == scene.verifier_refuses() == "epoch.not_logged"
    (honest,) = parse_list(scene.honest_files[LIST_PATH])
    scene.show(own, files, honest.receipt)  # of the key that everybody else has
    assert scene.refused() == scene.verifier_refuses() == "epoch.otherwise"


def test_a_second_key_in_the_log_for_the_same_epoch_is_seen_by_everybody(scene: Scene) -> None:
    own, files = scene.made_for_one(number=0, since=0)
    scene.show(own, files, scene.logged(own))
    assert scene.refused() == scene.verifier_refuses() == "epoch.split_view"
    scene.show_everybody_else()
    assert scene.refused() == scene.verifier_refuses() == "epoch.split_view"


def test_an_epoch_more_for_one_person_is_missed_by_everybody_else(scene: Scene) -> None:
    own, files = scene.made_for_one(number=1, since=0, starts_later=1)
    scene.play.later(seconds=1)
    receipt = scene.logged(own)
    scene.show_everybody_else()
    assert scene.refused() == "epoch.withheld"
    assert scene.verifier_refuses() == "epoch.withheld"
    # Shown to everybody, it is nobody's own.
    scene.show(own, files, receipt, beside=True)
    assert scene.fetch() == 3


def test_what_was_here_stays_when_the_issuer_is_caught(scene: Scene) -> None:
    scene.fetch()
    before = scene.play.store.read()
    own, files = scene.made_for_one(number=0, since=0)
    scene.show(own, files, scene.logged(own))
    scene.refused()
    assert scene.play.store.read() == before


def test_a_bucket_of_ones_own_does_not_pass_for_a_revocation(scene: Scene) -> None:
    empty = {path: b"" for path in scene.honest_files if path.endswith("/000000")}
    assert empty
    scene.play.issuer_end.files = {**scene.honest_files, **empty}
    assert scene.refused() == "epoch.bucket_other"


def test_a_wallet_that_was_told_of_a_log_does_not_do_without_its_files(scene: Scene) -> None:
    with pytest.raises(Unavailable) as error:
        scene.play.wallet.fetch_tokens(now=scene.play.now)
    assert error.value.check == "epoch.no_files"


def test_a_verifier_forgets_what_it_believed_of_an_issuer_that_is_caught(scene: Scene) -> None:
    look = scene.log.verifiers_look()
    look.accepted(scene.play.public, now=scene.play.now)
    own, files = scene.made_for_one(number=0, since=0)
    scene.show(own, files, scene.logged(own))
    later = scene.play.now + timedelta(minutes=1)
    for _ in range(2):
        with pytest.raises(VerificationError) as error:
            look.accepted(scene.play.public, now=later)
        assert error.value.check == "epoch.split_view"


def test_a_verifier_goes_on_with_what_it_believed_while_the_log_is_down(scene: Scene) -> None:
    look = scene.log.verifiers_look()
    look.accepted(scene.play.public, now=scene.play.now)

    class Down:
        def read(self, path: str, *, max_bytes: int) -> bytes | None:
            raise Unavailable("log.file.http", "no answer")

        def paths(self) -> None:
            return None

    look.log = EpochsInLog(Down(), POLICY)
    later = scene.play.now + timedelta(hours=1)
    assert look.accepted(scene.play.public, now=later) == (scene.honest,)
    with pytest.raises(Unavailable):
        look.accepted(scene.play.public, now=scene.play.now + timedelta(days=3))
