"""Searches files for planted values, in every encoding a careless program might have left them in.

It reads files as an attacker would: as bytes, with no accessor of ours. A canary is found raw, in UTF-16, hex or
base64 (any alignment), inside CBOR (which carries strings raw), and inside zlib, gzip, bzip2 or xz streams and
base64 runs, to a depth of three. Encryption is the one thing it does not see through.

A few canaries are looked for one by one (`search`); a whole town's, which share a mark, in one pass (`marks_in`).
"""

import base64
import bz2
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MAX_DEPTH = 3
MAX_INFLATED_BYTES = 16 * 1024 * 1024
INFLATE_STEP_BYTES = 64 * 1024
READ_BYTES, OVERLAP_BYTES = 32 * 1024 * 1024, 64 * 1024
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_HEX_RUN = re.compile(rb"(?:[0-9a-fA-F]{2}){12,}")
# The two-byte headers of zlib (RFC 1950 2.2) at the levels in use, of gzip (RFC 1952 2.3.1), bzip2 and xz.
_STREAM_START = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08|BZh[1-9]1AY&SY|\xfd7zXZ\0")


@dataclass(frozen=True)
class Finding:
    """A canary that came out of a file."""

    path: Path
    canary: str


def search(folders: Iterable[Path], canaries: Sequence[str]) -> list[Finding]:
    """Every (file, canary) pair found below `folders`. Shortest useful canary: eight characters."""
    needles = {canary: _encodings(canary) for canary in canaries}
    return [
        Finding(path, canary)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for canary in _found_in(path.read_bytes(), needles)
    ]


def search_bytes(data: bytes, canaries: Sequence[str]) -> list[str]:
    """The canaries found in `data`."""
    return _found_in(data, {canary: _encodings(canary) for canary in canaries})


def marks_in(data: bytes, mark: "re.Pattern[bytes]") -> set[str]:
    """Everything in `data` that matches `mark`, an ASCII pattern without capitals, however it is written or packed.

    Letter case is not looked at, so that a normalised name is found like the name itself.
    """
    return {
        match.decode("ascii")
        for view in _layers([data], MAX_DEPTH)
        # Without its zero bytes, ASCII in UTF-16 or UTF-32 is ASCII.
        for text in (view.lower(), view.replace(b"\0", b"").lower() if b"\0" in view else b"")
        for match in mark.findall(text)
    }


def marks_in_files(folders: Iterable[Path], mark: "re.Pattern[bytes]") -> set[str]:
    """`marks_in` of every file in or below `folders`, of any size. A file that disappears meanwhile is left out."""
    return {found for path in files_below(folders) for piece in _pieces(path) for found in marks_in(piece, mark)}


def files_below(folders: Iterable[Path]) -> list[Path]:
    """Every regular file in or below these paths, in order."""
    return [
        path
        for folder in folders
        for path in ([folder] if folder.is_file() else sorted(folder.rglob("*")))
        if path.is_file()
    ]


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            before = b""
            while piece := file.read(READ_BYTES):
                yield before + piece
                before = piece[-OVERLAP_BYTES:]
    except FileNotFoundError:
        return


def _found_in(data: bytes, needles: dict[str, frozenset[bytes]]) -> list[str]:
    missing = dict(needles)
    found: list[str] = []
    for view in _views(data, MAX_DEPTH):
        for canary in [name for name, forms in missing.items() if any(form in view for form in forms)]:
            found.append(canary)
            del missing[canary]
        if not missing:
            break
    return found


def _encodings(canary: str) -> frozenset[bytes]:
    """The byte strings that give `canary` away without unpacking anything."""
    plain = [canary.encode("utf-8"), canary.encode("utf-16-le"), canary.encode("utf-16-be")]
    forms = set(plain)
    for raw in plain:
        forms |= {raw.hex().encode(), raw.hex().upper().encode()}
        for shift in range(3):
            # Whatever stands before it, base64 shows a string in one of three ways: keep the whole middle.
            text = base64.b64encode(b"\0" * shift + raw)
            middle = text[4 if shift else 0 : len(text) // 4 * 4 - 4]
            forms |= {middle, middle.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(form for form in forms if len(form) >= 8)


def _views(data: bytes, depth: int) -> Iterator[bytes]:
    yield data
    if depth == 0:
        return
    for inner in _unpacked(data):
        yield from _views(inner, depth - 1)


def _layers(pieces: Sequence[bytes], depth: int) -> Iterator[bytes]:
    """`_views`, everything of one kind and depth in one piece: memory and logs hold packed pieces by the million."""
    data = b"\n".join(pieces)
    yield data
    if depth == 0 or not data:
        return
    runs = [match.group().replace(b"-", b"+").replace(b"_", b"/") for match in _BASE64_RUN.finditer(data)]
    # A run may have begun with something else: what stands in it is aligned in one of four ways.
    for start in range(4):
        yield from _layers([_aligned(run, start) for run in runs], depth - 1)
    yield from _layers([bytes.fromhex(match.group().decode()) for match in _HEX_RUN.finditer(data)], depth - 1)
    yield from _layers([inner for piece in pieces for inner in _streams(piece)], depth - 1)


def _aligned(run: bytes, start: int) -> bytes:
    return base64.b64decode(run[start : start + (len(run) - start) // 4 * 4])


def _unpacked(data: bytes) -> Iterator[bytes]:
    yield from _streams(data)
    for match in _BASE64_RUN.finditer(data):
        yield _aligned(match.group().replace(b"-", b"+").replace(b"_", b"/"), 0)
    for match in _HEX_RUN.finditer(data):
        yield bytes.fromhex(match.group().decode())


def _streams(data: bytes) -> Iterator[bytes]:
    for match in _STREAM_START.finditer(data):
        yield from _inflated(memoryview(data)[match.start() :])


def _inflated(stream: memoryview) -> Iterator[bytes]:
    """What a stream that may break off says up to there."""
    out = bytearray()
    inflate = _decompressor(bytes(stream[:3]))
    try:
        for start in range(0, len(stream), INFLATE_STEP_BYTES):
            out += inflate.decompress(bytes(stream[start : start + INFLATE_STEP_BYTES]))
            if inflate.eof or len(out) >= MAX_INFLATED_BYTES:
                break
    except (zlib.error, lzma.LZMAError, OSError, EOFError):
        pass  # what came out before the stream broke off, or ended, still counts
    if len(out) >= 8:
        yield bytes(out[:MAX_INFLATED_BYTES])


class _Inflate(Protocol):
    """What the three libraries have in common."""

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _decompressor(head: bytes) -> _Inflate:
    if head == b"BZh":
        return bz2.BZ2Decompressor()
    if head == b"\xfd7z":
        return lzma.LZMADecompressor()
    return zlib.decompressobj(zlib.MAX_WBITS | 32)
