"""A monitor follows a log: what goes on is followed, what does not is named, with evidence where there is any."""

from typing import cast

import pytest

from diptych.errors import VerificationError
from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.formats.tlog.evidence import encode_evidence, parse_evidence, verify_evidence
from diptych.formats.tlog.label_tree import leaves_of
from diptych.formats.tlog.policy import VerifiedCheckpoint
from diptych.protocols.reading.files import entries_of
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.auditor.monitor import Look, look
from diptych.roles.log import labels as label_writer
from diptych.roles.log.fakes import MemoryTileStore
from tests.formats import tlog_specimen
from tests.formats.tlog_specimen import checkpoint_of, cosigned, log_files
from tests.log_world import POLICY, World, entries


def at(files: dict[str, bytes], last: SignedCheckpoint | None = None) -> Look:
    return look(MemoryLogFiles(files, is_listed=False), policy=POLICY, last=last)


def seen(files: dict[str, bytes], last: SignedCheckpoint | None = None) -> VerifiedCheckpoint:
    found = at(files, last)
    assert found.checkpoint is not None, found.failure
    return found.checkpoint


def test_a_log_that_grows_is_followed_and_its_new_entries_are_read() -> None:
    world = World()
    files = cast(MemoryTileStore, world.files).files
    world.start()
    last, read = None, list[bytes]()
    for count in (0, 1, 254, 1, 0, 300):
        if count:
            world.append(*entries(len(read), len(read) + count))
        checkpoint = seen(files, last)
        new = list(entries_of(MemoryLogFiles(files), checkpoint, start=len(read)))
        assert [index for index, _ in new] == list(range(len(read), len(read) + count))
        read += [entry for _, entry in new]
        last = checkpoint.signed
    assert read == entries(0, 556)


@pytest.mark.parametrize("sizes", [(5, 5), (5, 9), (256, 300), (1, 300)])
def test_two_histories_leave_evidence_that_convinces_a_third_party(sizes: tuple[int, int]) -> None:
    first = cosigned(checkpoint_of([b"other", *entries(1, sizes[0])]))
    found = at(log_files(entries(0, sizes[1])), first)
    assert found.checkpoint is None
    assert found.failure is not None
    assert found.failure.check == "tlog.fork"
    assert found.evidence is not None
    assert (
        verify_evidence(parse_evidence(encode_evidence(found.evidence)), policy=tlog_specimen.POLICY).check
        == "tlog.fork"
    )


def test_a_log_that_shrinks_disappears_or_is_another_is_named() -> None:
    now = log_files(entries(0, 5))
    for last, files, check in (
        (cosigned(checkpoint_of(entries(0, 9))), now, "tlog.stale"),
        (cosigned(checkpoint_of(entries(0, 3), "other.example")), now, "tlog.checkpoint.origin"),
        (cosigned(checkpoint_of(entries(0, 3))), {}, "tlog.file.absent"),
        (cosigned(checkpoint_of(entries(0, 3))), {"checkpoint": now["checkpoint"]}, "tlog.file.absent"),
        (None, {"checkpoint": now["checkpoint"][:-30]}, "tlog.note"),
        (None, {"checkpoint": cosigned(checkpoint_of(entries(0, 3)), witnesses=(0,)).encode()}, "tlog.policy.quorum"),
    ):
        found = at(files, last)
        assert found.failure is not None
        assert found.failure.check == check
    damaged = {**now, "tile/0/000.p/5": bytes(160)}
    found = at(damaged, cosigned(checkpoint_of(entries(0, 3))))
    assert found.failure is not None
    assert found.failure.check.startswith("tlog.consistency")
    assert found.evidence is None


def test_an_entry_that_is_not_in_the_tree_is_not_read() -> None:
    now = log_files(entries(0, 5))
    bundle = "tile/entries/000.p/5"
    damaged = {**now, bundle: now[bundle][:-1] + b"x"}
    with pytest.raises(VerificationError, match=r"tlog\.inclusion"):
        list(entries_of(MemoryLogFiles(damaged), seen(damaged), start=2))


def test_a_label_tree_is_made_again_at_the_look_after_it_and_a_false_one_is_named_with_evidence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def looked(world: World, last: SignedCheckpoint | None) -> Look:
        files = MemoryLogFiles(cast(MemoryTileStore, world.files).files, is_listed=False)
        return look(files, policy=POLICY, last=last, labels=True)

    world = World()
    world.append(*entries(0, 300))
    before = looked(world, None)
    assert before.checkpoint is not None
    world.close_day()
    honest = looked(world, before.checkpoint.signed)
    assert honest.checkpoint is not None
    monkeypatch.setattr(label_writer, "leaves_of", lambda acts: leaves_of(acts)[1:])
    world.close_day()
    found = looked(world, honest.checkpoint.signed)
    assert found.failure is not None
    assert found.evidence is not None
    assert found.failure.check == "tlog.labels"
    assert verify_evidence(parse_evidence(encode_evidence(found.evidence)), policy=POLICY) == found.failure
    assert look(
        MemoryLogFiles(cast(MemoryTileStore, world.files).files), policy=POLICY, last=honest.checkpoint.signed
    ).checkpoint  # who does not make trees again does not notice
    cast(MemoryTileStore, world.files).files["labels/latest"] = b"nonsense"
    damaged = looked(world, honest.checkpoint.signed)
    assert damaged.failure is not None
    assert "label tree" in damaged.failure.message
