"""The citizen finds every act about them, proves that there is no other, and catches a log that shows two histories."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from diptych.crypto import sealing
from diptych.errors import Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.order.standing import Standing
from diptych.formats.tlog.act import Act, commit
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.evidence import Fork, LabelsDisagree, encode_evidence, parse_evidence, verify_evidence
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.label_range import shard_path
from diptych.private import Personal, Secret
from diptych.protocols.reading.files import Contradicted
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.issuer.acts import queue, record
from diptych.roles.log import labels as writer
from diptych.roles.wallet.acts import Acts, Shown
from diptych.roles.wallet.model import HeldAct
from tests.log_world import POLICY, World, entry
from tests.recording import RecordingInProcess
from tests.roles.wallet.test_recorded import Scene


@pytest.fixture
def scene() -> Scene:
    found = Scene()
    assert found.play.receive().refused == ()
    return found


def files(world: World) -> Mapping[str, bytes]:
    store = world.files
    return dict(store.files)


def look(scene: Scene, *, whole: bool = False, shown: Mapping[str, bytes] | None = None) -> Acts:
    found = files(scene.recorder.world) if shown is None else shown
    return scene.play.new_wallet().acts(MemoryLogFiles(found, is_listed=False), whole=whole)


def by_officer(scene: Scene) -> None:
    """An officer suspends the licence, and the wallet is told nothing of it."""
    store = scene.play.town.store
    order_id = next(iter(store.contents().orders))
    act = Act(
        ActType.SUSPENDED,
        scene.play.now.date(),
        ActorClass.OFFICER,
        Personal({"type": "driving-licence", "reason": "reported as stolen"}),
    )
    with store.transaction() as state:
        order = state.order(order_id)
        assert order is not None
        queued = queue(state, order, act, policy_hash=POLICY.digest, entropy=scene.play.town.entropy)
    assert scene.play.town.log is not None
    record(store, scene.play.town.log, queued)


def test_before_the_log_has_closed_a_day_acts_rest_on_their_receipts(scene: Scene) -> None:
    found = look(scene)
    assert [one.shown for one in found.acts] == [Shown.RECENT] * 3
    assert [one.index for one in found.acts] == [2, 1, 0]
    assert found.tree is None
    assert found.holds


@pytest.mark.parametrize("whole", [False, True])
def test_after_a_day_each_act_is_proven_and_so_is_that_there_is_no_other(scene: Scene, whole: bool) -> None:
    tree = scene.recorder.world.close_day()
    found = look(scene, whole=whole)
    assert [(one.act_type, one.shown) for one in found.acts] == [(ActType.ISSUED, Shown.PROVEN)] * 3
    assert found.tree == tree
    assert found.holds
    assert {one.act.details.reveal()["type"] for one in found.acts} == set(scene.held)


def test_an_act_that_nobody_told_is_found_and_told_later(scene: Scene) -> None:
    by_officer(scene)
    scene.recorder.world.close_day()
    untold = look(scene).acts[0]
    assert (untold.act_type, untold.actor, untold.shown, untold.act) == (
        ActType.SUSPENDED,
        ActorClass.OFFICER,
        Shown.UNTOLD,
        None,
    )
    # The next renewal brings what was done, and why.
    scene.play.later(days=10)
    assert scene.play.wallet.renew("proof-of-age", now=scene.play.now).failures == ()
    told = next(one for one in look(scene).acts if one.act_type is ActType.SUSPENDED)
    assert told.shown is Shown.PROVEN
    assert told.act is not None
    assert told.act.details.reveal()["reason"] == "reported as stolen"


@dataclass
class Asked:
    """The play's issuer, asked in this process; `lies` is what it says instead."""

    scene: Scene
    lies: bytes | None = None
    asked: int = 0

    def of_record(self, registry: str, label: bytes) -> bytes | None:
        return None

    def of_order(self, issuer: str, asking: Secret) -> bytes | None:
        self.asked += 1
        assert issuer == self.scene.play.town.url
        return self.lies or self.scene.play.town.issuer.tell(asking)


