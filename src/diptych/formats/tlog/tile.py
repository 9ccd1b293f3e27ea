"""Tiles and entry bundles (c2sp.org/tlog-tiles): which static files a tree has, their paths and their bytes.

Every file is a pure function of the entries. Reading and writing them is left to adapters; pruned logs are not read.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from diptych.errors import FormatError
from diptych.formats.tlog.lines import MAX_NUMBER
from diptych.formats.tlog.tree import HASH_BYTES, NodeReader, subtree_root

HEIGHT = 8
WIDTH = 256
MAX_ENTRY_BYTES = 0xFFFF  # tlog-tiles, "Log entries": uint16 length prefixes
MAX_LEVEL = 7  # higher levels would need 2^64 entries, more than a checkpoint can state here
MAX_BUNDLE_BYTES = WIDTH * (2 + MAX_ENTRY_BYTES)

_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True)
class Tile:
    """A file of the log: hashes `index * 256` onward of one level, or, with `level` None, those entries themselves."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The exact inverse of `parse_path`."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        index = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{'entries' if self.level is None else self.level}/{index}{partial}"

    @property
    def is_full(self) -> bool:
        return self.width == WIDTH

    @property
    def start(self) -> int:
        """The first entry that it spans (tlog-tiles, "Merkle Tree": start index)."""
        return self.index << (HEIGHT * ((self.level or 0) + 1))

    def full(self) -> "Tile":
        """The full tile of the same level and index: what a partial one becomes."""
        return replace(self, width=WIDTH)


TileReader = Callable[[Tile], bytes]
"""The concatenated hashes of one tile, exactly `width` of them."""


def parse_path(path: str) -> Tile:
    """The tile at a path below the log's prefix; `FormatError` for any other path."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise FormatError("tlog.tile.path", "not the path of a tile or an entry bundle")
    level = None if found["level"] == "entries" else int(found["level"])
    index = int(found["index"].replace("x", "").replace("/", ""))
    width = int(found["width"]) if found["width"] else WIDTH
    tile = Tile(level, index, width)
    # Zero-filled too far, wider than a tile, or beyond any tree.
    if tile.path != path or width > WIDTH or tile.start > MAX_NUMBER:
        raise FormatError("tlog.tile.path", "not the one path of its tile")
    return tile


def tile_at(level: int | None, index: int, size: int) -> Tile:
    """The tile, full or partial, that holds these hashes in a tree of `size` entries."""
    width = min(WIDTH, (size >> (HEIGHT * (level or 0))) - index * WIDTH)
    if width <= 0:
        raise FormatError("tlog.tile.index", f"a tree of {size} has no such tile")
    return Tile(level, index, width)


def tiles_of(size: int) -> Iterator[Tile]:
    """Every hash tile of a tree, level by level, then left to right."""
    for level in range(MAX_LEVEL + 1):
        for index in range(-(-(size >> (HEIGHT * level)) // WIDTH)):
            yield tile_at(level, index, size)


def bundles_of(size: int) -> Iterator[Tile]:
    """Every entry bundle of a log of `size` entries, left to right."""
    return (tile_at(None, index, size) for index in range(-(-size // WIDTH)))


def tile_nodes(size: int, read: TileReader) -> NodeReader:
    """The nodes of a tree of `size` entries out of its tiles. The tiles are not verified: whatever is built is."""

    def node(level: int, index: int) -> bytes:
        tile_level, below = divmod(level, HEIGHT)
        first = index << below
        tile = tile_at(tile_level, first // WIDTH, size)
        offset = first % WIDTH
        hashes = read(tile)[offset * HASH_BYTES : (offset + (1 << below)) * HASH_BYTES]
        return subtree_root(hashes)

    return node


def check_tile(data: bytes, *, width: int) -> bytes:
    """The hashes of a tile, or `FormatError` if there are not exactly `width` of them."""
    if len(data) != width * HASH_BYTES:
        raise FormatError("tlog.tile.length", f"a tile of {width} hashes has {width * HASH_BYTES} bytes")
    return data


def parse_bundle(data: bytes, *, width: int) -> tuple[bytes, ...]:
    """The entries of a bundle, or `FormatError` if there are not exactly `width` of them."""
    entries: list[bytes] = []
    position, end = 0, len(data)
    while position < end and len(entries) < width:
        first = position + 2
        position = first + int.from_bytes(data[position:first], "big")
        entries.append(data[first:position])
    # A prefix or an entry that the end cut short overshoots the end.
    if position != end or len(entries) != width:
        raise FormatError("tlog.bundle", f"not {width} length-prefixed entries")
    return tuple(entries)


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """The exact inverse of `parse_bundle`."""
    if not 0 < len(entries) <= WIDTH:
        raise ValueError(f"a bundle has 1 to {WIDTH} entries")
    return b"".join([struct.pack(">H", len(entry)) + entry for entry in map(check_entry, entries)])


def check_entry(entry: bytes) -> bytes:
    """The entry, if a bundle can hold it; else `FormatError`."""
    if len(entry) > MAX_ENTRY_BYTES:
        raise FormatError("tlog.entry.length", f"an entry has at most {MAX_ENTRY_BYTES} bytes")
    return entry
