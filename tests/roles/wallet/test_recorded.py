"""Documents come with a receipt of the public log, or they are not taken."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.errors import DiptychError, Unavailable
from diptych.formats.tlog.act import Act, CommittedAct, batch_digest, commit
from diptych.formats.tlog.entry import ActorClass, ActType, Entry
from diptych.formats.tlog.evidence import Fork, verify_evidence
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import LogProof
from diptych.private import Personal, Secret
from diptych.protocols.oauth.errors import ErrorResponse
from diptych.protocols.openid4vci.credential import CredentialResponse, encrypt_response
from diptych.protocols.openid4vci.recorded import KeptAct, RecordedBatch
from diptych.protocols.reading.files import Contradicted
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import HeldAct
from diptych.roles.wallet.ports import Answer
from tests.issuing import Town
from tests.log_world import POLICY, World, policy_of
from tests.play import Play, catalogue
from tests.recording import RecordingInProcess

ALL = {"driving-licence": 10, "proof-of-age": 30, "driving-entitlement": 10}

Lie = Callable[["Scene", str, CredentialResponse], CredentialResponse]


class Scene:
    """A wallet that believes the log, and an issuer that records in it, and may then lie."""

    def __init__(self) -> None:
        self.recorder = RecordingInProcess(World())
        self.play = Play(town=Town(catalogue=catalogue(), log=self.recorder.public_log))
        trust = self.contents.trust()
        self.play.wallet.set_trust(trust.issuers, trust.verifiers, POLICY.encode())

    @property
    def contents(self) -> Contents:
        return Contents(self.play.store.read())

    @property
    def held(self) -> dict[str, int]:
        found = self.play.new_wallet().list(now=self.play.now)
        return {one.document.configuration_id: one.copies for one in found}

    @property
    def acts(self) -> tuple[HeldAct, ...]:
        return self.contents.acts(self.contents.grants()[0].id)

    def record(self, *entries: Entry) -> Sequence[LogProof]:
        return self.recorder.record(entries)

    def receive_from_a_liar(self, lie: Lie) -> dict[str, str]:
        """Which documents are not taken, and by which check."""
        self.play.issuer_line.line = Lying(self, lie)
        return {one.configuration_id: one.check for one in self.play.receive().refused}


class Lying:
    """The issuer's line, on which what goes with the documents is exchanged."""

    def __init__(self, scene: Scene, lie: Lie) -> None:
        self._scene = scene
        self._honest = scene.play.issuer_line.line
        self._lie = lie

    def __getattr__(self, name: str) -> object:
        return getattr(self._honest, name)

    def ask_credential(self, url: str, body: bytes, *, media_type: str, **named: object) -> Answer:
        play = self._scene.play
        request = play.town.issuer.read_request(body, is_encrypted=True, now=play.now)
        try:
            honest = play.town.issuer.issue_credentials(request, now=play.now, entropy=play.town.entropy, **named)
        except DiptychError as error:
            return Answer(
                400, "application/json", ErrorResponse(error.code or error.check, None).encode(), self._nonce()
            )
        lied = self._lie(self._scene, request.configuration_id, honest)
        assert request.response_encryption is not None
        return Answer(200, "application/jwt", encrypt_response(lied, request.response_encryption))

    def _nonce(self) -> str:
        play = self._scene.play
        return play.town.issuer.dpop_nonce(now=play.now, entropy=play.town.entropy)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def act_of(response: CredentialResponse) -> tuple[RecordedBatch, CommittedAct]:
    assert response.recorded is not None
    return response.recorded, response.recorded.acts[-1].committed


def other(response: CredentialResponse, scene: Scene, **changed: object) -> CredentialResponse:
    """The response with an act, truly recorded, that differs in some way from the one that it should be."""
    recorded, committed = act_of(response)
    act = committed.act
    details = {**act.details.reveal(), **changed.pop("details", {})}
    values = {"act_type": act.act_type, "day": act.day, "actor": act.actor, "details": Personal(details), **changed}
    counter = recorded.acts[-1].counter
    made = commit(Act(**values), entropy=scene.play.town.entropy)
    label = ChainElement(recorded.chain).at(counter).label
    (receipt,) = scene.record(made.entry(policy_hash=POLICY.digest, label=label))
    acts = (*recorded.acts[:-1], KeptAct(counter, made))
    return replace(response, recorded=RecordedBatch(recorded.chain, acts, receipt))


def test_documents_come_with_their_acts_and_all_of_it_is_kept(scene: Scene) -> None:
    assert scene.play.receive().refused == ()
    assert scene.held == ALL
    assert [act.counter for act in scene.acts] == [0, 1, 2]
    assert {str(act.committed.act.details.reveal()["type"]) for act in scene.acts} == set(ALL)
    assert all(act.receipt is not None for act in scene.acts)
    assert scene.contents.checkpoint() == scene.acts[-1].receipt.checkpoint
    chain = scene.contents.chain(scene.contents.grants()[0].id)
    assert chain is not None
    entries = scene.recorder.world.store.entries(0, 3)
    assert [ChainElement(chain.secret).at(counter).label in entries[counter] for counter in range(3)] == [True] * 3


