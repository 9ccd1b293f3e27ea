"""Tiles and bundles: paths of the specification, files of every size, nodes out of tiles."""

import pytest

from diptych.errors import FormatError
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.tile import Tile, parse_path
from tests.formats.tlog_specimen import files_of, reader, subtree
from tests.vectors_folder import published


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 1234067), "tile/1/x001/x234/067"),
        (Tile(None, 999), "tile/entries/999"),
        (Tile(None, 1000, 255), "tile/entries/x001/000.p/255"),
        (Tile(2, 0, 1), "tile/2/000.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/000\n",
        "tile/0/\u0663\u0663\u0663",
        "tile/7/x999/x999/999",
        "tile/data/000",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(FormatError, match=r"tlog\.tile\.path"):
        parse_path(path)


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() -> None:
    found = list(tiles.tiles_of(70_000))
    assert [t for t in found if t.level == 0 and t.is_full] == [Tile(0, i) for i in range(273)]
    assert [t for t in found if not t.is_full or t.level] == [
        Tile(0, 273, 112),
        Tile(1, 0),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert list(tiles.tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles.tiles_of(0)) == []
    assert list(tiles.bundles_of(257)) == [Tile(None, 0), Tile(None, 1, 1)]


def test_there_is_no_tile_beyond_the_tree() -> None:
    with pytest.raises(FormatError, match=r"tlog\.tile\.index"):
        tiles.tile_at(0, 1, 256)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 700])
def test_nodes_come_out_of_tiles(size: int) -> None:
    entries = [i.to_bytes(2, "big") for i in range(size)]
    leaves = [tree.leaf_hash(entry) for entry in entries]
    node = tiles.tile_nodes(size, reader(files_of(entries)))
    root = tree.root(size, node)
    assert root == subtree(leaves)
    for index in {0, size // 2, size - 1}:
        proof = tree.build_inclusion_proof(index, size, node)
        tree.verify_inclusion(leaves[index], index=index, proof=proof, size=size, expected_root=root)
    for old in {1, size // 2 or 1, max(1, size - 1), size}:
        proof = tree.build_consistency_proof(old, size, node)
        tree.verify_consistency(old_size=old, old_root=subtree(leaves[:old]), new_size=size, new_root=root, proof=proof)


def test_the_published_bundles_and_tiles_are_read() -> None:
    folder = published("tlog/15-leaf-log")
    for width in range(1, 16):
        data = (folder / Tile(None, 0, width).path).read_bytes()
        entries = tiles.parse_bundle(data, width=width)
        assert tiles.encode_bundle(entries) == data
        hashes = tiles.check_tile((folder / Tile(0, 0, width).path).read_bytes(), width=width)
        assert hashes == b"".join(tree.leaf_hash(entry) for entry in entries)


BUNDLE = tiles.encode_bundle([b"one", b"", b"three"])


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (BUNDLE, 2),
        (BUNDLE, 4),
        (BUNDLE[:-1], 3),
        (BUNDLE + b"\x00", 3),
        (BUNDLE + b"\x00\x00", 3),
        (b"\x00" + BUNDLE, 3),
        (b"", 1),
        (b"\x00", 1),
        (b"\x00\x02a", 1),
    ],
)
def test_other_bundles_are_refused(data: bytes, width: int) -> None:
    with pytest.raises(FormatError, match=r"tlog\.bundle"):
        tiles.parse_bundle(data, width=width)


def test_an_oversize_entry_is_refused() -> None:
    assert tiles.parse_bundle(tiles.encode_bundle([bytes(65535)]), width=1) == (bytes(65535),)
    with pytest.raises(FormatError, match=r"tlog\.entry\.length"):
        tiles.encode_bundle([bytes(65536)])


def test_a_tile_of_another_length_is_refused() -> None:
    with pytest.raises(FormatError, match=r"tlog\.tile\.length"):
        tiles.check_tile(bytes(33), width=1)
