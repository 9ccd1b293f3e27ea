"""Issuing is an act: in the log before anything is handed out, once, whatever is lost on the way."""

from datetime import timedelta

import pytest

from diptych.errors import DiptychError, Unavailable, VerificationError
from diptych.formats.tlog.act import Act, batch_digest, verify_act
from diptych.formats.tlog.entry import ActorClass, ActType, Entry, parse_entry
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import verify_receipt
from diptych.private import Personal
from diptych.protocols.oauth.token import TokenResponse
from diptych.protocols.openid4vci.credential import CredentialResponse, parse_credential_response
from diptych.protocols.openid4vci.recorded import RecordedBatch
from diptych.roles.issuer.acts import queue, record
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.model import BATCH_LIFETIME, OrderState
from tests.issuing import Dice, TinyWallet, Town, everything_in, nothing_changes, refused
from tests.log_world import POLICY, audited
from tests.recording import recording_town

DOWN = Unavailable("recorder.unreachable", "nobody is there")


class Scene:
    """A wallet with tokens at an issuer that records."""

    def __init__(self, seed: int = 0) -> None:
        self.town, self.recorder = recording_town(entropy=Dice(seed))
        self.wallet = TinyWallet(self.town)
        self.offer, self.tx_code = self.town.order()
        self.tokens: TokenResponse = self.wallet.redeem(self.offer, self.tx_code)

    @property
    def store(self) -> MemoryIssuerStore:
        assert isinstance(self.town.store, MemoryIssuerStore)
        return self.town.store

    @property
    def order_id(self) -> bytes:
        return next(iter(self.store.contents().orders))

    def entries(self) -> list[Entry]:
        """What stands in the log."""
        rows = self.recorder.world.store.entries(0, self.recorder.world.store.size())
        return [parse_entry(row) for row in rows]

    def obtain_again(self, configuration_id: str = "driving-licence") -> CredentialResponse:
        return self.wallet.obtain(self.tokens, configuration_id, proofs=self.wallet.proofs_again())


@pytest.fixture
def scene() -> Scene:
    return Scene()


def kept(response: CredentialResponse) -> RecordedBatch:
    assert response.recorded is not None
    return response.recorded


def check_shown(response: CredentialResponse, act_type: ActType, type_id: str, counter: int) -> None:
    """What a wallet would check: see tests/roles/wallet for those of ours."""
    recorded = kept(response)
    entry = parse_entry(verify_receipt(recorded.receipt, policy=POLICY).entry)
    act = verify_act(recorded.acts[-1].committed, entry=entry).act
    assert recorded.acts[-1].counter == counter
    assert entry.label == ChainElement(recorded.chain).at(counter).label
    assert (act.act_type, act.actor, entry.policy_hash) == (act_type, ActorClass.ISSUER, POLICY.digest)
    assert act.details.reveal() == {
        "type": type_id,
        "count": len(response.credentials),
        "credentials": batch_digest(response.credentials),
    }


def test_a_batch_is_one_act_and_comes_with_its_receipt(scene: Scene) -> None:
    response = parse_credential_response(scene.wallet.obtain(scene.tokens, count=3).encode())
    check_shown(response, ActType.ISSUED, "driving-licence", 0)
    assert len(scene.entries()) == 1


def test_the_acts_of_an_order_stand_under_the_labels_of_one_chain(scene: Scene) -> None:
    first = scene.wallet.obtain(scene.tokens)
    second = scene.wallet.obtain(scene.tokens, "proof-of-age")
    renewed = scene.wallet.obtain(scene.wallet.refresh(scene.tokens), "proof-of-age")
    check_shown(second, ActType.ISSUED, "proof-of-age", 1)
    check_shown(renewed, ActType.RENEWED, "proof-of-age", 2)
    assert kept(first).chain == kept(second).chain == kept(renewed).chain
    assert kept(renewed).acts[:2] == kept(second).acts
    assert len({entry.label for entry in scene.entries()}) == 3


def test_two_orders_have_two_chains() -> None:
    one, other = Scene(), Scene(seed=1)
    assert kept(one.wallet.obtain(one.tokens)).chain != kept(other.wallet.obtain(other.tokens)).chain


def test_nothing_is_handed_out_while_the_log_is_down_and_everything_once_it_is_back(scene: Scene) -> None:
    scene.recorder.fails = [DOWN]
    with refused(check="recorder.unreachable"):
        scene.wallet.obtain(scene.tokens)
    assert scene.entries() == []
    assert scene.store.contents().orders[scene.order_id].state is OrderState.REDEEMED
    check_shown(scene.obtain_again(), ActType.ISSUED, "driving-licence", 0)
    assert len(scene.entries()) == 1


