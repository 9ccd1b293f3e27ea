"""Closing a day, and finding one's acts: what is there, what is not, and a log that says two things of one entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from diptych.errors import DiptychError, Unavailable, VerificationError
from diptych.formats.tlog.entry import ActorClass, ActType, Entry, parse_entry
from diptych.formats.tlog.evidence import LabelsDisagree, encode_evidence, parse_evidence, verify_evidence
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.label_range import all_path, shard_path, verify_range
from diptych.formats.tlog.label_tree import LATEST, head_path, leaves_of, parse_head, verify_head
from diptych.formats.tlog.proof import LogProof, verify_receipt
from diptych.private import Secret
from diptych.protocols.reading.files import Contradicted
from diptych.protocols.reading.labels import Findings, find_acts
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.log import labels as writer
from diptych.roles.log.fakes import Death, Deaths, MemoryLogStore, MemoryTileStore
from diptych.roles.log.labels import LabelTrees
from diptych.roles.log.model import LabelPlan
from tests.formats.tlog_specimen import NOW
from tests.log_world import POLICY, World, audited, entries, memory_world

DAY = timedelta(days=1)
UNLABELLED = Entry(ActType.ROLE_STATE, NOW.date(), ActorClass.LOG, bytes(32), bytes(32), POLICY.digest).encode()
ERIKA = ChainElement(Secret(b"erika" + bytes(27)))


def about(element: ChainElement, act_type: ActType = ActType.ISSUED, *, salt: int = 0) -> bytes:
    commitment = bytes([salt]) + element.label[:31]
    return Entry(act_type, NOW.date(), ActorClass.ISSUER, element.label, commitment, POLICY.digest).encode()


@dataclass
class Reading:
    """The world's files as a wallet reads them, and which it asked for."""

    world: World
    asked: list[str]

    def read(self, path: str, *, max_bytes: int) -> bytes | None:
        self.asked.append(path)
        return MemoryLogFiles(self.world.files.files).read(path, max_bytes=max_bytes)  # type: ignore[attr-defined]

    def paths(self) -> None:
        return None


def found_in(world: World, *, start: ChainElement = ERIKA, **changed: object) -> Findings:
    return find_acts(Reading(world, []), start=start, policy=POLICY, **{"last": None, **changed})  # type: ignore[arg-type]


def town() -> tuple[World, list[LogProof]]:
    """Thousands of acts, three of them about Erika; her receipts."""
    world = World()
    receipts = list(world.append(about(ERIKA)).receipts)
    for start in (0, 1200):
        world.log.append(entries(start, start + 1200), now=world.now)
        receipts += world.append(about(ERIKA.at(len(receipts)), ActType.RENEWED)).receipts
    world.append(UNLABELLED)
    return world, receipts


@pytest.mark.parametrize("whole", [False, True])
def test_a_wallet_finds_every_act_about_its_holder_and_the_proof_that_there_is_no_other(whole: bool) -> None:
    world, receipts = town()
    tree_ = world.close_day()
    found = found_in(world, whole=whole, receipts=receipts)
    assert [(act.counter, act.receipt.index, act.entry.act_type) for act in found.acts] == [
        *((0, 0, ActType.ISSUED), (1, 1201, ActType.RENEWED), (2, 2402, ActType.RENEWED))
    ]
    for act in found.acts:
        assert parse_entry(verify_receipt(act.receipt, policy=POLICY).entry) == act.entry
    assert found.next_counter == 3
    assert verify_range(found.absence, tree_=tree_.tree).indexes_of(ERIKA.at(3).label) == ()
    assert (found.tree.tree, found.tree.day, tree_.tree.size) == (tree_.tree, world.now.date(), 2403)
    assert audited(world.files.files).is_verified  # type: ignore[attr-defined]


