"""A backup as a file: written beside its name, flushed, and only then given the name, over which nothing is written.

What is in it is left to `roles/wallet/backup`.
"""

import os
from pathlib import Path

from diptych.errors import Conflict, FormatError, Unavailable
from diptych.roles.wallet.backup import MAX_BYTES


class BackupFile:
    """`BackupPlace` in a folder: a disk, or a stick whose file system knows neither links nor owners."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.part")

    def keep(self, data: bytes) -> None:
        self._expect_free()
        try:
            descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unavailable(self._path, "written", error) from error

    def kept(self) -> bytes:
        try:
            return self._beside.read_bytes()
        except OSError as error:
            raise _unavailable(self._path, "read back", error) from error

    def publish(self) -> None:
        self._expect_free()
        try:
            self._name()
            self._sync_folder()
        except FileExistsError as error:
            raise _taken() from error
        except OSError as error:
            raise _unavailable(self._path, "written", error) from error

    def published(self) -> bytes | None:
        return read_backup_file(self._path) if self._is_taken() else None

    def discard(self) -> None:
        try:
            self._beside.unlink(missing_ok=True)
            self._sync_folder()
        except OSError as error:
            raise _unavailable(self._path, "removed", error) from error

    def _name(self) -> None:
        try:
            os.link(self._beside, self._path)  # fails where something has the name, whoever was faster
        except FileExistsError:
            raise
        except OSError:
            os.replace(self._beside, self._path)  # sticks and phones know no links
        self._beside.unlink(missing_ok=True)

    def _is_taken(self) -> bool:
        return self._path.is_symlink() or self._path.exists()

    def _expect_free(self) -> None:
        if self._is_taken():
            raise _taken()

    def _sync_folder(self) -> None:
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_backup_file(path: Path) -> bytes:
    """The bytes of a backup; `FormatError` for what is far too large to be one, or cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FormatError("backup.file", f"{path.name} cannot be read: {error.strerror}") from error
    return data


def _taken() -> Conflict:
    return Conflict("backup.exists", "there is something of that name already: choose another name")


def _unavailable(path: Path, what: str, error: OSError) -> Unavailable:
    return Unavailable("backup.write", f"{path.name} cannot be {what}: {error.strerror}")