def test_a_renewal_is_an_act_of_its_own(scene: Scene) -> None:
    scene.play.receive()
    scene.play.later(days=10)
    assert scene.play.wallet.renew("proof-of-age", now=scene.play.now).failures == ()
    assert scene.acts[-1].committed.act.act_type is ActType.RENEWED
    assert [act.counter for act in scene.acts] == [0, 1, 2, 3]


def test_after_the_log_was_down_the_same_documents_come_by_the_same_act(scene: Scene) -> None:
    approval = scene.play.approve()
    scene.recorder.fails = [Unavailable("recorder.unreachable", "nobody is there")]
    with pytest.raises(Unavailable, match=r"issuer\.unavailable"):
        scene.play.wallet.accept(approval.offer.link(), approval.tx_code, now=scene.play.now)
    assert scene.held == {}
    again = scene.play.new_wallet()
    assert again.accept(approval.offer.link(), approval.tx_code, now=scene.play.now).refused == ()
    assert scene.held == ALL
    assert scene.recorder.world.store.size() == 3


@pytest.mark.parametrize("lost", ["request", "answer"])
@pytest.mark.parametrize("moment", range(12))
def test_whatever_is_lost_on_the_way_there_is_one_act_for_each_document(scene: Scene, moment: int, lost: str) -> None:
    approval = scene.play.approve()
    scene.play.issuer_line.lost = iter([None] * moment + [lost])
    for _ in range(2):
        try:
            scene.play.new_wallet().accept(approval.offer.link(), approval.tx_code, now=scene.play.now)
            break
        except Unavailable:
            continue
    assert scene.held == ALL
    assert scene.recorder.world.store.size() == 3
    assert len(scene.acts) == 3


def test_a_wallet_without_a_policy_asks_for_no_receipt_and_believes_none() -> None:
    town = Town(catalogue=catalogue(), log=RecordingInProcess(World()).public_log)
    play = Play(town=town)
    assert play.receive().refused == ()
    contents = Contents(play.store.read())
    assert (contents.chains(), contents.checkpoint()) == ((), None)


def test_what_was_issued_before_the_wallet_knew_of_the_log_is_told_with_the_next_renewal(scene: Scene) -> None:
    play = Play(town=scene.play.town)
    play.receive()
    trust = Contents(play.store.read()).trust()
    play.wallet.set_trust(trust.issuers, trust.verifiers, POLICY.encode())
    play.later(days=10)
    assert play.wallet.renew("proof-of-age", now=play.now).failures == ()
    contents = Contents(play.store.read())
    acts = contents.acts(contents.grants()[0].id)
    assert [(act.counter, act.receipt is not None) for act in acts] == [
        (0, False),
        (1, False),
        (2, False),
        (3, True),
    ]


def without_receipt(scene: Scene, name: str, response: CredentialResponse) -> CredentialResponse:
    return replace(response, recorded=None)


def unwitnessed(scene: Scene, name: str, response: CredentialResponse) -> CredentialResponse:
    recorded, _ = act_of(response)
    note = recorded.receipt.checkpoint.note
    alone = replace(recorded.receipt.checkpoint, note=replace(note, signatures=note.signatures[:2]))
    return replace(response, recorded=replace(recorded, receipt=replace(recorded.receipt, checkpoint=alone)))


def of_another_entry(scene: Scene, name: str, response: CredentialResponse) -> CredentialResponse:
    recorded, committed = act_of(response)
    label = ChainElement(recorded.chain).at(recorded.acts[-1].counter).label
    (receipt,) = scene.record(replace(committed.entry(policy_hash=POLICY.digest, label=label), commitment=bytes(32)))
    return replace(response, recorded=replace(recorded, receipt=receipt))


def under_another_label(scene: Scene, name: str, response: CredentialResponse) -> CredentialResponse:
    recorded, committed = act_of(response)
    (receipt,) = scene.record(committed.entry(policy_hash=POLICY.digest, label=b"x" * 32))
    return replace(response, recorded=replace(recorded, receipt=receipt))


def fewer_documents(scene: Scene, name: str, response: CredentialResponse) -> CredentialResponse:
    return replace(response, credentials=response.credentials[:-1])


def in_another_order(scene: Scene, name: str, response: CredentialResponse) -> CredentialResponse:
    return replace(response, credentials=response.credentials[::-1])


