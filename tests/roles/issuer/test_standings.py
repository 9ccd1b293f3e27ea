"""Suspended, reinstated, revoked: said by an officer, public under witnesses, and only then in the lists."""

from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto import sealing
from diptych.errors import DiptychError, Unavailable
from diptych.formats import cbor
from diptych.formats.cbor import as_array, as_bytes
from diptych.formats.mdoc import mso
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.status import verify_status_list
from diptych.formats.order.signed import officer_fingerprint
from diptych.formats.order.standing import Standing, StandingOrder, sign
from diptych.formats.status_list import token
from diptych.formats.status_list.lists import Status
from diptych.formats.status_list.reference import StatusReference
from diptych.formats.tlog.act import CommittedAct, parse_act, verify_act
from diptych.formats.tlog.entry import ActType, Entry, parse_entry
from diptych.private import Secret
from diptych.protocols.openid4vci.credential import CredentialResponse
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.model import UNLOGGED_STANDING, OrderState
from diptych.roles.issuer.standings import StandingReceipt
from diptych.roles.issuer.status_model import FULL_AT, LIST_SIZE
from tests.issuing import Dice, TinyWallet, Town, nothing_changes, refused
from tests.recording import RecordingInProcess, recording_town

DOWN = Unavailable("recorder.unreachable", "nobody is there")
EVERY = timedelta(minutes=10)


class Scene:
    """A citizen with a licence in two copies, from an issuer that records."""

    def __init__(self, seed: int = 0, *, logs: bool = True) -> None:
        self.recorder: RecordingInProcess | None = None
        if logs:
            self.town, self.recorder = recording_town(entropy=Dice(seed))
        else:
            self.town = Town(entropy=Dice(seed))
        self.wallet = TinyWallet(self.town)
        self.offer, self.tx_code = self.town.order()
        self.tokens = self.wallet.redeem(self.offer, self.tx_code)
        self.licence = self.wallet.obtain(self.tokens)

    @property
    def store(self) -> MemoryIssuerStore:
        assert isinstance(self.town.store, MemoryIssuerStore)
        return self.town.store

    @property
    def order_id(self) -> bytes:
        return next(iter(self.store.contents().orders))

    def message(self, standing: Standing, reason: str, **changed: object) -> bytes:
        officer = self.town.officer
        said = StandingOrder(
            order_id=self.order_id,
            issuer=self.town.url,
            officer=officer_fingerprint(officer.public_key),
            standing=standing,
            reason=reason,
            said_at=self.town.now,
        )
        return sign(replace(said, **changed), signer=officer)

    def take(self, message: bytes) -> StandingReceipt:
        return self.town.issuer.accept_standing(message, now=self.town.now, entropy=self.town.entropy)

    def say(self, standing: Standing, reason: str, **changed: object) -> StandingReceipt:
        return self.take(self.message(standing, reason, **changed))

    def publish(self) -> None:
        self.town.issuer.publish_status_lists(now=self.town.now)

    def statuses(self, response: CredentialResponse | None = None) -> list[int]:
        """What the present lists say of each copy, as a verifier reads them."""
        return [self.at(reference) for reference in references(response or self.licence)]

    def at(self, reference: StatusReference) -> int:
        number = int(reference.uri.rpartition("/")[2])
        unverified = token.parse_cwt(self.town.issuer.status_list(number, media_type=token.CWT_MEDIA_TYPE))
        trust = self.town.signers.trust()
        found = verify_status_list(unverified, expected_uri=reference.uri, trust=trust, now=self.town.now)
        return found.at(reference.index)

    def entries(self) -> list[Entry]:
        assert self.recorder is not None
        rows = self.recorder.world.store.entries(0, self.recorder.world.store.size())
        return [parse_entry(row) for row in rows]


