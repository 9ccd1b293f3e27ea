"""A log's files: in a folder, or below an https URL (tlog-tiles). Whoever holds either is not trusted.

Reads whole files of bounded size, and nothing outside the log: no links that lead away, no redirects.
"""

import os
import re
import stat
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import httpx

from diptych.adapters.http.kept import open_client
from diptych.errors import FormatError, Unavailable
from diptych.protocols.oauth.url import parse_url

TIMEOUT_SECONDS = 10.0
TOTAL_SECONDS = 60.0
GZIP_OVERHEAD_BYTES = 64

_GZIP = 31  # zlib: a gzip header, the largest window
_PATH = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*)(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class FolderLogFiles:
    """`LogFiles` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        if not self._folder.is_dir():
            raise FormatError("log.folder", f"{folder} is not a folder")

    def read(self, path: str, *, max_bytes: int) -> bytes | None:
        _check_path(path)
        try:
            # A link in a folder that a stranger filled must not put our own files into a report.
            real = (self._folder / path).resolve(strict=True)
            if not real.is_relative_to(self._folder):
                raise FormatError("log.file.link", f"{path} leads out of the log's folder")
            with os.fdopen(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise FormatError("log.file.kind", f"{path} is not a file")
                return _bounded(path, file.read(max_bytes + 1), max_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except RuntimeError as error:  # how Python 3.11 says that links run in a circle
            raise FormatError("log.file.link", f"{path} leads nowhere") from error
        except OSError as error:
            raise Unavailable("log.file.read", f"{path} cannot be read: {error.strerror}") from error

    def paths(self) -> Iterable[str]:
        """Sorted, so that two audits of one folder find the same thing first."""
        found: list[str] = []
        for folder, _, names in os.walk(self._folder):
            found += [(Path(folder) / name).relative_to(self._folder).as_posix() for name in names]
        return sorted(found)


class HttpLogFiles:
    """`LogFiles` below a URL. `transport` stands in for the network in tests."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._prefix = parse_url(url.rstrip("/")).text
        self._client = open_client(self, seconds=TIMEOUT_SECONDS, transport=transport)

    def read(self, path: str, *, max_bytes: int) -> bytes | None:
        _check_path(path)
        try:
            # tlog-tiles, "Log entries": gzip may come unasked.
            with self._client.stream("GET", f"{self._prefix}/{path}", headers={"Accept-Encoding": "gzip"}) as response:
                if response.status_code in (404, 410):
                    return None
                if response.status_code != 200:
                    raise Unavailable("log.file.http", f"{path}: the server answers {response.status_code}")
                encoding = response.headers.get("content-encoding", "identity").strip().lower()
                # Hashes do not compress: gzip adds a little to them.
                overhead = GZIP_OVERHEAD_BYTES + max_bytes // 100 if encoding == "gzip" else 0
                received = _received(response, path, max_bytes + overhead)
        except httpx.HTTPError as error:
            raise Unavailable("log.file.http", f"{path}: no answer from the server; try again") from error
        if encoding == "gzip":
            return _bounded(path, _unzipped(path, received, max_bytes), max_bytes)
        if encoding != "identity":
            raise FormatError("log.file.encoding", f"{path} comes in an encoding that nobody asked for")
        return received

    def paths(self) -> None:
        """Nobody lists files over HTTP."""
        return

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def open_log_files(location: str) -> FolderLogFiles | HttpLogFiles:
    """The files of the log at a URL or in a folder."""
    if location.startswith(("http://", "https://")):
        return HttpLogFiles(location)
    return FolderLogFiles(Path(location))


def _check_path(path: str) -> None:
    if _PATH.fullmatch(path) is None:
        raise FormatError("log.file.path", "not the path of a log's file")


def _received(response: httpx.Response, path: str, max_bytes: int) -> bytes:
    # A file that trickles in would never run into the timeout of a single read.
    deadline = time.monotonic() + TOTAL_SECONDS
    received = bytearray()
    for chunk in response.iter_raw():
        received += chunk
        if len(received) > max_bytes:
            raise FormatError("log.file.size", f"{path} is longer than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise Unavailable("log.file.time", f"{path} takes too long to arrive: try again later")
    return bytes(received)


def _unzipped(path: str, data: bytes, max_bytes: int) -> bytes:
    try:
        unzip = zlib.decompressobj(wbits=_GZIP)
        # Never more than is wanted, whatever the few bytes that came would unpack to.
        unzipped = unzip.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise FormatError("log.file.encoding", f"{path} is not gzip, as its header says") from error
    if len(unzipped) <= max_bytes and (not unzip.eof or unzip.unused_data):
        raise FormatError("log.file.encoding", f"{path} is not one whole gzip stream")
    return unzipped


def _bounded(path: str, data: bytes | bytearray, max_bytes: int) -> bytes:
    if len(data) > max_bytes:
        raise FormatError("log.file.size", f"{path} is longer than {max_bytes} bytes")
    return bytes(data)