def test_whoever_serves_the_files_sees_the_prefixes_that_are_asked_for_and_nothing_else() -> None:
    world, _ = town()
    tree_ = world.close_day()
    reading = Reading(world, [])
    find_acts(reading, start=ERIKA, policy=POLICY, last=None)
    shards = {shard_path(tree_.tree, ERIKA.at(i).label) for i in range(4)}
    assert {path for path in reading.asked if path.startswith("labels/")} == {LATEST, *shards}
    about_the_tree = {"checkpoint"} | {path for path in reading.asked if path.startswith("tile/")}
    assert set(reading.asked) == {LATEST, *shards, *about_the_tree}
    # The tiles are those that every reader of the same head asks for: they do not depend on whose acts are looked for.
    other = Reading(world, [])
    find_acts(other, start=ChainElement(Secret(bytes(32))), policy=POLICY, last=None)
    assert about_the_tree == {path for path in other.asked if not path.startswith("labels/")}


def test_everything_is_read_by_whoever_wants_to_say_nothing() -> None:
    world, _ = town()
    world.close_day()
    asked: list[Sequence[str]] = []
    for start in (ERIKA, ChainElement(Secret(bytes(32)))):
        reading = Reading(world, [])
        find_acts(reading, start=start, policy=POLICY, last=None, whole=True)
        asked.append(reading.asked)
    assert asked[0] == asked[1]


def test_an_empty_day_and_a_subject_without_acts_are_shown_too() -> None:
    world = World()
    world.append(*entries(0, 1))
    with pytest.raises(Unavailable, match="look again"):
        found_in(world)
    world.close_day()
    assert found_in(world).acts == ()
    world = World()
    world.append(UNLABELLED)
    tree_ = world.close_day()
    assert tree_.tree.size == 0
    assert found_in(world).next_counter == 0
    assert found_in(world, whole=True).next_counter == 0


def test_acts_of_the_day_are_found_tomorrow_and_a_receipt_of_today_is_no_contradiction() -> None:
    world, receipts = town()
    world.close_day()
    receipts += world.append(about(ERIKA.at(3), ActType.REVOKED)).receipts
    assert found_in(world, receipts=receipts).next_counter == 3
    before = found_in(world).checkpoint.signed
    world.close_day()
    found = found_in(world, receipts=receipts, last=before)
    assert (found.next_counter, found.acts[-1].entry.act_type) == (4, ActType.REVOKED)
    assert found_in(world, start=ERIKA.at(2)).acts == found.acts[2:]


@dataclass
class Slow(Reading):
    """A wallet that is slower than the log: days close between the head that it reads and the shards."""

    days: int

    def read(self, path: str, *, max_bytes: int) -> bytes | None:
        data = super().read(path, max_bytes=max_bytes)
        if path == LATEST and self.days:
            self.days -= 1
            self.world.close_day()
            self.world.close_day()
        return data


@pytest.mark.parametrize("whole", [False, True])
def test_a_wallet_slower_than_two_days_reads_again_and_says_so_when_it_never_catches_up(whole: bool) -> None:
    world, _ = town()
    world.close_day()
    slow = Slow(world, [], 1)
    found = find_acts(slow, start=ERIKA, policy=POLICY, last=None, whole=whole)
    assert (found.next_counter, slow.asked.count(LATEST)) == (3, 2)
    slow.days = 99
    with pytest.raises(Unavailable, match="faster than they are read"):
        find_acts(slow, start=ERIKA, policy=POLICY, last=None, whole=whole)


def test_a_label_under_which_two_acts_stand_shows_both() -> None:
    world, _ = town()
    world.append(about(ERIKA.at(1), ActType.SUSPENDED, salt=7))
    world.close_day()
    for whole in (False, True):
        assert [act.counter for act in found_in(world, whole=whole).acts] == [0, 1, 1, 2]


# A log that says two things