LIES: dict[str, tuple[Lie, str]] = {
    "no receipt": (without_receipt, "wallet.receipt_missing"),
    "too few witnesses": (unwitnessed, "tlog.policy.quorum"),
    "another commitment": (of_another_entry, "tlog.act.commitment"),
    "a label that is not found": (under_another_label, "wallet.act_label"),
    "fewer documents": (fewer_documents, "wallet.act_batch"),
    "another order": (in_another_order, "wallet.act_batch"),
    "a revocation": (
        lambda scene, name, response: other_kind(response, scene),
        "wallet.act_type",
    ),
    "by an officer": (
        lambda scene, name, response: other(response, scene, actor=ActorClass.OFFICER),
        "wallet.act_type",
    ),
    "the day before": (
        lambda scene, name, response: other(response, scene, day=scene.play.now.date() - timedelta(days=1)),
        "wallet.act_day",
    ),
    "another type": (
        lambda scene, name, response: other(response, scene, details={"type": "passport"}),
        "wallet.act_batch",
    ),
    "another count": (lambda scene, name, response: other(response, scene, details={"count": 3}), "wallet.act_batch"),
    "other documents": (
        lambda scene, name, response: other(response, scene, details={"credentials": batch_digest([b"one"])}),
        "wallet.act_batch",
    ),
}


def other_kind(response: CredentialResponse, scene: Scene) -> CredentialResponse:
    recorded, _ = act_of(response)
    counter = recorded.acts[-1].counter
    act = Act(
        ActType.REVOKED, scene.play.now.date(), ActorClass.ISSUER, Personal({"type": "driving-licence", "reason": "x"})
    )
    made = commit(act, entropy=scene.play.town.entropy)
    label = ChainElement(recorded.chain).at(counter).label
    (receipt,) = scene.record(made.entry(policy_hash=POLICY.digest, label=label))
    return replace(response, recorded=RecordedBatch(recorded.chain, (KeptAct(counter, made),), receipt))


@pytest.mark.parametrize("name", LIES)
def test_documents_whose_receipt_is_not_theirs_are_not_taken(scene: Scene, name: str) -> None:
    lie, check = LIES[name]
    assert scene.receive_from_a_liar(lie) == dict.fromkeys(ALL, check)
    assert scene.held == {}
    assert scene.contents.chains() == ()


def test_the_wallet_asks_for_the_witnesses_of_its_own_policy_whatever_the_issuer_is_content_with(scene: Scene) -> None:
    trust = scene.contents.trust()
    scene.play.wallet.set_trust(trust.issuers, trust.verifiers, policy_of(3).encode())
    refused = scene.play.receive().refused
    assert {one.check for one in refused} == {"tlog.policy.quorum"}
    assert scene.held == {}


def test_the_issuer_cannot_change_the_chain_or_the_past(scene: Scene) -> None:
    scene.play.receive()
    scene.play.later(days=10)

    def another_chain(scene: Scene, name: str, response: CredentialResponse) -> CredentialResponse:
        recorded, committed = act_of(response)
        chain = Secret(b"n" * 32)
        (receipt,) = scene.record(
            committed.entry(policy_hash=POLICY.digest, label=ChainElement(chain).at(recorded.acts[-1].counter).label)
        )
        return replace(response, recorded=RecordedBatch(chain, recorded.acts, receipt))

    def another_past(scene: Scene, name: str, response: CredentialResponse) -> CredentialResponse:
        recorded, committed = act_of(response)
        return replace(response, recorded=replace(recorded, acts=(KeptAct(0, committed), *recorded.acts[1:])))

    honest = scene.play.issuer_line.line
    for lie, check in ((another_chain, "wallet.act_chain"), (another_past, "wallet.act_changed")):
        scene.play.issuer_line.line = Lying(scene, lie)
        (failure,) = scene.play.wallet.renew("proof-of-age", now=scene.play.now).failures
        assert failure.check == check
        scene.play.issuer_line.line = honest
    assert scene.play.wallet.renew("proof-of-age", now=scene.play.now).failures == ()


def test_a_log_that_shows_the_wallet_two_trees_of_one_size_is_caught(scene: Scene) -> None:
    scene.play.receive()
    forked = RecordingInProcess(World())  # the same keys, another history, and as long
    others = [replace(scene.acts[0].committed.entry(policy_hash=POLICY.digest, label=bytes([n]) * 32)) for n in (1, 2)]
    forked.record(others)
    scene.play.later(days=10)
    scene.play.town.issuer = replace(scene.play.town.issuer, log=forked.public_log)
    scene.play.issuer_end.issuer = scene.play.town.issuer
    (failure,) = scene.play.wallet.renew("proof-of-age", now=scene.play.now).failures
    assert failure.check == "wallet.log_forked"
    # What convicts the log is kept, and told by `wallet acts` whatever the log shows by then.
    with pytest.raises(Contradicted) as caught:
        scene.play.new_wallet().acts(MemoryLogFiles(scene.recorder.world.files.files))
    assert isinstance(caught.value.evidence, Fork)
    assert verify_evidence(caught.value.evidence, policy=POLICY) == caught.value.contradiction
    assert scene.held == ALL
