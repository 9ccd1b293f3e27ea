"""A verifier's look at an issuer's epochs: asked now and then, believed by signature, kept while the issuer is down."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from diptych.adapters.http.epochs import KEPT_FOR, HttpEpochs
from diptych.crypto.signing import generate_signer
from diptych.errors import Unavailable
from diptych.formats.bbs_credential.epoch import Epoch, UnverifiedListedEpoch, encode_list, name_of, sign_epoch
from diptych.roles.wallet.ports import Answer
from tests.formats.bbs_specimen import NOW, URL, issuer


@dataclass
class Desk:
    """An issuer that lists these epochs, or is down."""

    listed: list[UnverifiedListedEpoch] = field(default_factory=list)
    is_up: bool = True
    asked: int = 0

    def get(self, url: str) -> Answer:
        assert url == URL + "/epochs"
        self.asked += 1
        if not self.is_up:
            raise Unavailable("http.unreachable", "nobody answers")
        return Answer(200, "application/json", encode_list(self.listed))


def signed(epoch: Epoch) -> UnverifiedListedEpoch:
    return UnverifiedListedEpoch(sign_epoch(epoch, signer=issuer().epoch_signer), None)


def test_it_is_asked_once_in_a_while_and_then_anew() -> None:
    desk, trust = Desk([signed(issuer().epoch)]), issuer().trust
    epochs = HttpEpochs(desk.get)
    assert epochs.accepted(trust, now=NOW) == epochs.accepted(trust, now=NOW) == (issuer().epoch,)
    assert desk.asked == 1
    starts = NOW + KEPT_FOR
    ended = replace(issuer().epoch, name=name_of(starts), starts=starts, number=2, since=2)
    desk.listed.insert(0, signed(ended))
    assert epochs.accepted(trust, now=starts) == (ended,)
    assert desk.asked == 2


def test_what_was_known_is_kept_while_the_issuer_is_down_and_no_longer_than_it_says() -> None:
    desk, trust = Desk([signed(issuer().epoch)]), issuer().trust
    epochs = HttpEpochs(desk.get)
    epochs.accepted(trust, now=NOW)
    desk.is_up = False
    assert epochs.accepted(trust, now=NOW + timedelta(hours=47)) == (issuer().epoch,)
    with pytest.raises(Unavailable) as refused:
        epochs.accepted(trust, now=NOW + timedelta(hours=48))
    assert refused.value.check == "epoch.unknown"


def test_an_epoch_that_somebody_else_signed_is_not_believed() -> None:
    desk = Desk([UnverifiedListedEpoch(sign_epoch(issuer().epoch, signer=generate_signer()), None)])
    with pytest.raises(Unavailable) as refused:
        HttpEpochs(desk.get).accepted(issuer().trust, now=NOW)
    assert refused.value.check == "epoch.unknown"
