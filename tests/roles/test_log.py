"""The log's writer: what it acknowledges is public and stays, whatever dies, lies or is restored."""

from datetime import timedelta

import pytest

from diptych.errors import DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.tlog import evidence, tree
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.cosignature import CheckpointSigner
from diptych.formats.tlog.note import NoteSignature
from diptych.protocols.witnessing.add_checkpoint import SIZE_MEDIA_TYPE, Answer, answer_cosigned, parse_add_checkpoint
from diptych.roles.log.fakes import Death, MemoryLogStore
from diptych.roles.log.growth import Edge, edge_of, edge_tiles, inclusion_paths
from diptych.roles.log.model import Halted
from diptych.roles.witness.fakes import MemoryWitnessStore
from tests.formats import tlog_specimen
from tests.formats.tlog_specimen import NOW, ORIGIN, WITNESS_SIGNERS, files_of
from tests.log_world import POLICY, URLS, World, audited, entries, entry, memory_world, policy_of

# Growth


@pytest.mark.parametrize("batches", [[1], [255, 1], [256], [257], [1, 1, 254, 300], [700, 1, 67], [0, 3, 0]])
def test_files_are_those_that_the_entries_make_in_whatever_batches_they_come(batches: list[int]) -> None:
    acts = [f"entry {i}".encode() for i in range(sum(batches))]
    edge, written, at = Edge(), dict[str, bytes](), 0
    for count in batches:
        edge, made = edge.grown(acts[at : at + count])
        written |= {tile.path: data for tile, data in made.items()}
        at += count
    expected = files_of(acts)
    assert {path: written[path] for path in expected} == expected
    assert edge.root == tlog_specimen.checkpoint_of(acts).root
    assert edge_of(len(acts), tlog_specimen.reader(expected)) == edge
    assert {tile.path for tile in edge_tiles(len(acts))} <= expected.keys()


def test_a_tree_of_three_levels_grows_as_one_of_one() -> None:
    acts = [i.to_bytes(4, "big") for i in range(65_536 + 300)]
    whole, files = Edge().grown(acts)
    first, some = Edge().grown(acts[:65_000])
    second, more = first.grown(acts[65_000:])
    assert second == whole
    assert {tile.path: data for tile, data in files.items()}.items() <= {
        tile.path: data for tile, data in {**some, **more}.items()
    }.items()
    assert edge_of(len(acts), lambda tile: files[tile]) == whole


# The story


def test_an_act_gets_a_receipt_that_anyone_can_verify_and_the_log_verifies_whole() -> None:
    world, _, files, _ = memory_world()
    world.start()
    assert audited(files.files).size == 0
    first = world.append(entry(1), entry(2))
    second = world.append(entry(3))
    assert [receipt.index for receipt in (*first.receipts, *second.receipts)] == [0, 1, 2]
    report = audited(files.files)
    assert report.is_verified, report.failure
    assert report.size == report.checked == 3
    assert world.log.time == report.time == world.now


def test_the_same_act_sent_again_gets_its_receipt_again_and_stands_once() -> None:
    world, store, _, _ = memory_world()
    world.append(entry(1), entry(2))
    again = world.append(entry(2), entry(3), entry(2))
    assert [receipt.index for receipt in again.receipts] == [1, 2, 1]
    assert store.size() == 3


def test_partial_tiles_go_once_the_full_one_is_public() -> None:
    world, _, files, _ = memory_world()
    for start in range(0, 250, 50):
        world.append(*entries(start, start + 50))
    assert "tile/0/000.p/250" in files.files
    world.append(*entries(250, 260))
    assert not [path for path in files.files if "000.p/" in path and not path.startswith("tile/1")]
    assert audited(files.files).is_verified


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        (b"", "tlog.entry.length"),
        (b"x" * 70_000, "tlog.entry.length"),
        (entry(1)[:-1], "tlog.entry.length"),
        (b"\x02" + entry(1)[1:], "tlog.entry.version"),
    ],
)
def test_what_is_no_act_is_refused_by_name_and_nothing_of_its_batch_is_kept(bad: bytes, check: str) -> None:
    world, store, _, _ = memory_world()
    world.start()
    with pytest.raises(FormatError) as error:
        world.append(entry(1), bad)
    assert error.value.check == check
    assert store.size() == 0