def said(scene: Scene, standing: Standing, reason: str) -> None:
    """An officer says it, and the issuer records it."""
    play = scene.play
    play.later(minutes=1)
    order_id = next(iter(play.town.store.contents().orders))
    play.officer.declare(order_id, standing, reason, now=play.now)


def test_what_an_officer_said_is_told_by_the_issuer_with_its_reason_and_kept(scene: Scene) -> None:
    said(scene, Standing.SUSPENDED, "lost")
    said(scene, Standing.REVOKED, "stolen")
    scene.recorder.world.close_day()
    # Found in the log, and nobody is asked: what and when, and not why.
    assert [(one.act_type, one.shown) for one in look(scene).acts[:2]] == [
        (ActType.REVOKED, Shown.UNTOLD),
        (ActType.SUSPENDED, Shown.UNTOLD),
    ]
    tell = Asked(scene)
    shown = scene.play.new_wallet().acts(MemoryLogFiles(files(scene.recorder.world), is_listed=False), tell=tell)
    told = [(one.act_type, one.shown, one.act and one.act.details.reveal()["reason"]) for one in shown.acts[:2]]
    assert told == [(ActType.REVOKED, Shown.PROVEN, "stolen"), (ActType.SUSPENDED, Shown.PROVEN, "lost")]
    assert tell.asked == 2  # of nothing that it knows
    # From then on it knows, whoever is there.
    assert [one.shown for one in look(scene).acts] == [Shown.PROVEN] * 5
    scene.play.later(days=400)
    scene.play.town.issuer.sweep(scene.play.now)
    assert [one.shown for one in look(scene).acts] == [Shown.PROVEN] * 5


def test_what_the_issuer_says_otherwise_than_the_log_is_not_taken(scene: Scene) -> None:
    said(scene, Standing.SUSPENDED, "lost")
    scene.recorder.world.close_day()
    element = ChainElement(scene.contents.chains()[0].secret).at(3)
    act = Act(
        ActType.SUSPENDED,
        scene.play.now.date(),
        ActorClass.ISSUER,
        Personal({"type": "order", "reason": "holder-request"}),
    )
    other = cbor.encode([act.encode(), bytes(32)])
    sealed = sealing.seal(element.sealing_key, other, context=b"diptych act 1", entropy=scene.play.town.entropy)
    for lies in (sealed, sealed[:-1], b"", b"x" * 200):
        tell = Asked(scene, lies=lies or b"-")
        shown = scene.play.new_wallet().acts(MemoryLogFiles(files(scene.recorder.world), is_listed=False), tell=tell)
        assert shown.acts[0].shown is Shown.UNTOLD
        assert tell.asked == 1
    assert len(scene.acts) == 3


def test_an_act_after_the_list_rests_on_its_receipt_beside_those_that_are_proven(scene: Scene) -> None:
    scene.recorder.world.close_day()
    scene.play.later(days=10)
    scene.play.wallet.renew("proof-of-age", now=scene.play.now)
    assert [one.shown for one in look(scene).acts] == [Shown.RECENT, *[Shown.PROVEN] * 3]


def test_what_was_told_without_a_receipt_is_awaited_and_then_missed(scene: Scene) -> None:
    contents = scene.contents
    (grant,) = contents.grants()
    act = Act(
        ActType.REVOKED,
        scene.recorder.world.now.date(),
        ActorClass.OFFICER,
        Personal({"type": "driving-licence", "reason": "x"}),
    )
    contents.put_act(HeldAct(grant.id, 3, commit(act, entropy=scene.play.town.entropy), None))
    contents.save(scene.play.store)
    assert look(scene).acts[0].shown is Shown.AWAITED
    scene.recorder.world.close_day()
    assert look(scene).acts[0].shown is Shown.AWAITED  # it may have been made in the last minute of its day
    scene.recorder.world.close_day()
    found = look(scene)
    assert found.acts[0].shown is Shown.MISSING
    assert not found.holds


