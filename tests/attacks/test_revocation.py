"""A licence was revoked. Its holder, or whoever took it, wants it to be accepted all the same.

Each attack is tried on the verifier as it is, and on a weakened one on which it succeeds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from diptych.crypto.signing import generate_signer
from diptych.errors import Unavailable
from diptych.formats.mdoc import verify as mdoc_verify
from diptych.formats.mdoc.status import verify_status_list
from diptych.formats.order.standing import Standing
from diptych.formats.status_list import lists, token
from diptych.formats.status_list.reference import StatusReference
from diptych.formats.status_list.token import StatusListToken, UnverifiedStatusListToken, VerifiedStatusList
from diptych.roles.verifier import statuses
from diptych.roles.wallet.presenting import Consent
from diptych.roles.wallet.statuses import DocumentStatus
from tests.play import Play

AGREED = Consent(agrees=True)


@dataclass
class Line:
    """The line between verifier and issuer, on which the attacker sits: `answer` makes of a list what he likes."""

    honest: statuses.StatusSource
    answer: Callable[[UnverifiedStatusListToken], UnverifiedStatusListToken] = field(default=lambda found: found)

    def fetch(self, uri: str) -> UnverifiedStatusListToken:
        return self.answer(self.honest.fetch(uri))


class Scene:
    """A revoked licence, in public, and a verifier that has never seen a list."""

    def __init__(self) -> None:
        self.play = play = Play()
        approval = play.approve()
        play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
        self.before = play.status_line.fetch(f"{play.town.url}/status-lists/1")
        play.later(minutes=1)
        play.officer.declare(approval.order_id, Standing.REVOKED, "stolen", now=play.now)
        play.later(minutes=9)
        play.town.issuer.sweep(play.now)
        self.line = Line(play.status_line)
        play.verifier._statuses = statuses.StatusChecks(self.line)

    def verdict(self, policy: str = "licence_name") -> str | None:
        """The holder answers; the name of the check that refused, or None if it was accepted.

        "unanswered" where the verifier could not check it: the answer may be sent again, and nobody was accepted.
        """
        play = self.play
        asked = play.ask(policy)
        plan = play.wallet.review(asked.link, now=play.now)
        try:
            play.wallet.answer(plan, AGREED, now=play.now)
        except Unavailable:
            assert play.verifier.result(asked.secret, now=play.now).verdict is None
            return "unanswered"
        result = play.verifier.result(asked.secret, now=play.now)
        assert result.verdict is not None
        assert result.verdict.accepted is (result.verdict.check is None)
        return result.verdict.check


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_revoked_licence_is_refused_and_the_wallet_says_so_too(scene: Scene) -> None:
    assert scene.verdict() == "status.revoked"
    said = scene.play.wallet.statuses(now=scene.play.now)
    assert set(said.values()) == {DocumentStatus.REVOKED}
    assert len(said) == 1  # of three documents: proofs name no list


def test_weakened_a_verifier_that_reads_no_lists_accepts_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.play.verifier._statuses = None
    assert scene.verdict() == "mdoc.status"  # ours accepts nothing that it cannot read
    honest = mdoc_verify.verify_issuer_signed
    monkeypatch.setattr(
        mdoc_verify, "verify_issuer_signed", lambda *given, **named: replace(honest(*given, **named), status=None)
    )
    assert scene.verdict() is None


def test_the_list_from_before_is_refused_as_soon_as_it_has_expired(scene: Scene) -> None:
    scene.line.answer = lambda found: scene.before
    assert scene.verdict() is None  # a stated limit: until its `exp`, to whoever has seen no newer one
    scene.play.later(hours=6)
    assert scene.verdict() == "status.expired"


def test_weakened_a_verifier_that_does_not_look_at_exp_accepts_it_for_ever(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.line.answer = lambda found: scene.before
    scene.play.later(hours=6)
    issued_at = scene.before.unverified.issued_at

    def trusting(unverified: UnverifiedStatusListToken, **named: object) -> VerifiedStatusList:
        return verify_status_list(unverified, **{**named, "now": issued_at})  # type: ignore[arg-type]

    monkeypatch.setattr(statuses, "verify_status_list", trusting)
    assert scene.verdict() is None


def test_whoever_saw_the_new_list_is_not_shown_the_old_one(scene: Scene) -> None:
    assert scene.verdict() == "status.revoked"
    scene.line.answer = lambda found: scene.before
    scene.play.later(minutes=11)
    assert scene.verdict() == "status.revoked"


def forged(found: UnverifiedStatusListToken, *, uri: str | None = None) -> UnverifiedStatusListToken:
    """A list on which everything stands, by a key of the attacker's, with the chain of the true one."""
    said = found.unverified
    clean = StatusListToken(
        uri or said.uri, said.issued_at, lists.build({}, size=2**20), said.expires_at, said.ttl_seconds
    )
    return token.parse_cwt(token.sign_cwt(clean, signer=generate_signer(), chain=list(found.chain())))