def references(response: CredentialResponse) -> list[StatusReference]:
    found: list[StatusReference] = []
    for credential in response.credentials:
        payload = parse_issuer_signed(credential).issuer_auth.unverified_payload
        assert payload is not None
        claim = mso.parse(payload).status
        if claim is not None and claim.reference is not None:
            found.append(claim.reference)
    return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_each_copy_names_an_index_of_its_own_in_a_list_that_says_it_stands(scene: Scene) -> None:
    found = references(scene.licence)
    assert len({reference.index for reference in found}) == len(scene.licence.credentials) == 2
    assert {reference.uri for reference in found} == {f"{scene.town.url}/status-lists/1"}
    assert scene.statuses() == [Status.VALID, Status.VALID]


def test_short_lived_proofs_name_none(scene: Scene) -> None:
    proofs = scene.wallet.obtain(scene.tokens, "proof-of-age")
    assert proofs.credentials
    assert references(proofs) == []


def test_a_suspended_order_is_out_of_the_lists_with_the_next_version_and_comes_back_with_another(scene: Scene) -> None:
    scene.town.later(minutes=3)
    receipt = scene.say(Standing.SUSPENDED, "lost")
    assert (receipt.is_new, receipt.standing.is_in_force) == (True, False)
    scene.publish()
    assert scene.statuses() == [Status.VALID] * 2  # not before its time: what was said together flips together
    scene.town.later(minutes=7)
    scene.publish()
    assert scene.statuses() == [Status.SUSPENDED] * 2
    scene.town.later(minutes=1)
    scene.say(Standing.REINSTATED, "found")
    scene.town.later(minutes=9)
    scene.publish()
    assert scene.statuses() == [Status.VALID] * 2
    assert [entry.act_type for entry in scene.entries()] == [ActType.ISSUED, ActType.SUSPENDED, ActType.REINSTATED]


def test_nothing_is_handed_out_while_suspended_and_renewal_goes_on_afterwards(scene: Scene) -> None:
    scene.town.later(minutes=1)
    scene.say(Standing.SUSPENDED, "stolen")
    with refused(check="order.suspended"):
        scene.wallet.refresh(scene.tokens)
    with refused(check="order.suspended"):
        scene.wallet.obtain(scene.tokens, "proof-of-age")
    scene.town.later(minutes=1)
    scene.say(Standing.REINSTATED, "found")
    renewed = scene.wallet.refresh(scene.tokens)
    assert scene.wallet.obtain(renewed, "proof-of-age").credentials


def test_what_was_revoked_is_for_good_and_nothing_opens_its_order(scene: Scene) -> None:
    scene.town.later(minutes=10)
    scene.say(Standing.REVOKED, "entitlement-withdrawn")
    with refused("invalid_grant", "order.revoked"):
        scene.wallet.refresh(scene.tokens)
    scene.publish()
    assert scene.statuses() == [Status.INVALID] * 2
    order = scene.store.contents().orders[scene.order_id]
    assert (order.state, order.sealed_full, order.sealed_renewal) == (OrderState.VOID, None, None)
    scene.town.later(minutes=1)
    for standing, reason in ((Standing.REINSTATED, "found"), (Standing.SUSPENDED, "lost")):
        with nothing_changes(scene.town), refused(check="standing.revoked"):
            scene.say(standing, reason)


def test_what_was_said_is_told_to_who_has_the_chain_and_to_nobody_who_read_the_log(scene: Scene) -> None:
    """A revoked order hands nothing out and is soon gone; its holder still learns why, for a year, and nobody else."""
    element = scene.store.contents().orders[scene.order_id].chain
    assert element is not None
    scene.town.later(minutes=10)
    scene.say(Standing.REVOKED, "entitlement-withdrawn")
    (entry,) = [one for one in scene.entries() if one.act_type is ActType.REVOKED]
    assert entry.label == element.label
    for days in (0, 365):
        scene.town.later(days=days)
        scene.town.issuer.sweep(scene.town.now)
        sealed = scene.town.issuer.tell(element.asking)
        assert sealed is not None
        act, salt = as_array(
            cbor.decode(sealing.open_sealed(element.sealing_key, sealed, context=b"diptych act 1")), "act", length=2
        )
        committed = CommittedAct(parse_act(as_bytes(act, "act")), Secret(as_bytes(salt, "salt")))
        told = verify_act(committed, entry=entry).act
        assert told.details.reveal() == {"type": "order", "reason": "entitlement-withdrawn"}
    assert scene.store.contents().orders == {}
    # What the public log shows, what a thief of the database finds, and the elements around it ask for nothing.
    kept = scene.store.contents().status.tellings
    for asked in (entry.label, entry.commitment, next(iter(kept)), element.next().asking.reveal()):
        assert scene.town.issuer.tell(Secret(asked)) is None
    scene.town.later(days=2)
    scene.town.issuer.sweep(scene.town.now)
    assert scene.town.issuer.tell(element.asking) is None


