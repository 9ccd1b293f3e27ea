"""A log's files in memory."""

from collections.abc import Iterable, Mapping

from diptych.errors import FormatError


class MemoryLogFiles:
    """The fake of `LogFiles`; `is_listed` False makes it answer as a web server does."""

    def __init__(self, files: Mapping[str, bytes], *, is_listed: bool = True) -> None:
        self._files = files
        self._is_listed = is_listed

    def read(self, path: str, *, max_bytes: int) -> bytes | None:
        data = self._files.get(path)
        if data is not None and len(data) > max_bytes:
            raise FormatError("log.file.size", f"{path} is longer than {max_bytes} bytes")
        return data

    def paths(self) -> Iterable[str] | None:
        return sorted(self._files) if self._is_listed else None