def lying(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """From now on the log makes its label trees of other leaves than its entries have."""
    monkeypatch.setattr(writer, "leaves_of", lambda entries: sorted(change(leaves_of(entries))))


def relabelled(leaves: list[bytes]) -> list[bytes]:
    """Erika's second act under another label."""
    return [leaf if leaf[:32] != ERIKA.at(1).label else ERIKA.at(9).label + leaf[32:] for leaf in leaves]


def without(leaves: list[bytes]) -> list[bytes]:
    return [leaf for leaf in leaves if leaf[:32] != ERIKA.at(1).label]


def accused(contradicted: Contradicted) -> None:
    """The evidence convinces whoever has the policy, and nobody when it was tampered with."""
    assert contradicted.contradiction.check == "tlog.labels"
    assert contradicted.evidence is not None
    data = encode_evidence(contradicted.evidence)
    assert verify_evidence(parse_evidence(data), policy=POLICY) == contradicted.contradiction
    for name in (b"head", b"leaves"):
        at = data.index(b'"%s":"' % name) + 60
        damaged = data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]
        with pytest.raises(DiptychError):
            verify_evidence(parse_evidence(damaged), policy=POLICY)


def test_a_label_tree_that_leaves_an_act_out_is_caught_by_whoever_kept_its_receipt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, receipts = town()
    lying(monkeypatch, without)
    world.close_day()
    assert found_in(world).next_counter == 1  # without a receipt the lie is believed: monitors are there for that
    with pytest.raises(Contradicted) as caught:
        found_in(world, receipts=receipts)
    accused(caught.value)


