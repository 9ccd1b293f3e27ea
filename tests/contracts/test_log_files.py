"""`LogFiles`: in memory, in a folder, over HTTP. Bounded, within the log, and honest about what is absent."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from diptych.adapters.log_files import FolderLogFiles, HttpLogFiles, open_log_files
from diptych.errors import DiptychError, FormatError, Unavailable
from diptych.protocols.reading.files import LogFiles
from diptych.protocols.reading.memory import MemoryLogFiles

FILES = {"checkpoint": b"a checkpoint", "tile/0/x001/000.p/7": b"a tile" * 100, "empty": b""}
URL = "https://log.utopia.example/acts"


def in_memory(tmp_path: Path) -> LogFiles:
    return MemoryLogFiles(FILES)


def in_folder(tmp_path: Path) -> LogFiles:
    for path, data in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    return FolderLogFiles(tmp_path)


def serving(answer: Callable[[httpx.Request], httpx.Response]) -> HttpLogFiles:
    return HttpLogFiles(URL + "/", httpx.MockTransport(answer))


def over_http(tmp_path: Path) -> LogFiles:
    def answer(request: httpx.Request) -> httpx.Response:
        data = FILES.get(request.url.path.removeprefix("/acts/"))
        return httpx.Response(404) if data is None else httpx.Response(200, stream=httpx.ByteStream(data))

    return serving(answer)


def over_http_compressed(tmp_path: Path) -> LogFiles:
    def answer(request: httpx.Request) -> httpx.Response:
        data = FILES.get(request.url.path.removeprefix("/acts/"))
        if data is None:
            return httpx.Response(410)
        return httpx.Response(200, stream=httpx.ByteStream(gzip.compress(data)), headers={"Content-Encoding": "gzip"})

    return serving(answer)


@pytest.fixture(params=[in_memory, in_folder, over_http, over_http_compressed])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> LogFiles:
    made: LogFiles = request.param(tmp_path)
    return made


def test_a_file_is_read_whole(files: LogFiles) -> None:
    for path, data in FILES.items():
        assert files.read(path, max_bytes=len(data)) == data
        assert files.read(path, max_bytes=10_000) == data


def test_what_is_absent_is_none(files: LogFiles) -> None:
    assert files.read("tile/0/000", max_bytes=10) is None
    assert files.read("checkpoint/0", max_bytes=10) is None


def test_a_file_that_is_too_long_is_refused(files: LogFiles) -> None:
    with pytest.raises(FormatError, match=r"log\.file\.size"):
        files.read("tile/0/x001/000.p/7", max_bytes=599)


def test_a_listing_is_complete_or_there_is_none(files: LogFiles) -> None:
    paths = files.paths()
    assert paths is None or list(paths) == sorted(FILES)


@pytest.mark.parametrize("path", ["", "..", "../secret", "/etc/passwd", "tile/../../secret", "a//b", "a/", ".hidden"])
@pytest.mark.parametrize("make", [in_folder, over_http])
def test_no_path_leads_out_of_the_log(make: Callable[[Path], LogFiles], path: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"log\.file\.path"):
        make(tmp_path).read(path, max_bytes=10_000)


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"ours")
    (folder / "checkpoint").symlink_to(tmp_path / "secret")
    (folder / "tile").symlink_to(tmp_path)
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "inside").write_bytes(b"theirs")
    (folder / "link").symlink_to(folder / "inside")
    files = FolderLogFiles(folder)
    for path in ("checkpoint", "tile/secret"):
        with pytest.raises(FormatError, match=r"log\.file\.link"):
            files.read(path, max_bytes=100)
    with pytest.raises(DiptychError):
        files.read("circle", max_bytes=100)
    assert files.read("link", max_bytes=100) == b"theirs"


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "checkpoint")
    with pytest.raises(FormatError, match=r"log\.file\.kind"):
        FolderLogFiles(tmp_path).read("checkpoint", max_bytes=100)
    with pytest.raises(FormatError, match=r"log\.folder"):
        open_log_files(str(tmp_path / "absent"))


@pytest.mark.parametrize("status", [301, 302, 403, 500, 503])
def test_other_answers_are_no_finding(status: int) -> None:
    files = serving(lambda _: httpx.Response(status, headers={"Location": "https://elsewhere.example/"}))
    with pytest.raises(Unavailable, match=r"log\.file\.http"):
        files.read("checkpoint", max_bytes=100)


def test_a_server_that_is_away_is_no_finding() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(Unavailable, match=r"log\.file\.http"):
        serving(answer).read("checkpoint", max_bytes=100)


@pytest.mark.parametrize(
    ("encoding", "content", "check"),
    [
        ("gzip", gzip.compress(bytes(50_000_000)), "log.file.size"),
        ("gzip", gzip.compress(b"cut")[:-1], "log.file.encoding"),
        ("gzip", gzip.compress(b"one") + b"more", "log.file.encoding"),
        ("gzip", b"not gzip", "log.file.encoding"),
        ("br", b"anything", "log.file.encoding"),
    ],
    ids=["bomb", "cut short", "followed by more", "nonsense", "unknown encoding"],
)
def test_what_unpacks_to_more_or_to_nonsense_is_refused(encoding: str, content: bytes, check: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(content), headers={"Content-Encoding": encoding})

    with pytest.raises(FormatError) as refused:
        serving(answer).read("checkpoint", max_bytes=100_000)
    assert refused.value.check == check


def test_a_log_over_plain_http_is_only_on_this_machine() -> None:
    assert isinstance(open_log_files("http://127.0.0.1:8080/log"), HttpLogFiles)
    with pytest.raises(DiptychError):
        open_log_files("http://log.utopia.example/acts")