def test_nothing_and_too_much_at_once_are_refused() -> None:
    world, _, _, _ = memory_world()
    for wrong in ([], entries(0, 1) * 5000):
        with pytest.raises(FormatError, match=r"log\.entries"):
            world.append(*wrong)


def test_an_act_of_a_day_that_has_not_come_is_refused() -> None:
    world, store, _, _ = memory_world()
    world.now = NOW - timedelta(days=3)
    with pytest.raises(Refused, match=r"log\.entry\.day"):
        world.append(entry(1))
    assert store.size() == 0


# Crashes


@pytest.mark.parametrize("death", Death)
@pytest.mark.parametrize("at", range(10))
@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "goes on"])
def test_a_death_at_any_write_loses_nothing_acknowledged_and_the_log_goes_on(
    at: int, death: Death, is_killed: bool
) -> None:
    world, store, files, deaths = memory_world()
    acknowledged = list(world.append(*entries(0, 255)).receipts)
    roots = {world.log.published.checkpoint.size: world.log.published.checkpoint.root}  # type: ignore[union-attr]
    deaths.at = {deaths.writes + at: death}
    sent = 255
    for count in (1, 2, 300, 1):
        acts = entries(sent, sent + count)
        try:
            appended = world.append(*acts)
        except Unavailable:
            if is_killed:
                world.restarted()
            world.start()
            appended = world.append(*acts)
        acknowledged += appended.receipts
        checkpoint = appended.checkpoint.checkpoint
        assert roots.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root
        sent += count
        report = audited(files.files)
        assert report.is_verified, report.failure
    assert store.kept == entries(0, sent)
    assert [receipt.index for receipt in acknowledged] == list(range(sent))
    for signed_size, root in roots.items():
        assert tlog_specimen.checkpoint_of(store.kept[:signed_size]).root == root


def test_what_was_committed_and_not_acknowledged_becomes_public_by_itself() -> None:
    world, _, files, deaths = memory_world()
    world.start()
    deaths.at = {deaths.writes: Death.AFTER_SAVING}
    with pytest.raises(Unavailable):
        world.append(entry(1))
    world.restarted()
    world.start()
    assert audited(files.files).size == 1
    assert world.append(entry(1)).receipts[0].index == 0


@pytest.mark.parametrize("lost", ["tile/0/000", "tile/entries/000", "tile/1/000.p/2", "tile/0/002.p/88", "checkpoint"])
def test_a_file_that_is_deleted_is_made_again(lost: str) -> None:
    world, _, files, _ = memory_world()
    world.append(*entries(0, 600))
    whole = dict(files.files)
    del files.files[lost]
    assert not audited(files.files).is_verified
    world.restarted()
    world.start()
    assert files.files.keys() == whole.keys()
    assert audited(files.files).is_verified


@pytest.mark.parametrize(
    "damaged", ["tile/0/000", "tile/entries/001", "tile/1/000.p/2", "tile/0/002.p/88", "tile/entries/002.p/88"]
)
def test_a_flipped_bit_is_named_by_verify_and_mended_from_the_entries(damaged: str) -> None:
    world, _, files, _ = memory_world()
    world.append(*entries(0, 600))
    whole = dict(files.files)
    files.files[damaged] = bytes([files.files[damaged][40] ^ 1]).join(
        (files.files[damaged][:40], files.files[damaged][41:])
    )
    report = audited(files.files)
    assert report.failure is not None
    assert report.failure.check in ("tlog.entry", "tlog.tile", "tlog.root")
    world.restarted().repair()
    world.start()
    assert {path: data for path, data in files.files.items() if path != "checkpoint"} == {
        path: data for path, data in whole.items() if path != "checkpoint"
    }
    assert audited(files.files).is_verified


def test_a_receipt_is_right_although_the_tile_under_it_is_damaged() -> None:
    world, _, files, _ = memory_world()
    world.append(*entries(0, 300))
    files.files["tile/0/000"] = bytes(8192)
    assert world.append(entry(7)).receipts[0].index == 7
    assert audited(files.files).is_verified