@pytest.mark.parametrize("change", [without, relabelled, lambda leaves: [*leaves, ERIKA.at(3).label + bytes(8)]])
def test_a_false_label_tree_is_caught_by_whoever_reads_the_whole_log(
    change: Callable[[list[bytes]], list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = town()
    lying(monkeypatch, change)
    world.close_day()
    with pytest.raises(Contradicted) as caught:
        found_in(world, whole=True)
    accused(caught.value)
    report = audited(world.files.files)  # type: ignore[attr-defined]
    assert report.failure == caught.value.contradiction
    assert report.evidence is not None
    assert verify_evidence(report.evidence, policy=POLICY) == report.failure


def test_an_entry_under_another_label_than_its_own_is_caught_by_whoever_reads_that_shard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, _ = town()
    lying(monkeypatch, relabelled)
    world.close_day()
    with pytest.raises(Contradicted) as caught:
        found_in(world, start=ERIKA.at(9))
    accused(caught.value)


def test_an_old_label_tree_that_was_false_fails_the_audit_by_name_once_its_labels_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, _ = town()
    with monkeypatch.context() as while_lying:
        lying(while_lying, without)
        false = world.close_day()
    for _ in range(2):
        world.close_day()
    assert world.files.read(all_path(false.tree)) is None
    report = audited(world.files.files)  # type: ignore[attr-defined]
    assert report.failure is not None
    assert (report.failure.check, report.evidence) == ("tlog.labels", None)


def test_honest_log_and_tree_are_no_evidence() -> None:
    world, receipts = town()
    world.close_day()
    found = found_in(world)
    (later,) = world.append(about(ChainElement(Secret(bytes(32))))).receipts
    for receipt in (*receipts, later):
        with pytest.raises(VerificationError):
            verify_evidence(LabelsDisagree(found.tree.head, found.absence, receipt), policy=POLICY)


def test_a_fork_is_caught_by_the_checkpoint_that_a_wallet_kept() -> None:
    world, receipts = town()
    world.close_day()
    forked = World()
    forked.append(*entries(100, 101))
    forked.log.append(entries(0, 2500), now=forked.now)
    forked.close_day()
    with pytest.raises(Contradicted) as caught:
        found_in(forked, last=receipts[-1].checkpoint)
    assert caught.value.contradiction.check == "tlog.fork"
    assert caught.value.evidence is not None
    assert verify_evidence(caught.value.evidence, policy=POLICY) == caught.value.contradiction


# Files that do not hold


@pytest.mark.parametrize("whole", [False, True])
def test_every_file_that_is_damaged_or_missing_is_refused(whole: bool) -> None:
    world, _ = town()
    tree_ = world.close_day()
    files = world.files.files  # type: ignore[attr-defined]
    reading = Reading(world, [])
    find_acts(reading, start=ERIKA, policy=POLICY, last=None, whole=whole)
    for path in dict.fromkeys(reading.asked):
        if path not in files:
            continue
        honest = files.pop(path)
        with pytest.raises((DiptychError, Contradicted)):
            found_in(world, whole=whole)
        if path != all_path(
            tree_.tree
        ):  # a file of all labels beside a true tree is not needed to know that it is true
            files[path] = (
                honest[: len(honest) // 2] + bytes([honest[len(honest) // 2] ^ 1]) + honest[len(honest) // 2 + 1 :]
            )
            with pytest.raises((DiptychError, Contradicted)):
                found_in(world, whole=whole)
        files[path] = honest


def test_a_head_of_another_act_another_log_or_a_tree_that_covers_itself_is_refused() -> None:
    world, receipts = town()
    head = world.close_day().head
    for damaged in (
        replace(head, receipt=receipts[0]),
        replace(head, tree=replace(head.tree, size=1)),
        replace(head, tree=replace(head.tree, entries=head.tree.entries + 1)),
        replace(head, receipt=replace(head.receipt, index=1)),
    ):
        with pytest.raises(VerificationError):
            verify_head(damaged, policy=POLICY)
    assert verify_head(parse_head(head.encode()), policy=POLICY).tree == head.tree


def test_an_audit_without_a_head_or_with_another_trees_fails_by_name() -> None:
    world, _ = town()
    first, second = world.close_day(), world.close_day()
    files = world.files.files  # type: ignore[attr-defined]
    for change in ({}, {head_path(first.index): second.head.encode()}, {head_path(first.index): b"nonsense"}):
        damaged = {path: data for path, data in files.items() if path != head_path(first.index)} | change
        report = audited(damaged)
        assert report.failure is not None
        assert head_path(first.index) in report.failure.message


# When a day closes


def test_a_day_closes_once_and_again_when_the_next_is_over() -> None:
    world = World()
    trees = LabelTrees(world.store, world.files, policy=POLICY, every=DAY)
    assert trees.due(size=0, now=NOW + 5 * DAY) is None
    world.append(*entries(0, 3))
    assert trees.due(size=3, now=NOW.replace(hour=23, minute=59)) is None
    first = world.close_day()
    assert (first.tree.entries, first.index) == (3, 3)
    assert trees.due(size=4, now=world.now) is None
    second = world.close_day()
    assert (second.tree.entries, second.tree.size) == (4, 3)
    third = world.close_day()
    files = world.files.files  # type: ignore[attr-defined]
    kept = {int(path.split("/")[1]) for path in files if path.startswith("labels/") and path.split("/")[1].isdigit()}
    assert kept == {second.tree.entries, third.tree.entries}
    assert all(files[head_path(tree_.index)] == tree_.head.encode() for tree_ in (first, second, third))


@pytest.mark.parametrize("death", [Death.BEFORE_SAVING, Death.IN_BETWEEN, Death.AFTER_SAVING])
def test_a_death_at_any_write_of_a_closing_day_is_rolled_forward_to_the_same_tree(death: Death) -> None:
    def day(deaths: Deaths, world: World) -> None:
        world.now = NOW + DAY
        trees = LabelTrees(world.store, world.files, policy=POLICY, every=DAY)
        plan = trees.due(size=1100, now=NOW + DAY)
        assert plan is None or plan == LabelPlan(1100, NOW + DAY)
        if plan is not None:
            trees.publish(plan, *world.log.append([trees.entry(plan)], now=NOW + DAY).receipts)

    def prepared() -> tuple[World, MemoryLogStore, MemoryTileStore, Deaths]:
        made = memory_world()
        made[0].log.append(entries(0, 1100), now=made[0].now)
        return made

    world, _, files, deaths = prepared()
    before = deaths.writes
    day(deaths, world)
    writes, expected = deaths.writes - before, dict(files.files)
    for at in range(writes):
        world, _, files, deaths = prepared()
        deaths.at = {before + at: death}
        try:
            day(deaths, world)
        except Unavailable:
            world.restarted()
            day(deaths, world)
        assert {path for path in files.files if path.startswith("labels/")} == {
            path for path in expected if path.startswith("labels/")
        }
        assert audited(files.files).is_verified
        assert found_in(world).next_counter == 0
        assert found_in(world, whole=True).tree.tree.size == 1100