def test_log_before_act_while_the_log_is_down_no_list_says_so(scene: Scene) -> None:
    assert scene.recorder is not None
    scene.town.later(minutes=10)
    scene.recorder.fails += [DOWN]
    scene.say(Standing.REVOKED, "stolen")
    scene.publish()
    assert scene.statuses() == [Status.VALID] * 2
    with refused(check="order.revoked"):
        scene.wallet.refresh(scene.tokens)
    scene.town.issuer.record_waiting()
    scene.town.later(minutes=10)
    scene.publish()
    assert scene.statuses() == [Status.INVALID] * 2
    assert [entry.act_type for entry in scene.entries()] == [ActType.ISSUED, ActType.REVOKED]


def test_a_receipt_that_was_lost_changes_nothing_and_makes_no_second_act(scene: Scene) -> None:
    assert scene.recorder is not None
    scene.town.later(minutes=10)
    scene.recorder.loses += [DOWN]
    scene.say(Standing.REVOKED, "stolen")
    scene.town.issuer.record_waiting()
    scene.publish()
    assert scene.statuses() == [Status.INVALID] * 2
    assert [entry.act_type for entry in scene.entries()] == [ActType.ISSUED, ActType.REVOKED]


def test_the_same_said_again_is_the_same_however_it_was_signed(scene: Scene) -> None:
    scene.town.later(minutes=1)
    message = scene.message(Standing.SUSPENDED, "lost")
    assert scene.take(message).is_new
    with nothing_changes(scene.town):
        assert not scene.take(message).is_new
    scene.town.later(minutes=1)
    with nothing_changes(scene.town):
        assert not scene.say(Standing.SUSPENDED, "under-review").is_new


