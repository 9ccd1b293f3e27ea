"""The mark beside a wallet's file: which turn of which file was the last one here.

A copy of the file that is put back, over it or in its place, does not fit the mark. Who can change both files in
place, or puts back the whole disk, is not noticed: nothing on this machine is out of their reach. Which turn a file
is at is left to `wallet`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import Unavailable

TURN_BYTES = 16
INODE_BYTES = 8
MARK_BYTES = 2 * TURN_BYTES + INODE_BYTES


@dataclass(frozen=True)
class Mark:
    """The turn that holds, and the one that holds if the transaction under way was committed; of the file `inode`."""

    holds: bytes
    may_hold: bytes
    inode: int

    def fits(self, turn: bytes, inode: int) -> bool:
        """Whether a file at this turn is the one that was last written here."""
        return self.inode == inode and turn in (self.holds, self.may_hold)


class MarkFile:
    """The mark of one wallet. Every method is called while the database's write lock is held."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_suffix(".mark")

    def fits(self, turn: bytes) -> bool:
        """Whether the file beside, at this turn, is the one that was last written here. No mark fits nothing."""
        mark = self._read()
        return mark is not None and mark.fits(turn, self._inode())

    def exists(self) -> bool:
        """Whether there is a mark at all."""
        return self._read() is not None

    def write(self, holds: bytes, may_hold: bytes, *, is_durable: bool = True) -> None:
        """Before a commit: the turn that holds without it, and the one that holds with it."""
        data = holds + may_hold + self._inode().to_bytes(INODE_BYTES, "big")
        try:
            is_new = not self._path.exists()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(descriptor, data, 0)
                os.ftruncate(descriptor, MARK_BYTES)
                if is_durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                _sync_folder(self._path.parent)
        except OSError as error:
            raise Unavailable("storage", f"{self._path.name} cannot be written: {error.strerror}") from error

    def settle(self, turn: bytes) -> None:
        """After a commit: from here on the turn before it fits no longer. Lost in a power cut, it is made up later."""
        mark = self._read()
        if mark is not None and mark.fits(turn, self._inode()) and mark.holds != turn == mark.may_hold:
            self.write(turn, turn, is_durable=False)

    def _read(self) -> Mark | None:
        try:
            with self._path.open("rb") as file:
                data = file.read(MARK_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("storage", f"{self._path.name} cannot be read: {error.strerror}") from error
        if len(data) != MARK_BYTES:
            return None
        return Mark(
            data[:TURN_BYTES],
            data[TURN_BYTES : 2 * TURN_BYTES],
            int.from_bytes(data[2 * TURN_BYTES :], "big"),
        )

    def _inode(self) -> int:
        return self._database.stat().st_ino


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