def test_files_that_do_not_hold_what_was_written_are_not_signed() -> None:
    world, store, files, _ = memory_world()
    world.start()
    honest = files.write
    files.write = lambda made: honest({path: bytes(len(data)) for path, data in made.items()})  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match=r"log\.read_back"):
        world.append(entry(1))
    signed = store.signed()
    assert signed is not None
    assert signed.checkpoint.size == 0
    files.write = honest  # type: ignore[method-assign]
    assert world.append(entry(1)).receipts[0].index == 0


# Witnesses


def test_a_dead_witness_delays_nothing() -> None:
    world, _, _, _ = memory_world()
    world.witnesses.silent.add(URLS[0])
    assert world.append(entry(1)).checkpoint.witnesses == (b"log/ML-DSA-44", *_both(1), *_both(2))
    assert (URLS[0], "log.witness.silent") in world.noticed


def test_without_a_quorum_nothing_is_acknowledged_and_nothing_piles_up() -> None:
    world, store, files, _ = memory_world()
    world.append(entry(1))
    before = files.files["checkpoint"]
    world.witnesses.silent |= set(URLS[:2])
    with pytest.raises(Unavailable, match=r"log\.quorum"):
        world.append(entry(2))
    with pytest.raises(Unavailable, match=r"log\.quorum"):
        world.append(entry(3))
    assert files.files["checkpoint"] == before
    assert store.kept == [entry(1), entry(2)]
    world.witnesses.silent.clear()
    assert [receipt.index for receipt in world.append(entry(3), entry(2)).receipts] == [2, 1]


def test_a_witness_that_missed_some_checkpoints_is_led_on_from_the_one_it_saw() -> None:
    world, _, _, _ = memory_world()
    world.append(entry(1))
    world.witnesses.silent.add(URLS[1])
    for number in range(2, 9):
        world.append(entry(number))
    world.witnesses.silent = {URLS[0]}
    assert world.append(entry(9)).checkpoint.witnesses[1:] == (*_both(1), *_both(2))


def test_a_witness_that_forgot_everything_is_led_on_from_nothing() -> None:
    world, _, _, _ = memory_world()
    world.append(*entries(0, 5))
    world.witness_stores = (*world.witness_stores[:2], MemoryWitnessStore())
    world.witnesses.silent.add(URLS[0])
    assert world.append(entry(9)).checkpoint.witnesses[1:] == (*_both(1), *_both(2))


def _both(number: int) -> tuple[bytes, bytes]:
    return f"w{number}/Ed25519".encode(), f"w{number}/ML-DSA-44".encode()


def _cosign_with(signers: tuple[CheckpointSigner, ...], body: bytes, world: World, shift: timedelta) -> Answer:
    checkpoint = parse_add_checkpoint(body).checkpoint.checkpoint
    return answer_cosigned([signer.sign(checkpoint, now=world.now + shift) for signer in signers])


def _forged(body: bytes) -> Answer:
    key = WITNESS_SIGNERS[0][0].verifier_key
    return answer_cosigned([NoteSignature(key.name, key.key_id, bytes(72))])


