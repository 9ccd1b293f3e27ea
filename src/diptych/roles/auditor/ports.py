"""What an auditor needs from outside: the files of a log, and nothing else."""

from collections.abc import Iterable
from typing import Protocol


class LogFiles(Protocol):
    """The static files of one log, by path below its prefix. Nothing in them is trusted."""

    def read(self, path: str, *, max_bytes: int) -> bytes | None:
        """The whole file, or None where there is none.

        `FormatError` if it is longer than `max_bytes`, or no file; `Unavailable` if it cannot be read now. Two calls
        may give two answers: the log is live, and whoever serves it may lie differently each time.
        """
        ...

    def paths(self) -> Iterable[str] | None:
        """The path of every file there is, or None where that cannot be asked (over HTTP)."""
        ...
