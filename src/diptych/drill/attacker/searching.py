"""Planted values in files of any size: large ones in pieces, on every core, each once as long as it stays as it is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from diptych.adapters.canary_search import OVERLAP_BYTES, files_below, marks_in
from diptych.drill.cores import Cores
from diptych.drill.town.marks import MARK

PIECE_BYTES = 8 * 1024 * 1024
Piece = tuple[Path, int]


@dataclass
class Search:
    """What was found so far, by file, its size and the time of its last change."""

    cores: Cores
    _found: dict[tuple[Path, int, int], set[str]] = field(default_factory=dict)

    def below(self, paths: Iterable[Path]) -> set[str]:
        """Everything that looks like a canary in or below these paths. Running servers take files away meanwhile."""
        files = {state: path for path in files_below(paths) if (state := _state(path)) is not None}
        pieces = [
            (state, (path, start))
            for state, path in files.items()
            if state not in self._found
            for start in range(0, max(1, state[1]), PIECE_BYTES)
        ]
        large = [(state, piece) for state, piece in pieces if state[1] > PIECE_BYTES]
        small = [(state, piece) for state, piece in pieces if state[1] <= PIECE_BYTES]
        found = [*self.cores.each(marks_of, [piece for _, piece in large]), *(marks_of(piece) for _, piece in small)]
        for (state, _), marks in zip([*large, *small], found, strict=True):
            self._found.setdefault(state, set()).update(marks)
        return set[str]().union(*(self._found[state] for state in files))


def marks_of(piece: Piece) -> set[str]:
    """In this piece of a file, and what begins in it and ends behind it."""
    path, start = piece
    try:
        with path.open("rb") as file:
            file.seek(start)
            return marks_in(file.read(PIECE_BYTES + OVERLAP_BYTES), MARK)
    except FileNotFoundError:
        return set()


def _state(path: Path) -> tuple[Path, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return path, found.st_size, found.st_mtime_ns
