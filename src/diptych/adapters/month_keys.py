"""The keys of a trustee's months, one file each, apart from its database and in no backup of it.

`RETENTION.YYYY-MM.key` while it lives, and an empty `RETENTION.YYYY-MM.destroyed` ever after. Overwriting is
what a file system allows: what a disk keeps of it in spare blocks is a stated limit.
"""

import os
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from diptych.crypto.entropy import Entropy
from diptych.crypto.sealing import KEY_BYTES
from diptych.errors import FormatError, Refused, Unavailable
from diptych.private import Secret
from diptych.roles.trustee.ports import MonthKey

_PERIOD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\.[0-9]{4}-[0-9]{2}")


class MonthKeyFolder:
    """`MonthKeys` in a folder that its owner alone can read."""

    def __init__(self, folder: Path, entropy: Entropy) -> None:
        self._folder = folder
        self._entropy = entropy

    def current(self, retention: str, day: date) -> MonthKey:
        period = f"{retention}.{day:%Y-%m}"
        found = self.find(period)
        if found is not None:
            return found
        if self._destroyed(period).exists():
            raise Refused("retention.expired", "the key of that month is destroyed: nothing can come in under it")
        try:
            self._make(period)
        except FileExistsError:
            pass  # another process made it a moment ago
        except OSError as error:
            raise Unavailable("month_key.make", f"the month's key cannot be made: {error.strerror}") from error
        made = self.find(period)
        if made is None:
            raise Unavailable("month_key.make", "the month's key is not there after it was made")
        return made

    def find(self, period: str) -> MonthKey | None:
        path = self._path(period)
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("month_key.read", f"{path.name} cannot be read: {error.strerror}") from error
        if len(key) != KEY_BYTES:
            raise FormatError("month_key.length", f"{path.name} must have {KEY_BYTES} bytes")
        return MonthKey(period, Secret(key))

    def destroy(self, period: str) -> None:
        path = self._path(period)
        try:
            self._destroyed(period).touch(mode=0o600)
            if path.exists():
                with path.open("r+b") as opened:
                    opened.write(bytes(KEY_BYTES))
                    opened.flush()
                    os.fsync(opened.fileno())
                path.unlink()
            self._sync()
        except OSError as error:
            raise Unavailable("month_key.destroy", f"{path.name} cannot be destroyed: {error.strerror}") from error

    def periods(self) -> Sequence[str]:
        return tuple(sorted(path.name.removesuffix(".key") for path in self._folder.glob("*.key")))

    def _make(self, period: str) -> None:
        # Written beside and linked: the key appears whole or not at all, and never takes another's place.
        beside = self._folder / f".{period}.{self._entropy(8).hex()}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(self._entropy(KEY_BYTES))
                opened.flush()
                os.fsync(opened.fileno())
            os.link(beside, self._path(period))
        finally:
            beside.unlink(missing_ok=True)
        self._sync()

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _path(self, period: str) -> Path:
        if not _PERIOD.fullmatch(period):
            raise FormatError("month_key.period", "a period is a retention class and a month")
        return self._folder / f"{period}.key"

    def _destroyed(self, period: str) -> Path:
        return self._path(period).with_suffix(".destroyed")