def test_the_very_same_request_is_answered_after_the_log_was_down(scene: Scene) -> None:
    proofs = scene.wallet.key_proofs(2)
    scene.recorder.fails = [DOWN]
    with refused(check="recorder.unreachable"):
        scene.wallet.obtain(scene.tokens, proofs=proofs)
    check_shown(scene.wallet.obtain(scene.tokens, proofs=proofs), ActType.ISSUED, "driving-licence", 0)


def test_after_the_log_was_down_for_longer_than_a_token_lives_the_code_brings_another(scene: Scene) -> None:
    scene.recorder.fails = [DOWN]
    with refused(check="recorder.unreachable"):
        scene.wallet.obtain(scene.tokens)
    scene.town.later(minutes=11)
    scene.town.issuer.sweep(scene.town.now)
    scene.tokens = scene.wallet.redeem(scene.offer, scene.tx_code)
    check_shown(scene.obtain_again(), ActType.ISSUED, "driving-licence", 0)
    assert len(scene.entries()) == 1


def test_while_the_log_is_down_a_renewal_does_not_end_the_token_it_came_by(scene: Scene) -> None:
    scene.wallet.obtain(scene.tokens)
    renewing = scene.wallet.refresh(scene.tokens)
    scene.recorder.fails = [DOWN]
    with refused(check="recorder.unreachable"):
        scene.wallet.obtain(renewing, "proof-of-age")
    again = scene.wallet.refresh(scene.tokens)  # as if the new pair had been lost, too
    response = scene.wallet.obtain(again, "proof-of-age", proofs=scene.wallet.proofs_again())
    check_shown(response, ActType.RENEWED, "proof-of-age", 1)


@pytest.mark.parametrize("error", [DOWN, VerificationError("tlog.policy.quorum", "nobody cosigned")])
def test_an_answer_of_the_log_that_was_lost_is_asked_for_again(scene: Scene, error: DiptychError) -> None:
    scene.recorder.loses = [error]
    with refused(check=error.check):
        scene.wallet.obtain(scene.tokens)
    check_shown(scene.obtain_again(), ActType.ISSUED, "driving-licence", 0)
    assert len(scene.entries()) == 1


def test_an_answer_to_the_wallet_that_was_lost_is_given_again_to_the_byte(scene: Scene) -> None:
    first = scene.wallet.obtain(scene.tokens)
    scene.town.later(minutes=1)
    again = scene.obtain_again()
    assert again.credentials == first.credentials
    assert kept(again).acts == kept(first).acts
    assert len(scene.entries()) == 1


def test_other_device_keys_are_another_batch_and_another_act_and_the_former_is_told(scene: Scene) -> None:
    scene.recorder.fails = [DOWN]
    with refused(check="recorder.unreachable"):
        scene.wallet.obtain(scene.tokens)
    response = scene.wallet.obtain(scene.tokens)
    check_shown(response, ActType.ISSUED, "driving-licence", 1)
    # The documents of the first were signed: that they were stands in the log, and before the second.
    assert [entry.label for entry in scene.entries()] == [
        ChainElement(kept(response).chain).at(counter).label for counter in (0, 1)
    ]
    assert [act.counter for act in kept(response).acts] == [0, 1]


def test_a_batch_is_given_again_for_an_hour_and_then_signed_anew(scene: Scene) -> None:
    response = scene.wallet.obtain(scene.tokens, "proof-of-age")
    renewing = scene.wallet.refresh(scene.tokens)
    scene.town.now += BATCH_LIFETIME - timedelta(minutes=5)
    scene.town.issuer.sweep(scene.town.now)
    again = scene.wallet.obtain(scene.wallet.refresh(renewing), "proof-of-age", proofs=scene.wallet.proofs_again())
    assert again.credentials == response.credentials
    scene.town.later(minutes=6)
    scene.town.issuer.sweep(scene.town.now)
    assert scene.store.contents().batches == {}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("transaction", [1, 2])
def test_a_store_that_fails_at_either_write_loses_nothing(scene: Scene, when: str, transaction: int) -> None:
    """The first transaction decides, the second hands out; each fails before or after it was saved."""
    if transaction == 1:
        scene.store.fail_once(when)
    else:
        record_as_before = scene.recorder.record

        def record_and_break(entries: object) -> object:
            found = record_as_before(entries)
            scene.store.fail_once(when)
            return found

        scene.recorder.record = record_and_break
    with refused(check="storage"):
        scene.wallet.obtain(scene.tokens)
    if transaction == 2:
        scene.recorder.record = record_as_before
    check_shown(scene.obtain_again(), ActType.ISSUED, "driving-licence", 0)
    assert len(scene.entries()) == 1


