"""Position 14: the operator of the log, who has its keys, and rewrites it or shows two histories.

What the operator wants is that an act about a citizen has never been. Each party that can catch it first loses: a
weakened build of that party believes the second history. Then the real one meets it, and what it writes down convinces
a third party, who has the policy and nothing else.
"""

from datetime import datetime

import pytest

from diptych.errors import Unavailable, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.formats.tlog.entry import ActType
from diptych.formats.tlog.evidence import Evidence, Fork, encode_evidence, parse_evidence, verify_evidence
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.policy import Policy, verify_checkpoint
from diptych.private import Secret
from diptych.protocols.reading.files import Contradicted, check_goes_on, read_checkpoint
from diptych.protocols.reading.labels import find_acts
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.protocols.witnessing import decision
from diptych.roles.auditor.log_audit import audit
from diptych.roles.auditor.monitor import look
from diptych.roles.log.fakes import MemoryLogStore, MemoryTileStore
from diptych.roles.log.service import Log
from diptych.roles.witness.service import Witness
from tests.log_world import LOG_KEYS, ORIGIN, POLICY, WITNESS_SIGNERS, FollowedLog, World, entries
from tests.roles.test_log_labels import about

ERIKA = ChainElement(Secret(b"erika" + bytes(27)))
OPENED = about(ERIKA.at(1), ActType.OPENED)
"""Somebody opened Erika's record: what is not to have been."""


class DishonestLog(Log):
    """The operator's own software: asks nobody what was seen of it, and never stops."""

    def _ask_what_was_seen(self, now: datetime) -> None:
        self._has_asked = True

    def _look(self, url: str, data: bytes | None) -> None:
        pass


class Operator(World):
    """A log whose operator is the attacker. With witnesses of its own, or those of a town."""

    def restarted(self) -> Log:
        self.log = DishonestLog(
            signers=super().restarted()._signers,
            policy=self.policy,
            store=self.store,
            files=self.files,
            witnesses=self.witnesses,
        )
        return self.log


def history(*acts: bytes, filling: int = 5) -> Operator:
    """A log with these acts between others, and witnesses of its own."""
    operator = Operator()
    operator.append(*entries(0, filling), about(ERIKA))
    operator.append(*acts, *entries(100, 103))
    return operator


def files_of(world: World) -> MemoryLogFiles:
    assert isinstance(world.files, MemoryTileStore)
    return MemoryLogFiles(world.files.files)


def published(world: World) -> SignedCheckpoint:
    assert world.log.published is not None
    return world.log.published.signed


def convinces(evidence: Evidence | None, *, policy: Policy = POLICY) -> None:
    """A third party, with the policy and the file alone."""
    assert evidence is not None
    assert verify_evidence(parse_evidence(encode_evidence(evidence)), policy=policy).check == "tlog.fork"


# A witness


def rewritten_before(town: World) -> Operator:
    """The operator writes the log anew without the opening, longer than it was, for the town's own witnesses."""
    store = MemoryLogStore(kept=[*entries(0, 5), about(ERIKA), *entries(100, 120)])
    operator = Operator(store=store, witness_stores=town.witness_stores, now=town.now)
    operator.start()
    return operator