def test_a_forged_list_is_refused(scene: Scene) -> None:
    scene.line.answer = forged
    assert scene.verdict() == "signature"


def test_weakened_a_verifier_that_does_not_check_the_signature_accepts_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.line.answer = forged
    monkeypatch.setattr(statuses, "verify_status_list", lambda found, **named: VerifiedStatusList(found.unverified))
    assert scene.verdict() is None


def another_list(scene: Scene) -> UnverifiedStatusListToken:
    """A true list of the same issuer, of another place, on which everything stands."""
    with scene.play.town.store.transaction() as state:
        lists_of_issuer = scene.play.town.issuer.status_lists
        lists_of_issuer._open_list(state.status, 2, now=scene.play.now)
    return scene.play.status_line.fetch(f"{scene.play.town.url}/status-lists/2")


def test_a_true_list_of_another_place_is_refused(scene: Scene) -> None:
    other = another_list(scene)
    scene.line.answer = lambda found: other
    assert scene.verdict() == "status.uri"


def test_weakened_a_verifier_that_does_not_look_where_it_is_from_accepts_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = another_list(scene)
    scene.line.answer = lambda found: other

    def trusting(unverified: UnverifiedStatusListToken, **named: object) -> VerifiedStatusList:
        return verify_status_list(
            unverified,
            **{**named, "expected_uri": unverified.unverified.uri},  # type: ignore[arg-type]
        )

    monkeypatch.setattr(statuses, "verify_status_list", trusting)
    assert scene.verdict() is None


def test_a_list_cut_short_before_the_index_is_refused(scene: Scene) -> None:
    issuer = scene.play.town.issuer
    signer = issuer.signers.signer_for("status-lists")

    def cut(found: UnverifiedStatusListToken) -> UnverifiedStatusListToken:
        said = replace(found.unverified, status_list=lists.build({}, size=4))
        return token.parse_cwt(token.sign_cwt(said, signer=signer.signer, chain=signer.chain))

    scene.line.answer = cut
    assert scene.verdict() == "status.index"


def test_whoever_cuts_the_line_gets_nobody_accepted(scene: Scene) -> None:
    def cut(found: UnverifiedStatusListToken) -> UnverifiedStatusListToken:
        raise Unavailable("http.unreachable", "nobody is there")

    scene.line.answer = cut
    assert scene.verdict() == "unanswered"


def test_the_issuer_is_asked_for_a_list_and_never_about_somebody(scene: Scene) -> None:
    """Ten people show ten licences: the issuer sees one request, for a list of a million places."""
    asked: list[str] = []
    honest = scene.line.honest.fetch

    class Watched:
        def fetch(self, uri: str) -> UnverifiedStatusListToken:
            asked.append(uri)
            return honest(uri)

    checks = statuses.StatusChecks(Watched())
    for index in range(10):
        checks.check(
            StatusReference(index, f"{scene.play.town.url}/status-lists/1"),
            trust=scene.play.town.signers.trust(),
            now=scene.play.now + timedelta(seconds=index),
        )
    assert asked == [f"{scene.play.town.url}/status-lists/1"]
