"""The search finds a planted value in every encoding it promises, so that finding nothing means something."""

import base64
import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import cbor2
import pytest

from diptych.adapters.canary_search import READ_BYTES, marks_in, marks_in_files, search, search_bytes

CANARY = "Zéphyrine-Kœnig-7f3a91"

ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "raw": lambda text: text.encode(),
    "utf-16 little": lambda text: text.encode("utf-16-le"),
    "utf-16 big": lambda text: text.encode("utf-16-be"),
    "hex": lambda text: text.encode().hex().encode(),
    "HEX": lambda text: text.encode().hex().upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 shifted by one": lambda text: base64.b64encode(b"x" + text.encode() + b"more"),
    "base64 shifted by two": lambda text: base64.b64encode(b"xy" + text.encode() + b"more"),
    "base64url": lambda text: base64.urlsafe_b64encode(b"\xff\xfe" + text.encode() + b"\xff\xfe\xfd"),
    "base64 of utf-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "cbor": lambda text: cbor2.dumps({"family_name": text}),
    "zlib": lambda text: zlib.compress(text.encode() * 3),
    "gzip": lambda text: gzip.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "base64 of zlib of cbor": lambda text: base64.b64encode(zlib.compress(cbor2.dumps([text, text]))),
    "zlib of base64": lambda text: zlib.compress(base64.b64encode(text.encode())),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("before", [b"", b"\0\1\2", b"x" * 4097])
def test_a_canary_is_found_in_every_encoding(encoding: str, before: bytes) -> None:
    data = before + b"\0" + ENCODINGS[encoding](CANARY) + b"\0after"
    assert search_bytes(data, [CANARY, "somebody-else"]) == [CANARY]


def test_an_innocent_file_holds_no_canary() -> None:
    assert search_bytes(bytes(range(256)) * 64, [CANARY]) == []


def test_the_file_that_holds_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "db").write_bytes(b"..." + CANARY.encode())
    (tmp_path / "clean").write_bytes(b"nothing here")
    assert [(finding.path.name, finding.canary) for finding in search([tmp_path], [CANARY])] == [("db", CANARY)]


MARK = re.compile(rb"kerzouq[a-z]{8}")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("before", [b"", b"\0\1\2", b"x" * 4097])
def test_a_whole_towns_marks_are_found_in_one_pass(encoding: str, before: bytes) -> None:
    names = ("Lefèvre-Kerzouqbodifaku", "LE CŒUR KERZOUQZIZIZOZU")
    data = b"".join(before + b"\0" + ENCODINGS[encoding](name) + b"\0after" for name in names)
    assert marks_in(data, MARK) == {"kerzouqbodifaku", "kerzouqzizizozu"}


def test_a_mark_is_found_where_two_reads_of_a_large_file_meet(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(READ_BYTES - 7) + b"Kerzouqbodifaku" + bytes(100))
    assert marks_in_files([path], MARK) == {"kerzouqbodifaku"}