def test_what_a_dead_request_queued_is_recorded_by_the_next_round(scene: Scene) -> None:
    scene.recorder.fails = [DOWN, DOWN]
    with refused(check="recorder.unreachable"):
        scene.wallet.obtain(scene.tokens)
    with refused(check="recorder.unreachable"):
        scene.town.issuer.record_waiting()
    scene.town.issuer.record_waiting()
    assert len(scene.entries()) == 1
    assert scene.store.unrecorded_acts(most=10) == ()
    with nothing_changes(scene.town):
        scene.town.issuer.record_waiting()


def test_an_order_that_became_void_while_the_log_was_waited_for_brings_nothing(scene: Scene) -> None:
    record_as_before = scene.recorder.record

    def void_meanwhile(entries: object) -> object:
        with scene.store.transaction() as state:
            order = state.order(scene.order_id)
            state.forget_grants(scene.order_id)
            state.save_order(type(order)(**{**vars(order), "state": OrderState.VOID}))
        return record_as_before(entries)

    scene.recorder.record = void_meanwhile
    with refused(code="invalid_token"):
        scene.wallet.obtain(scene.tokens)


def test_a_refused_request_is_no_act(scene: Scene) -> None:
    with refused(check="credential.not_ordered"):
        scene.wallet.obtain(scene.tokens, "identity-card")
    assert scene.recorder.asked == 0
    assert scene.store.contents().acts == {}


def test_the_store_holds_nothing_that_opens_an_act_or_a_batch_or_names_a_label_of_the_past(scene: Scene) -> None:
    response = scene.wallet.obtain(scene.tokens)
    recorded = kept(response)
    everything = everything_in(scene.town)
    secrets = [recorded.chain.reveal(), recorded.acts[0].committed.salt.reveal(), response.credentials[0]]
    secrets.append(ChainElement(recorded.chain).sealing_key.reveal())
    assert not any(secret in everything for secret in secrets)
    stored = scene.store.contents().orders[scene.order_id].chain
    assert stored == ChainElement(recorded.chain).next()


def test_any_act_about_an_issued_order_is_queued_and_recorded_with_one_call_each(scene: Scene) -> None:
    issued = scene.wallet.obtain(scene.tokens)
    act = Act(
        ActType.REVOKED,
        scene.town.now.date(),
        ActorClass.OFFICER,
        Personal({"type": "driving-licence", "reason": "stolen"}),
    )
    with scene.store.transaction() as state:
        order = state.order(scene.order_id)
        assert order is not None
        queued = queue(state, order, act, policy_hash=POLICY.digest, entropy=scene.town.entropy)
    assert scene.town.issuer.log is not None
    receipt = record(scene.store, scene.town.issuer.log, queued)
    entry = parse_entry(verify_receipt(receipt, policy=POLICY).entry)
    assert entry.act_type is ActType.REVOKED
    assert entry.label == ChainElement(kept(issued).chain).at(1).label
    # And the citizen reads what was done with the next answer.
    renewed = scene.wallet.obtain(scene.wallet.refresh(scene.tokens), "proof-of-age")
    assert kept(renewed).acts[1].committed.act == act


def test_an_order_under_which_nothing_was_issued_has_no_chain_for_an_act(scene: Scene) -> None:
    act = Act(ActType.REVOKED, scene.town.now.date(), ActorClass.OFFICER, Personal({"type": "a", "reason": "b"}))
    with refused(check="act.chain"), scene.store.transaction() as state:
        order = state.order(scene.order_id)
        assert order is not None
        queue(state, order, act, policy_hash=POLICY.digest, entropy=scene.town.entropy)


def test_without_a_log_there_is_no_act_and_nothing_beside_the_credentials() -> None:
    town = Town()
    wallet = TinyWallet(town)
    response = wallet.obtain(wallet.redeem(*town.order()))
    assert response.recorded is None
    assert set(everything_in(town))  # the store was used
    assert parse_credential_response(response.encode()) == response


def test_what_is_left_verifies_as_a_whole_log(scene: Scene) -> None:
    scene.wallet.obtain(scene.tokens)
    scene.wallet.obtain(scene.tokens, "proof-of-age")
    report = audited(scene.recorder.world.files.files)
    assert report.is_verified
    assert report.acts == {ActType.ISSUED: 2}