LIES = {
    "silence": lambda world, body: None,
    "nonsense": lambda world, body: Answer(200, "text/plain", b"\xff\x00"),
    "nothing": lambda world, body: Answer(200, "text/plain", b""),
    "forged": lambda world, body: _forged(body),
    "another key": lambda world, body: _cosign_with(WITNESS_SIGNERS[1], body, world, timedelta()),
    "half of its keys": lambda world, body: _cosign_with(WITNESS_SIGNERS[0][:1], body, world, timedelta()),
    "from tomorrow": lambda world, body: _cosign_with(WITNESS_SIGNERS[0], body, world, timedelta(days=1)),
    "from yesterday": lambda world, body: _cosign_with(WITNESS_SIGNERS[0], body, world, -timedelta(days=1)),
    "refuses": lambda world, body: Answer(422, "text/plain", b"no\n"),
    "knows no log": lambda world, body: Answer(404, "text/plain", b"no\n"),
    "always smaller": lambda world, body: Answer(409, SIZE_MEDIA_TYPE, b"0\n"),
    "always larger": lambda world, body: Answer(409, SIZE_MEDIA_TYPE, b"999999\n"),
    "no size": lambda world, body: Answer(409, SIZE_MEDIA_TYPE, b"many\n"),
    "broken": lambda world, body: Answer(500, "text/html", b"oops"),
}
SHOWN = {
    "nothing": lambda world: None,
    "nonsense": lambda world: b"\xff" * 100,
    "unsigned": lambda world: (
        tlog_specimen.cosigned(tlog_specimen.checkpoint_of([b"x"] * 99, ORIGIN), witnesses=(0,))
        .only_signed_by([WITNESS_SIGNERS[0][0].verifier_key])
        .encode()
    ),
    "another log's": lambda world: tlog_specimen.cosigned(tlog_specimen.checkpoint_of([], "other.example")).encode(),
}


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("lie", LIES)
def test_a_lying_witness_neither_stops_the_log_nor_counts(lie: str, shown: str) -> None:
    world, _, files, _ = memory_world()
    world.witnesses.ask = {**world.witnesses.ask, URLS[0]: lambda body: LIES[lie](world, body)}
    world.witnesses.show = {**world.witnesses.show, URLS[0]: lambda origin: SHOWN[shown](world)}
    for number in range(3):
        appended = world.append(entry(number))
        assert not set(_both(0)) <= set(appended.checkpoint.witnesses)
    assert audited(files.files).is_verified
    assert world.noticed or lie in ("half of its keys", "always smaller", "always larger")


def test_two_liars_of_three_stop_it_and_nothing_is_acknowledged() -> None:
    world, _, files, _ = memory_world()
    world.start()
    lies = {URLS[i]: lambda body: LIES["another key"](world, body) for i in (0, 1)}
    world.witnesses.ask = {**world.witnesses.ask, **lies}
    # The answers of the first are signed by the keys of the second, and count for nobody.
    lies[URLS[1]] = lambda body: LIES["forged"](world, body)
    world.witnesses.ask = {**world.witnesses.ask, **lies}
    with pytest.raises(Unavailable, match=r"log\.quorum"):
        world.append(entry(1))
    assert audited(files.files).size == 0


def test_the_logs_time_does_not_go_back() -> None:
    world, _, _, _ = memory_world()
    world.append(entry(1))
    before = world.log.time
    assert before is not None
    world.now -= timedelta(minutes=2)
    with pytest.raises((Unavailable, Halted)):
        world.append(entry(2))
    assert world.log.time == before
    world.now += timedelta(minutes=3)
    world.append(entry(2))
    assert world.log.time > before


# Histories


def test_a_restored_old_database_is_refused_before_anything_is_signed() -> None:
    world, store, files, _ = memory_world()
    world.append(*entries(0, 5))
    backup = MemoryLogStore(list(store.kept), store.checkpoint), dict(files.files)
    world.append(entry(5))
    world.store, files.files = backup
    with pytest.raises(Halted, match=r"log\.rolled_back") as error:
        world.restarted().start(now=world.now)
    assert error.value.shown is not None
    assert error.value.shown.checkpoint.size == 6
    assert world.store.size() == 5
    with pytest.raises(Halted, match=r"log\.rolled_back"):
        world.append(entry(6))


def test_a_restored_old_database_beside_the_newest_files_is_refused_without_any_witness() -> None:
    world, store, _, _ = memory_world()
    world.append(*entries(0, 5))
    old = MemoryLogStore(list(store.kept), store.checkpoint)
    world.append(entry(5))
    world.store = old
    world.witnesses.silent |= set(URLS)
    with pytest.raises(Halted, match=r"log\.rolled_back"):
        world.restarted().start(now=world.now)


def test_a_log_does_not_start_while_those_who_are_silent_could_have_seen_more() -> None:
    world, store, files, _ = memory_world()
    world.append(*entries(0, 5))
    backup = MemoryLogStore(list(store.kept), store.checkpoint), dict(files.files)
    world.append(entry(5))
    world.store, files.files = backup
    world.witnesses.silent |= set(URLS[:2])
    with pytest.raises(Unavailable, match=r"log\.start"):
        world.restarted().start(now=world.now)
    world.witnesses.silent = {URLS[0]}
    with pytest.raises(Halted, match=r"log\.rolled_back"):
        world.log.start(now=world.now)