def test_an_act_that_the_log_has_otherwise_than_it_was_told_is_said(scene: Scene) -> None:
    by_officer(scene)
    contents = scene.contents
    (grant,) = contents.grants()
    act = Act(
        ActType.REINSTATED,
        scene.play.now.date(),
        ActorClass.OFFICER,
        Personal({"type": "driving-licence", "reason": "x"}),
    )
    contents.put_act(HeldAct(grant.id, 3, commit(act, entropy=scene.play.town.entropy), None))
    contents.save(scene.play.store)
    scene.recorder.world.close_day()
    found = look(scene)
    otherwise = next(one for one in found.acts if one.counter == 3)
    assert (otherwise.shown, otherwise.act) == (Shown.OTHERWISE, None)
    assert not found.holds


def test_the_checkpoint_of_now_is_kept_and_an_older_log_is_stale(scene: Scene) -> None:
    before = files(scene.recorder.world)
    scene.recorder.world.close_day()
    found = look(scene)
    assert scene.contents.checkpoint() == found.checkpoint.signed
    with pytest.raises(Contradicted) as caught:
        look(scene, shown=before)
    assert caught.value.contradiction.check == "tlog.stale"


@pytest.mark.parametrize("entries", [3, 5])
def test_a_fork_is_caught_with_evidence_that_convinces_a_third_party(scene: Scene, entries: int) -> None:
    """The dishonest operator shows this citizen another history, signed and cosigned, in which less was done."""
    forked = RecordingInProcess(World())
    label = scene.acts[0].committed
    for number in range(entries):
        forked.record([label.entry(policy_hash=POLICY.digest, label=bytes([number + 1]) * 32)])
    with pytest.raises(Contradicted) as caught:
        look(scene, shown=files(forked.world))
    assert caught.value.contradiction.check == "tlog.fork"
    assert isinstance(caught.value.evidence, Fork)
    again = parse_evidence(encode_evidence(caught.value.evidence))
    assert verify_evidence(again, policy=POLICY).check == "tlog.fork"


def test_a_list_that_leaves_out_an_act_of_ours_is_caught_by_its_receipt(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator makes a list without one of the acts, and has it witnessed like any other entry."""
    left_out = scene.acts[1].receipt
    assert left_out is not None
    index = left_out.index.to_bytes(8, "big")
    honest = writer.leaves_of
    monkeypatch.setattr(
        writer, "leaves_of", lambda entries: [leaf for leaf in honest(entries) if not leaf.endswith(index)]
    )
    scene.recorder.world.close_day()
    with pytest.raises(Contradicted) as caught:
        look(scene)
    assert caught.value.contradiction.check == "tlog.labels"
    assert isinstance(caught.value.evidence, LabelsDisagree)
    assert verify_evidence(caught.value.evidence, policy=POLICY) == caught.value.contradiction


def test_a_wallet_that_knows_of_no_log_says_what_to_do(scene: Scene) -> None:
    contents = scene.contents
    contents.put_trust(replace(contents.trust(), log=None))
    contents.save(scene.play.store)
    with pytest.raises(Refused, match=r"wallet\.no_log"):
        look(scene)


def test_a_wallet_with_no_document_looks_at_the_log_all_the_same() -> None:
    scene = Scene()
    scene.recorder.world.append(entry(1))
    found = look(scene)
    assert found.acts == ()
    assert scene.contents.checkpoint() == found.checkpoint.signed


def test_damaged_files_accuse_nobody(scene: Scene) -> None:
    tree = scene.recorder.world.close_day().tree
    shown = dict(files(scene.recorder.world))
    shard = shard_path(tree, b"")
    shown[shard] = shown[shard][:-1] + bytes([shown[shard][-1] ^ 1])
    with pytest.raises(VerificationError):
        look(scene, shown=shown)


def test_two_orders_of_one_citizen_are_found_by_two_chains() -> None:
    scene = Scene()
    scene.play.receive()
    scene.play.receive()
    scene.recorder.world.close_day()
    found = look(scene)
    assert len(found.acts) == 6
    assert len({one.grant_id for one in found.acts}) == 2
    assert len({ChainElement(chain.secret).label for chain in scene.contents.chains()}) == 2
