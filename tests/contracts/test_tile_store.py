"""`TileStore`: in memory, in a folder, in an S3-compatible store. Whole files, durable when it says so."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.adapters.tile_bucket import CLAIM, TileBucket
from diptych.adapters.tile_folder import TileFolder
from diptych.errors import Conflict, FormatError, Unavailable
from diptych.roles.log.fakes import MemoryTileStore
from diptych.roles.log.ports import TileStore
from tests.buckets import BUCKET, REGION, running_store
from tests.log_world import World, audited, entries


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with running_store() as url:
        yield url


def bucket(url: str, prefix: str) -> TileBucket:
    return TileBucket(f"s3://{BUCKET}/{prefix}", endpoint=url, region=REGION)


@pytest.fixture(params=["memory", "folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TileStore]:
    if request.param == "memory":
        yield MemoryTileStore()
    elif request.param == "folder":
        yield TileFolder(tmp_path / "public")
    else:
        made = bucket(request.getfixturevalue("store"), tmp_path.name)
        yield made
        made.close()


def test_files_are_written_read_and_replaced(files: TileStore) -> None:
    assert files.read("tile/0/000.p/1") is None
    assert not files.has("tile/0/000.p/1")
    files.write({"tile/0/000.p/1": b"one", "checkpoint": b"a"})
    files.write({"tile/0/000.p/1": b"one", "checkpoint": b"b"})
    assert (files.read("tile/0/000.p/1"), files.read("checkpoint")) == (b"one", b"b")
    assert files.has("tile/0/000.p/1")
    assert not files.has("tile/0/000")
    assert files.read("checkpoint/below") is None


def test_partial_tiles_are_dropped_and_nothing_else(files: TileStore) -> None:
    files.write(dict.fromkeys(("tile/0/000.p/1", "tile/0/000.p/2", "tile/0/000", "tile/0/001.p/1"), b"x"))
    files.drop(["tile/0/000", "tile/0/777"])
    assert not files.has("tile/0/000.p/2")
    assert files.has("tile/0/000")
    assert files.has("tile/0/001.p/1")
    files.write({"tile/0/000.p/3": b"x"})
    assert files.has("tile/0/000.p/3")


def test_label_shards_are_forgotten_and_nothing_else(files: TileStore) -> None:
    files.write(dict.fromkeys(("labels/7/all", "labels/7/x001/000", "labels/70/all", "labels/latest"), b"x"))
    files.forget("labels/7")
    files.forget("labels/8")
    assert not files.has("labels/7/all")
    assert not files.has("labels/7/x001/000")
    assert files.has("labels/70/all")
    files.write({"labels/7/all": b"y"})
    assert files.read("labels/7/all") == b"y"


def test_a_folder_that_cannot_be_written_is_unavailable_and_leaves_nothing_half(tmp_path: Path) -> None:
    (tmp_path / "tile").write_text("in the way")
    files = TileFolder(tmp_path)
    with pytest.raises(Unavailable):
        files.write({"tile/0/000": b"x"})
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(Unavailable):
        files.write({"checkpoint": b"x"})
    with pytest.raises(Unavailable):
        files.read("checkpoint")
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "tile"]
    with pytest.raises(FormatError):
        files.drop(["checkpoint"])
    with pytest.raises(FormatError):
        files.forget("tile")


def test_a_file_and_its_name_are_synced_before_write_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    honest = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}").removeprefix(str(tmp_path)))
        honest(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    files = TileFolder(tmp_path)
    files.write({"tile/0/000": b"x"})
    assert synced[0] == "/tile/0/000.new"
    assert set(synced[1:]) == {"/tile/0", "/tile", ""}
    synced.clear()
    files.write({"tile/0/001": b"x", "checkpoint": b"y"})
    assert set(synced[:2]) == {"/tile/0/001.new", "/checkpoint.new"}
    assert set(synced[2:]) == {"/tile/0", ""}


def test_a_place_in_a_bucket_belongs_to_one_log_for_good(store: str) -> None:
    first, second = bucket(store, "claimed"), bucket(store, "claimed")
    for _ in range(2):
        first.claim("log.utopia.example/acts")
    with pytest.raises(Conflict) as refused:
        second.claim("another.example")
    assert refused.value.check == "log.bucket"
    assert second.read(CLAIM) == b"log.utopia.example/acts"
    bucket(store, "claimed-beside").claim("another.example")
    first.close()
    second.close()


def test_what_can_be_cached_for_ever_says_so_and_what_changes_does_not(store: str) -> None:
    files = bucket(store, "served")
    files.write(dict.fromkeys(("tile/0/000", "labels/7/all", "labels/latest", "checkpoint"), b"x"))
    caching = {
        path: files._client.head_object(Bucket=BUCKET, Key=f"served/{path}")["CacheControl"]
        for path in ("tile/0/000", "labels/7/all", "labels/latest", "checkpoint")
    }
    assert [path for path, said in caching.items() if "immutable" in said] == ["tile/0/000", "labels/7/all"]
    assert caching["checkpoint"] == caching["labels/latest"] == "no-cache"
    files.close()


def test_a_store_that_is_not_there_refuses_or_knows_no_such_bucket_is_unavailable(store: str) -> None:
    elsewhere = TileBucket("s3://utopia-nowhere", endpoint=store, region=REGION)
    away = TileBucket(f"s3://{BUCKET}", endpoint="http://127.0.0.1:9", region=REGION)
    for files in (elsewhere, away):
        for act in (
            lambda files=files: files.write({"checkpoint": b"x"}),
            lambda files=files: files.claim("log.example"),
            lambda files=files: files.forget("labels/7"),
        ):
            with pytest.raises(Unavailable):
                act()
        files.close()
    with pytest.raises(Unavailable):
        away.read("checkpoint")
    for place in ("public", "s3://", "s3:///prefix"):
        with pytest.raises(FormatError):
            TileBucket(place, endpoint=store, region=REGION)


def test_a_log_in_a_bucket_is_written_closed_and_verified_from_there(store: str) -> None:
    files = bucket(store, "log")
    world = World(files=files)
    for start in (0, 250, 290):
        world.append(*entries(start, start + 40))
    world.close_day()
    pages = files._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="log/")
    paths = [found["Key"].removeprefix("log/") for page in pages for found in page["Contents"]]
    held = {path: data for path in paths if (data := files.read(path)) is not None}
    assert audited(held).is_verified
    assert "tile/0/000" not in paths
    files.close()


def test_a_log_in_a_folder_verifies_there(tmp_path: Path) -> None:
    world = World(files=TileFolder(tmp_path))
    for start in (0, 250, 290, 600):
        world.append(*entries(start, start + 40))
    found = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert audited(found).is_verified
