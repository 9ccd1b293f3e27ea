"""How a log's files grow: the right edge of its tree, and the files that change when entries are appended.

Every file is a function of the entries alone, so whoever has those can make any of them again. Where files and entries
are kept is left to the ports.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from diptych.errors import VerificationError
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.tile import HEIGHT, WIDTH, Tile
from diptych.formats.tlog.tree import HASH_BYTES

TILE_BYTES = WIDTH * HASH_BYTES

_Path = tuple[bytes, ...]
_Range = tuple[int, int, list[int], bytes, _Path]


@dataclass(frozen=True)
class Edge:
    """The first `size` entries' right edge: what its incomplete tiles hold, one per level, and the last bundle."""

    size: int = 0
    bundle: tuple[bytes, ...] = ()
    levels: tuple[bytes, ...] = ()

    @property
    def root(self) -> bytes:
        """The root hash over all entries so far: the edge alone determines it."""
        return tree.root(self.size, tiles.tile_nodes(self.size, lambda tile: self.levels[tile.level or 0]))

    def grown(self, entries: Sequence[bytes]) -> "tuple[Edge, dict[Tile, bytes]]":
        """The edge once `entries` follow, and every file that is new, leaves first."""
        files: dict[Tile, bytes] = {}
        size = self.size + len(entries)
        bundle = self._grow_bundles(entries, files)
        added = b"".join(map(tree.leaf_hash, entries))
        levels: list[bytes] = []
        while added or len(levels) < len(self.levels):
            level = len(levels)
            start = self.size >> (HEIGHT * level)
            held = self.levels[level] if level < len(self.levels) else b""
            rest, added = _grow_level(level, start // WIDTH, held, added, files)
            levels.append(rest)
        return Edge(size, bundle, tuple(levels)), files

    def _grow_bundles(self, entries: Sequence[bytes], files: dict[Tile, bytes]) -> tuple[bytes, ...]:
        first = self.size // WIDTH
        held = (*self.bundle, *entries)
        for start in range(0, len(held) if entries else 0, WIDTH):
            part = held[start : start + WIDTH]
            files[Tile(None, first + start // WIDTH, len(part))] = tiles.encode_bundle(part)
        return held[len(held) - len(held) % WIDTH :]


def edge_tiles(size: int) -> Iterator[Tile]:
    """The last tile of each level that is not complete, and the last bundle, if it is not."""
    if size % WIDTH:
        yield tiles.tile_at(None, size // WIDTH, size)
    level = 0
    while size >> (HEIGHT * level):
        hashes = size >> (HEIGHT * level)
        if hashes % WIDTH:
            yield tiles.tile_at(level, hashes // WIDTH, size)
        level += 1


def edge_of(size: int, read: tiles.TileReader) -> Edge:
    """The edge at `size` as its files have it; whether they are right is for its `root` to show."""
    bundle: tuple[bytes, ...] = ()
    height = 0
    while size >> (HEIGHT * height):
        height += 1
    levels = [b""] * height
    for tile in edge_tiles(size):
        if tile.level is None:
            bundle = tiles.parse_bundle(read(tile), width=tile.width)
        else:
            levels[tile.level] = tiles.check_tile(read(tile), width=tile.width)
    return Edge(size, bundle, tuple(levels))


def inclusion_paths(
    leaves: Mapping[int, bytes], *, size: int, root: bytes, read: tiles.TileReader
) -> Mapping[int, _Path]:
    """The inclusion proof of each leaf, by index, in one descent from the root; all of them are verified by it.

    `VerificationError` where the tiles do not lead from `root` to these leaf hashes.
    """
    node = cache(tiles.tile_nodes(size, read))
    found: dict[int, _Path] = {}
    ranges: list[_Range] = [(0, size, sorted(leaves), root, ())] if leaves else []
    while ranges:
        start, end, inside, expected, path = ranges.pop()
        count = end - start
        if count <= WIDTH and count & (count - 1) == 0:
            hashes = _leaf_hashes(start, count, size, read)
            for index, below in _paths_in(hashes, start, {index: leaves[index] for index in inside}, expected):
                found[index] = below + path
            continue
        split = tree.split_of(start, end)
        left, right = tree.range_hash(start, split, node), tree.range_hash(split, end, node)
        if tree.node_hash(left, right) != expected:
            raise VerificationError("log.file.node", f"the files hold something else below entries {start} to {end}")
        at = bisect_left(inside, split)
        if inside[:at]:
            ranges.append((start, split, inside[:at], left, (right, *path)))
        if inside[at:]:
            ranges.append((split, end, inside[at:], right, (left, *path)))
    return found


def _leaf_hashes(start: int, count: int, size: int, read: tiles.TileReader) -> bytes:
    """Of so many leaves, all in one tile."""
    at = start % WIDTH * HASH_BYTES
    return read(tiles.tile_at(0, start // WIDTH, size))[at : at + count * HASH_BYTES]


def _paths_in(hashes: bytes, start: int, leaves: Mapping[int, bytes], expected: bytes) -> Iterator[tuple[int, _Path]]:
    """The path of each leaf up to `expected`, the root of the perfect subtree whose leaf hashes these are."""
    levels = tree.Levels(hashes)
    if levels.root != expected:
        raise VerificationError("log.file.node", f"the files hold something else below entry {start}")
    for index, leaf in leaves.items():
        if levels.node(0, index - start) != leaf:
            raise VerificationError("log.file.entry", f"the files hold something else at entry {index}")
        yield index, levels.path(index - start)


def _grow_level(level: int, index: int, held: bytes, added: bytes, files: dict[Tile, bytes]) -> tuple[bytes, bytes]:
    """Write a level's tiles from `index` on; the hashes of its last, partial tile, and those for the level above."""
    if not added:
        return held, b""
    hashes = held + added
    above: list[bytes] = []
    for start in range(0, len(hashes), TILE_BYTES):
        part = hashes[start : start + TILE_BYTES]
        files[Tile(level, index + start // TILE_BYTES, len(part) // HASH_BYTES)] = part
        if len(part) == TILE_BYTES:
            above.append(tree.subtree_root(part))
    return hashes[len(hashes) - len(hashes) % TILE_BYTES :], b"".join(above)
