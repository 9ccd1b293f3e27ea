"""`TileStore`: in memory and in a folder. Whole files, on disk when it says so."""

import os
from pathlib import Path

import pytest

from diptych.adapters.tile_folder import TileFolder
from diptych.errors import FormatError, Unavailable
from diptych.roles.log.fakes import MemoryTileStore
from diptych.roles.log.ports import TileStore
from tests.log_world import World, audited, entries


@pytest.fixture(params=["memory", "folder"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> TileStore:
    return MemoryTileStore() if request.param == "memory" else TileFolder(tmp_path / "public")


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


def test_a_log_in_a_folder_verifies_there(tmp_path: Path) -> None:
    world = World(files=TileFolder(tmp_path))
    for start in (0, 250, 290, 600):
        world.append(*entries(start, start + 40))
    found = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert audited(found).is_verified