def test_two_copies_of_one_log_end_with_evidence_that_convinces_a_third_party() -> None:
    world, store, files, _ = memory_world()
    world.append(*entries(0, 5))
    copy = World(MemoryLogStore(list(store.kept), store.checkpoint), type(files)(dict(files.files)), now=world.now)
    copy.witness_stores, copy.witnesses = world.witness_stores, world.witnesses
    copy.restarted().start(now=world.now)
    world.append(entry(100))
    with pytest.raises(Halted, match=r"log\.forked") as error:
        copy.append(entry(200), entry(201))
    assert error.value.fork is not None
    parsed = evidence.parse_evidence(evidence.encode_evidence(error.value.fork))
    assert evidence.verify_evidence(parsed, policy=POLICY).check == "tlog.fork"
    world.append(entry(101))


def test_a_second_writer_on_the_same_database_is_noticed_before_it_writes() -> None:
    world, store, _, _ = memory_world()
    world.start()
    first = world.log
    second = world.restarted()
    second.start(now=world.now)
    second.append([entry(1)], now=world.now)
    with pytest.raises(Halted, match=r"log\.second_writer"):
        first.append([entry(2)], now=world.now)
    assert store.kept == [entry(1)]


def test_a_database_that_lost_or_changed_entries_is_refused() -> None:
    for damage in (lambda kept: kept[:3], lambda kept: [entry(77), *kept[1:]]):
        world, store, files, _ = memory_world()
        world.append(*entries(0, 5))
        store.kept = damage(store.kept)
        files.files = {"checkpoint": files.files["checkpoint"]}
        with pytest.raises(Halted, match=r"log\.database"):
            world.restarted().start(now=world.now)


def test_another_logs_checkpoint_in_the_folder_is_replaced() -> None:
    world, _, files, _ = memory_world()
    world.append(entry(1))
    for planted in (tlog_specimen.cosigned(tlog_specimen.checkpoint_of([b"x"], "other.example")).encode(), b"junk"):
        files.files["checkpoint"] = planted
        world.restarted()
        world.start()
        assert parse_signed_checkpoint(files.files["checkpoint"]).checkpoint.size == 1
        assert audited(files.files).is_verified


def test_under_a_quorum_of_one_nobody_may_be_silent_at_the_start() -> None:
    world = World(policy=policy_of(threshold=1))
    world.witnesses.silent = {URLS[2]}
    with pytest.raises(DiptychError, match=r"log\.start"):
        world.start()


@pytest.mark.parametrize("size", [1, 2, 7, 256, 300, 1000])
def test_paths_made_together_are_those_made_one_by_one(size: int) -> None:
    acts = [str(i).encode() for i in range(size)]
    leaves = [tree.leaf_hash(act) for act in acts]
    node = tree.memory_nodes(leaves)
    root, files = tree.root(size, node), files_of(acts)
    read = tlog_specimen.reader(files)
    wanted = dict(list(enumerate(leaves))[:: max(1, size // 9)])
    found = inclusion_paths(wanted, size=size, root=root, read=read)
    assert found == {index: tree.build_inclusion_proof(index, size, node) for index in wanted}
    assert inclusion_paths({}, size=size, root=root, read=read) == {}
    with pytest.raises(VerificationError):
        inclusion_paths(wanted, size=size, root=bytes(32), read=read)
    with pytest.raises(VerificationError):
        inclusion_paths({**wanted, 0: bytes(32)}, size=size, root=root, read=read)


def test_paths_out_of_a_damaged_tile_are_refused() -> None:
    acts = [str(i).encode() for i in range(1000)]
    leaves, files = [tree.leaf_hash(act) for act in acts], files_of(acts)
    root = tree.root(len(acts), tree.memory_nodes(leaves))
    for path, data in files.items():
        if not path.startswith("tile/entries"):
            damaged = {**files, path: data[:40] + bytes([data[40] ^ 1]) + data[41:]}
            with pytest.raises(VerificationError, match=r"log\.file"):
                inclusion_paths(dict(enumerate(leaves)), size=len(acts), root=root, read=tlog_specimen.reader(damaged))
