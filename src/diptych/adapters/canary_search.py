"""Searches files for planted values, in every encoding a careless program might have left them in.

It reads files as an attacker would: as bytes, with no accessor of ours. A canary is found raw, in UTF-16, hex or
base64 (any alignment), inside CBOR (which carries strings raw), and inside zlib or gzip streams and
base64 runs, to a depth of three. Encryption is the one thing it does not see through.
"""

import base64
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_DEPTH = 3
MAX_INFLATED_BYTES = 16 * 1024 * 1024
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_HEX_RUN = re.compile(rb"(?:[0-9a-fA-F]{2}){12,}")
# The two-byte headers of zlib (RFC 1950 2.2) at the levels in use, and of gzip (RFC 1952 2.3.1).
_STREAM_START = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")


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


def _unpacked(data: bytes) -> Iterator[bytes]:
    for match in _STREAM_START.finditer(data):
        yield from _inflated(data[match.start() :], zlib.MAX_WBITS | 32)
    for match in _BASE64_RUN.finditer(data):
        run = match.group().replace(b"-", b"+").replace(b"_", b"/")
        yield base64.b64decode(run[: len(run) // 4 * 4])
    for match in _HEX_RUN.finditer(data):
        yield bytes.fromhex(match.group().decode())


def _inflated(stream: bytes, window_bits: int) -> Iterator[bytes]:
    """What a stream that may break off says up to there."""
    inflate = zlib.decompressobj(window_bits)
    try:
        out = inflate.decompress(stream, MAX_INFLATED_BYTES)
    except zlib.error:
        return
    if len(out) >= 8:
        yield out