def test_a_rewritten_log_gets_no_quorum_of_honest_witnesses(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as weakened:  # witnesses that take any proof for one
        weakened.setattr(decision, "_verify_proof", lambda request, latest: None)
        town = history(OPENED)
        rewritten = rewritten_before(town)
        acts = rewritten.store.entries(0, rewritten.store.size())
        assert OPENED in town.store.entries(0, town.store.size())
        assert OPENED not in acts
        verify_checkpoint(published(rewritten), policy=POLICY)  # the town's own quorum stands under both

    town = history(OPENED)
    with pytest.raises(Unavailable, match="too few witnesses"):
        rewritten_before(town)


@pytest.mark.parametrize("filling", [5, 6])
def test_what_the_witness_refuses_is_evidence_once_the_log_signed_a_proof_or_a_second_root(filling: int) -> None:
    town = history(OPENED, filling=filling)
    forks: list[Fork] = []
    witness = Witness(
        signers=WITNESS_SIGNERS[0],
        logs=[FollowedLog(ORIGIN, LOG_KEYS)],
        store=town.witness_stores[0],
        on_fork=forks.append,
    )
    other = history(filling=filling)
    other.append(*entries(300, 301))  # as many acts as in the town, and another one in the place of the opening
    assert published(other).checkpoint.size == published(town).checkpoint.size
    for more in (0, 9):
        other.append(*entries(400, 400 + more)) if more else None
        size = published(other).checkpoint.size
        node = tree.memory_nodes([tree.leaf_hash(entry) for entry in other.store.entries(0, size)])
        proof = tree.build_consistency_proof(published(town).checkpoint.size, size, node)
        request = decision.AddCheckpoint(published(town).checkpoint.size, proof, other.log._own(published(other)))
        assert witness.add_checkpoint(request.encode(), now=other.now).status == 422
    assert len(forks) == 2
    for fork in forks:
        convinces(fork)
    # A stranger who has no key of the log can make no evidence against it.
    forged = request.encode().replace(str(size).encode(), str(size + 1).encode(), 1)
    assert witness.add_checkpoint(forged, now=other.now).status != 200
    assert len(forks) == 2


# A wallet, a trustee, a monitor, an auditor: before an operator whose witnesses are all its own


def test_a_wallet_that_kept_a_checkpoint_catches_the_second_history() -> None:
    town, rewritten = history(OPENED), history()
    town.close_day()
    rewritten.append(*entries(500, 520))
    rewritten.close_day()
    before = find_acts(files_of(town), start=ERIKA, policy=POLICY, last=None)
    assert [act.entry.act_type for act in before.acts] == [ActType.ISSUED, ActType.OPENED]

    # A wallet that keeps nothing believes that her record was never opened.
    believed = find_acts(files_of(rewritten), start=ERIKA, policy=POLICY, last=None)
    assert [act.entry.act_type for act in believed.acts] == [ActType.ISSUED]

    with pytest.raises(Contradicted) as caught:
        find_acts(files_of(rewritten), start=ERIKA, policy=POLICY, last=before.checkpoint.signed)
    convinces(caught.value.evidence)


def test_a_wallet_that_kept_the_receipt_catches_a_label_tree_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.roles.log import labels as writer

    honest = writer.leaves_of
    town = Operator()
    (receipt,) = town.append(OPENED).receipts
    town.append(about(ERIKA), *entries(0, 5))
    monkeypatch.setattr(
        writer, "leaves_of", lambda acts: [leaf for leaf in honest(acts) if leaf[:32] != ERIKA.at(1).label]
    )
    town.close_day()
    assert len(find_acts(files_of(town), start=ERIKA, policy=POLICY, last=None).acts) == 1  # believed without it
    with pytest.raises(Contradicted) as caught:
        find_acts(files_of(town), start=ERIKA, policy=POLICY, last=None, receipts=[receipt])
    assert caught.value.evidence is not None
    shown = verify_evidence(parse_evidence(encode_evidence(caught.value.evidence)), policy=POLICY)
    assert shown.check == "tlog.labels"


def test_whoever_asks_that_the_log_goes_on_before_it_acts_catches_the_second_history() -> None:
    # So does a trustee before it opens its share: it demands consistency with the checkpoint that it accepted last.
    town, rewritten = history(OPENED), history()
    rewritten.append(*entries(500, 520))
    now = read_checkpoint(files_of(rewritten), policy=POLICY)  # accepted, by whoever knows no other
    with pytest.raises(Contradicted) as caught:
        check_goes_on(files_of(rewritten), before=published(town), now=now, policy=POLICY)
    convinces(caught.value.evidence)


def test_a_monitor_and_an_auditor_with_one_earlier_checkpoint_catch_the_second_history() -> None:
    town, rewritten = history(OPENED), history()
    rewritten.append(*entries(500, 520))
    assert look(files_of(rewritten), policy=POLICY, last=None).failure is None
    assert audit(files_of(rewritten), policy=POLICY).is_verified
    for found in (
        look(files_of(rewritten), policy=POLICY, last=published(town)),
        audit(files_of(rewritten), policy=POLICY, seen=[published(town)]),
    ):
        assert found.failure is not None
        assert found.failure.check == "tlog.fork"
        convinces(found.evidence)


def test_evidence_against_one_log_convinces_nobody_of_anothers_guilt() -> None:
    town, rewritten = history(OPENED), history()
    rewritten.append(*entries(500, 520))
    evidence = audit(files_of(rewritten), policy=POLICY, seen=[published(town)]).evidence
    assert isinstance(evidence, Fork)
    honest = Fork(published(town), published(town), published(town).checkpoint.root, ())
    with pytest.raises(VerificationError):
        verify_evidence(honest, policy=POLICY)
    swapped = Fork(evidence.second, evidence.first, evidence.other_root, evidence.proof)
    with pytest.raises(VerificationError):
        verify_evidence(swapped, policy=POLICY)