def test_an_old_word_brings_nothing_back(scene: Scene) -> None:
    scene.town.later(minutes=1)
    scene.say(Standing.SUSPENDED, "lost")
    scene.town.later(minutes=1)
    old = scene.message(Standing.REINSTATED, "found")
    scene.take(old)
    scene.town.later(minutes=1)
    scene.say(Standing.SUSPENDED, "stolen")
    with nothing_changes(scene.town), refused(check="standing.superseded"):
        scene.take(old)
    scene.town.later(minutes=20)
    with nothing_changes(scene.town), refused(check="standing.said_at"):
        scene.take(old)


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"order_id": b"x" * 16}, "standing.unknown"),
        ({"issuer": "https://elsewhere.example"}, "standing.issuer"),
        ({"said_at": None}, "standing.said_at"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(scene: Scene, changed: dict[str, object], check: str) -> None:
    if "said_at" in changed:
        changed = {"said_at": scene.town.now + timedelta(minutes=11)}
    with nothing_changes(scene.town), refused(check=check):
        scene.say(Standing.SUSPENDED, "lost", **changed)


def test_who_is_no_officer_here_changes_nothing(scene: Scene) -> None:
    message = scene.message(Standing.REVOKED, "lost")
    scene.town.issuer = replace(scene.town.issuer, officers=())
    with nothing_changes(scene.town), refused(check="order.officer"):
        scene.take(message)


def test_only_what_is_suspended_is_reinstated(scene: Scene) -> None:
    with nothing_changes(scene.town), refused(check="standing.not_suspended"):
        scene.say(Standing.REINSTATED, "found")


def test_an_offer_that_nobody_took_is_withdrawn_and_cannot_be_suspended() -> None:
    town, recorder = recording_town()
    scene = Scene.__new__(Scene)
    scene.town, scene.recorder = town, recorder
    offer, tx_code = town.order()
    with nothing_changes(town), refused(check="standing.not_issued"):
        scene.say(Standing.SUSPENDED, "lost")
    scene.say(Standing.REVOKED, "issued-in-error")
    with refused("invalid_grant"):
        TinyWallet(town).redeem(offer, tx_code)
    scene.publish()
    assert scene.store.contents().orders[scene.order_id].state is OrderState.VOID
    assert scene.entries() == []
    assert scene.store.incidents() == ()


def test_what_was_issued_before_there_was_a_log_can_be_revoked_and_is_an_incident() -> None:
    scene = Scene(logs=False)
    _, recorder = recording_town()
    scene.town.issuer = replace(scene.town.issuer, log=recorder.public_log)
    scene.town.later(minutes=10)
    scene.say(Standing.REVOKED, "stolen")
    scene.publish()
    assert scene.statuses() == [Status.INVALID] * 2
    assert [incident.kind for incident in scene.store.incidents()] == [UNLOGGED_STANDING]


def test_a_document_signed_while_its_order_was_being_suspended_is_not_handed_out() -> None:
    """The suspension comes between the signing and the receipt."""
    scene = Scene()
    assert scene.recorder is not None
    honest = scene.recorder.record

    def meanwhile(entries: object) -> object:
        scene.recorder.record = honest  # type: ignore[union-attr,method-assign]
        scene.say(Standing.SUSPENDED, "stolen")
        return honest(entries)  # type: ignore[arg-type]

    scene.town.later(seconds=1)
    tokens = scene.wallet.refresh(scene.tokens)
    scene.recorder.record = meanwhile  # type: ignore[method-assign,assignment]
    with refused(check="order.suspended"):
        scene.wallet.obtain(tokens, "proof-of-age")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_store_that_fails_as_a_version_is_published_leaves_the_old_or_the_new(scene: Scene, when: str) -> None:
    scene.town.later(minutes=10)
    scene.say(Standing.SUSPENDED, "lost")
    scene.store.fail_once(when)  # type: ignore[arg-type]
    with pytest.raises(DiptychError):
        scene.publish()
    standing = scene.store.contents().status.standings[scene.order_id]
    expected = Status.VALID if when == "before" else Status.SUSPENDED
    assert scene.statuses() == [expected] * 2
    assert standing.is_in_force is (when == "after")
    scene.publish()
    assert scene.statuses() == [Status.SUSPENDED] * 2


def test_every_version_is_signed_at_its_time_whether_something_changed_or_not(scene: Scene) -> None:
    first = scene.town.issuer.status_list(1, media_type=token.JWT_MEDIA_TYPE)
    scene.town.later(minutes=9)
    scene.publish()
    assert scene.town.issuer.status_list(1, media_type=token.JWT_MEDIA_TYPE) == first
    scene.town.later(minutes=1)
    scene.publish()
    second = token.parse_jwt(scene.town.issuer.status_list(1, media_type=token.JWT_MEDIA_TYPE)).unverified
    assert second.issued_at == scene.town.now
    assert second.status_list == token.parse_jwt(first).unverified.status_list
    assert (second.ttl_seconds, second.expires_at) == (600, scene.town.now + timedelta(hours=6))
    assert second.status_list.size == LIST_SIZE


def test_a_full_list_is_followed_by_another(scene: Scene) -> None:
    scene.town.later(minutes=10)
    with scene.store.transaction() as state:
        state.status.assigned = lambda number: FULL_AT if number == 1 else 0  # type: ignore[method-assign]
        scene.town.issuer.status_lists.publish(state.status, now=scene.town.now)
        assert state.status.numbers() == (1, 2)
        given = scene.town.issuer.status_lists.references(
            state.status, b"o" * 16, 3, scene.town.now + EVERY, now=scene.town.now, entropy=scene.town.entropy
        )
    assert {reference.uri.rpartition("/")[2] for reference in given} == {"2"}


def test_a_list_that_is_not_there_is_refused_by_name(scene: Scene) -> None:
    with refused(check="status.no_list"):
        scene.town.issuer.status_list(2, media_type=token.CWT_MEDIA_TYPE)
