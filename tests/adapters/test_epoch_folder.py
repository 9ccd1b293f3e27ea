"""Epochs as files: made on several cores, published in one move, whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.epoch_folder import Cores, EpochFolder, Made, Published, Workshop, read_file
from diptych.adapters.fast_suite_keys import FastSuiteKeys
from diptych.crypto.bls12381 import encode_scalar, random_scalars
from diptych.crypto.fast_suite.tokens import verify_token
from diptych.errors import Conflict, FormatError, Refused, Unavailable
from diptych.formats.bbs_credential.epoch import (
    accepted,
    bucket_of,
    bucket_path,
    digests_path,
    entry_tag,
    find_tokens,
    verify_bucket,
    verify_list,
)
from diptych.formats.order.standing import Standing
from diptych.private import Secret
from diptych.protocols.reading.epochs import EpochsInLog
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.issuer.epochs import EpochLog, Share
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.model import Enrolment
from diptych.roles.issuer.status_model import OrderStanding
from diptych.roles.log.fakes import MemoryTileStore
from tests.log_world import POLICY, World
from tests.recording import RecordingInProcess

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def filled(count: int) -> tuple[MemoryIssuerStore, list[int]]:
    store, ids = MemoryIssuerStore(), random_scalars(count, os.urandom)
    with store.transaction() as state:
        for number, one in enumerate(ids):
            state.save_enrolment(
                Enrolment(number.to_bytes(16, "big"), "proof-of-age", b"C" * 48, encode_scalar(one), NOW + 9 * DAY)
            )
    return store, ids


@pytest.fixture
def epochs(tmp_path: Path) -> EpochFolder:
    keys = FastSuiteKeys(tmp_path, "https://issuer.example")
    keys.ensure(load_catalogue(), entropy=os.urandom)
    return EpochFolder(tmp_path, keys)


def publish(
    epochs: EpochFolder,
    store: MemoryIssuerStore,
    now: datetime = NOW,
    *,
    workshop: Workshop | None = None,
    **more: object,
) -> Published:
    values: dict[str, object] = {"length": DAY, "ends_earlier": False, "stopwatch": lambda: 0.0, "log": None, **more}
    return epochs.publish(store, now=now, entropy=os.urandom, workshop=workshop or Cores(1), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_id_that_stands_has_its_token_in_its_bucket(epochs: EpochFolder, workers: int) -> None:
    store, ids = filled(1_200)
    seen: list[tuple[int, int]] = []
    found = publish(epochs, store, workshop=Cores(workers), progress=lambda done, of: seen.append((done, of)))
    assert (found.count, found.files, found.epoch.bits) == (1_200, 4, 2)
    assert seen[-1] == (1_200, 1_200)
    for one in ids[::97]:
        bucket = read_file(epochs.folder, f"/epochs/{found.epoch.name}/{bucket_of(one, 2):06x}")
        assert bucket is not None
        (token,) = find_tokens(bucket, entry_tag(one, found.epoch.name))
        verify_token(found.epoch.key, one, token)


def test_nobody_learns_an_id_or_the_key_from_the_files(epochs: EpochFolder) -> None:
    store, ids = filled(20)
    publish(epochs, store)
    data = b"".join(path.read_bytes() for path in (epochs.folder / "epochs").rglob("*") if path.is_file())
    assert not any(encode_scalar(one) in data for one in ids)
    assert not any(encode_scalar(one)[:8] in data for one in ids)


def test_two_publications_make_two_epochs_and_the_oldest_goes(epochs: EpochFolder) -> None:
    store, _ = filled(3)
    names = [publish(epochs, store, NOW + number * DAY).epoch.name for number in range(6)]
    listed = epochs.listed(now=NOW + 5 * DAY)
    assert [one.name for one in listed] == names[:1:-1]
    assert [one.name for one in accepted(listed, now=NOW + 5 * DAY)] == [names[5], names[4]]
    folders = {path.name for path in (epochs.folder / "epochs").iterdir() if path.is_dir()}
    assert folders == set(names[2:])
    with pytest.raises(Conflict):
        publish(epochs, store, NOW + 5 * DAY)


class Failing:
    """A workshop that ends after the first share."""

    workers = 1

    def buckets(self, secret: Secret, work: Iterator[Share]) -> Iterator[Made]:
        yield from list(Cores(1).buckets(secret, work))[:0]


def test_what_was_not_made_whole_is_not_published(epochs: EpochFolder) -> None:
    store, _ = filled(3)
    first = publish(epochs, store)
    with pytest.raises(FormatError, match="nothing is published"):
        publish(epochs, store, NOW + DAY, workshop=Failing())
    assert [one.name for one in epochs.listed(now=NOW)] == [first.epoch.name]
    assert {path.name for path in (epochs.folder / "epochs").iterdir()} == {first.epoch.name, "epochs.json"}


def test_what_a_killed_publication_left_is_cleared(epochs: EpochFolder) -> None:
    store, _ = filled(3)
    (epochs.folder / "epochs" / ".20261128T120000Z").mkdir(parents=True)
    (epochs.folder / "epochs" / "20261101T000000Z").mkdir()
    found = publish(epochs, store)
    assert {path.name for path in (epochs.folder / "epochs").iterdir()} == {found.epoch.name, "epochs.json"}


def test_an_epoch_of_a_second_or_a_year_is_refused(epochs: EpochFolder) -> None:
    for length in (timedelta(seconds=1), timedelta(days=365)):
        with pytest.raises(Refused):
            publish(epochs, MemoryIssuerStore(), length=length)
    assert epochs.listed(now=NOW) == ()


def test_an_empty_issuer_publishes_an_empty_bucket(epochs: EpochFolder) -> None:
    found = publish(epochs, MemoryIssuerStore())
    assert (found.count, found.files) == (0, 1)
    assert read_file(epochs.folder, f"/epochs/{found.epoch.name}/000000") == b""


@pytest.mark.parametrize(
    "path", ["/epochs/../keys.json", "/epochs/x/../../keys.json", "/keys.json", "/epochs/a/b/c", "/epochs/.a/b"]
)
def test_nothing_else_is_served(epochs: EpochFolder, path: str) -> None:
    publish(epochs, MemoryIssuerStore())
    assert read_file(epochs.folder, path) is None


def test_a_revocation_that_is_public_counts_in_the_next_epoch_before_the_lists_say_so(epochs: EpochFolder) -> None:
    store, _ = filled(3)
    revoked = OrderStanding((1).to_bytes(16, "big"), Standing.REVOKED, "stolen", NOW, b"d" * 32)
    with store.transaction() as state:
        state.status.save_standing(revoked)
    assert publish(epochs, store).count == 2
    # A suspension that its officer took back.
    suspended = OrderStanding((2).to_bytes(16, "big"), Standing.SUSPENDED, "lost", NOW, b"d" * 32)
    with store.transaction() as state:
        state.status.save_standing(suspended)
    assert publish(epochs, store, NOW + DAY).count == 1
    with store.transaction() as state:
        state.status.save_standing(replace(suspended, standing=Standing.REINSTATED))
    assert publish(epochs, store, NOW + 2 * DAY).count == 2


# The public log


@pytest.fixture
def log() -> tuple[EpochLog, RecordingInProcess]:
    files = MemoryTileStore()
    recorder = RecordingInProcess(World(files=files, policy=POLICY, now=NOW + 9 * DAY))
    return EpochLog(recorder, POLICY, MemoryLogFiles(files.files)), recorder


def look(log: EpochLog, epochs: EpochFolder, now: datetime) -> None:
    """As any reader does."""
    data = read_file(epochs.folder, "/epochs")
    public = epochs.keys.public()
    assert data is not None
    assert public is not None
    listed = verify_list(data, signer=public.epoch_signer, expected_issuer=public.url, now=now)
    EpochsInLog(log.files, POLICY).check(listed)


def test_each_epoch_is_published_with_its_receipt_under_the_next_number(
    epochs: EpochFolder, log: tuple[EpochLog, RecordingInProcess]
) -> None:
    store, _ = filled(3)
    for number in range(6):
        found = publish(epochs, store, NOW + number * DAY, log=log[0]).epoch
        assert (found.number, found.since) == (number, max(0, number - 3))
        look(log[0], epochs, NOW + number * DAY)
    found = publish(epochs, store, NOW + 6 * DAY, log=log[0], ends_earlier=True).epoch
    assert (found.number, found.since) == (6, 6)
    found = publish(epochs, store, NOW + 7 * DAY, log=log[0]).epoch
    assert (found.number, found.since) == (7, 6)
    look(log[0], epochs, NOW + 7 * DAY)


def test_the_digests_that_are_served_are_those_that_the_epoch_is_signed_with(epochs: EpochFolder) -> None:
    store, _ = filled(1_200)
    found = publish(epochs, store)
    digests = read_file(epochs.folder, digests_path(found.epoch.name))
    assert digests is not None
    for number in range(4):
        bucket = read_file(epochs.folder, bucket_path(found.epoch.name, number))
        assert bucket is not None
        verify_bucket(bucket, number, digests=digests, epoch=found.epoch)


@pytest.mark.parametrize("when", ["fails", "loses"])
def test_an_epoch_is_not_published_before_the_log_has_it_and_is_finished_once_it_answers(
    epochs: EpochFolder, log: tuple[EpochLog, RecordingInProcess], when: str
) -> None:
    store, _ = filled(3)
    first = publish(epochs, store, log=log[0]).epoch
    getattr(log[1], when).append(Unavailable("recorder.unreachable", "down"))
    with pytest.raises(Unavailable):
        publish(epochs, store, NOW + DAY, log=log[0])
    assert epochs.listed(now=NOW + DAY) == (first,)
    # The process died there, or the log was down: whoever looks next finishes it, once.
    for _ in range(2):
        epochs.finish(log[0], now=NOW + DAY)
    assert [one.number for one in epochs.listed(now=NOW + DAY)] == [1, 0]
    look(log[0], epochs, NOW + DAY)
    third = publish(epochs, store, NOW + 2 * DAY, log=log[0]).epoch
    assert third.number == 2
    look(log[0], epochs, NOW + 2 * DAY)


def test_what_waits_for_the_log_comes_before_any_other_epoch(
    epochs: EpochFolder, log: tuple[EpochLog, RecordingInProcess]
) -> None:
    store, _ = filled(3)
    log[1].fails.append(Unavailable("recorder.unreachable", "down"))
    with pytest.raises(Unavailable):
        publish(epochs, store, log=log[0])
    assert publish(epochs, store, NOW + DAY, log=log[0]).epoch.number == 1
    look(log[0], epochs, NOW + DAY)


def test_a_kill_after_the_list_was_replaced_publishes_nothing_twice(
    epochs: EpochFolder, log: tuple[EpochLog, RecordingInProcess]
) -> None:
    store, _ = filled(3)
    log[1].fails.append(Unavailable("recorder.unreachable", "down"))
    with pytest.raises(Unavailable):
        publish(epochs, store, log=log[0])
    waiting = epochs.folder / "epochs" / "waiting.json"
    kept = waiting.read_bytes()
    epochs.finish(log[0], now=NOW)
    waiting.write_bytes(kept)
    epochs.finish(log[0], now=NOW)
    assert [one.number for one in epochs.listed(now=NOW)] == [0]
    assert not waiting.exists()
    look(log[0], epochs, NOW)


def test_a_folder_that_came_back_counts_on_from_the_log_and_ends_what_it_forgot(
    epochs: EpochFolder, log: tuple[EpochLog, RecordingInProcess]
) -> None:
    store, _ = filled(3)
    publish(epochs, store, log=log[0])
    publish(epochs, store, NOW + DAY, log=log[0])
    shutil.rmtree(epochs.folder / "epochs")  # no backup has it
    found = publish(epochs, store, NOW + 2 * DAY, log=log[0]).epoch
    assert (found.number, found.since) == (2, 2)
    look(log[0], epochs, NOW + 2 * DAY)


def test_an_epoch_that_waits_for_a_log_is_not_published_without_one(
    epochs: EpochFolder, log: tuple[EpochLog, RecordingInProcess]
) -> None:
    store, _ = filled(3)
    log[1].fails.append(Unavailable("recorder.unreachable", "down"))
    with pytest.raises(Unavailable):
        publish(epochs, store, log=log[0])
    with pytest.raises(Unavailable) as refused:
        epochs.finish(None, now=NOW)
    assert refused.value.check == "epoch.log"
    assert epochs.listed(now=NOW) == ()
