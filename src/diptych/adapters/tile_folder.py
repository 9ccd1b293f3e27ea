"""A log's public files in a folder, each written whole or not at all, and on disk before anybody hears of it.

Which files, and in which order, is left to `roles/log`. Anyone may serve a copy of the folder.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from diptych.errors import FormatError, Unavailable

AT_ONCE = 16

_BESIDE = ".new"


class TileFolder:
    """`TileStore` below a folder. One process writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._durable: set[Path] = set()  # folders whose own names are known to be on disk
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="tiles")

    def read(self, path: str) -> bytes | None:
        try:
            return (self._folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Unavailable("log.file.read", f"{path} cannot be read: {error.strerror}") from error

    def has(self, path: str) -> bool:
        return (self._folder / path).is_file()

    def write(self, files: Mapping[str, bytes]) -> None:
        try:
            changed: set[Path] = set()
            for path in files:
                changed |= self._make_folder((self._folder / path).parent)
            # Side by side: the disk puts what waits at the same time down together.
            list(self._threads.map(_write, [self._folder / path for path in files], files.values()))
            # The names too: a file without its name is gone after a power cut.
            list(self._threads.map(_sync_folder, sorted(changed)))
            self._durable |= changed
        except OSError as error:
            raise Unavailable("log.file.write", f"the log's files cannot be written: {error.strerror}") from error

    def drop(self, paths: Sequence[str]) -> None:
        for path in paths:
            if not path.startswith("tile/"):
                raise FormatError("log.file.path", "only partial tiles are dropped")
            partial = self._folder / f"{path}.p"
            self._durable.discard(partial)
            shutil.rmtree(partial, ignore_errors=True)

    def forget(self, folder: str) -> None:
        if not folder.startswith("labels/"):
            raise FormatError("log.file.path", "only label shards are forgotten")
        gone = self._folder / folder
        self._durable -= {known for known in self._durable if known == gone or gone in known.parents}
        shutil.rmtree(gone, ignore_errors=True)

    def _make_folder(self, folder: Path) -> set[Path]:
        """The folders that have to be synced once there is a file in `folder`."""
        needed = {folder}
        if folder not in self._durable:
            folder.mkdir(parents=True, exist_ok=True)
            for parent in folder.parents:
                needed.add(parent)  # up to the first whose own name is on disk: it holds a new one
                if parent in self._durable or parent == self._folder:
                    break
        return needed


def _write(target: Path, data: bytes) -> None:
    """Beside, then into place: nobody ever reads half of it."""
    beside = target.with_name(target.name + _BESIDE)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
