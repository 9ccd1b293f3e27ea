"""A log's database and files in memory, which die before or after any write, and witnesses that are called directly."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from diptych.errors import Conflict, Unavailable
from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.protocols.witnessing.add_checkpoint import AddCheckpoint, Answer
from diptych.roles.log.model import LabelPlan

AskWitness = Callable[[bytes], Answer | None]
ShowLatest = Callable[[str], bytes | None]


class Death(Enum):
    """When a write fails: before anything is saved, after a part, or after all of it was."""

    BEFORE_SAVING = "before"
    IN_BETWEEN = "between"
    AFTER_SAVING = "after"


@dataclass
class Deaths:
    """Counts the writes of database and files together; `at` names those (from 0) that die, and when."""

    at: dict[int, Death] = field(default_factory=dict)
    writes: int = 0

    def next(self) -> Death | None:
        death, self.writes = self.at.get(self.writes), self.writes + 1
        if death is Death.BEFORE_SAVING:
            raise Unavailable("storage", "died before saving")
        return death


@dataclass
class MemoryLogStore:
    """`LogStore`."""

    kept: list[bytes] = field(default_factory=list)
    checkpoint: SignedCheckpoint | None = None
    deaths: Deaths = field(default_factory=Deaths)
    plans: list[LabelPlan] = field(default_factory=list)

    def size(self) -> int:
        return len(self.kept)

    def append(self, entries: Sequence[bytes], *, size: int) -> Sequence[int]:
        death = self.deaths.next()
        if size != len(self.kept):
            raise Conflict("log.size", "the log has grown meanwhile")
        positions = {entry: position for position, entry in enumerate(self.kept)}
        for entry in entries:
            if entry not in positions:
                positions[entry] = len(self.kept)
                self.kept.append(entry)
        _die_after(death)
        return [positions[entry] for entry in entries]

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return self.kept[start:end]

    def signed(self) -> SignedCheckpoint | None:
        return self.checkpoint

    def sign(self, signed: SignedCheckpoint, *, after: SignedCheckpoint | None) -> None:
        death = self.deaths.next()
        if _size(self.checkpoint) != _size(after) or (after and signed.checkpoint.size <= after.checkpoint.size):
            raise Conflict("log.signed", "another checkpoint was signed meanwhile")
        self.checkpoint = signed
        _die_after(death)

    def plan_label_tree(self, plan: LabelPlan) -> None:
        death = self.deaths.next()
        if self.plans and plan.entries <= self.plans[-1].entries:
            raise Conflict("log.label_plan", "a label tree over more entries was planned")
        self.plans.append(plan)
        _die_after(death)

    def label_plans(self) -> Sequence[LabelPlan]:
        return tuple(self.plans)


@dataclass
class MemoryTileStore:
    """`TileStore`; a death in between leaves half of the files."""

    files: dict[str, bytes] = field(default_factory=dict)
    deaths: Deaths = field(default_factory=Deaths)

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def has(self, path: str) -> bool:
        return path in self.files

    def write(self, files: Mapping[str, bytes]) -> None:
        death = self.deaths.next()
        half = dict(list(files.items())[: (len(files) + 1) // 2])
        self.files.update(half if death is Death.IN_BETWEEN else files)
        _die_after(death)

    def drop(self, paths: Sequence[str]) -> None:
        for path in paths:
            for partial in [name for name in self.files if name.startswith(f"{path}.p/")]:
                del self.files[partial]

    def forget(self, folder: str) -> None:
        for path in [name for name in self.files if name.startswith(f"{folder}/")]:
            del self.files[path]


@dataclass
class CalledWitnesses:
    """`Witnesses` that are functions: one to ask, one to show, by URL. A function may answer None: silence."""

    ask: Mapping[str, AskWitness]
    show: Mapping[str, ShowLatest]
    silent: set[str] = field(default_factory=set)

    def round(self) -> "CalledRound":
        return CalledRound(self)

    def latest(self, urls: Sequence[str], origin: str) -> Mapping[str, bytes | None]:
        return {url: self.show[url](origin) for url in urls if url not in self.silent}


@dataclass
class CalledRound:
    """`Round`: whoever is asked answers when it is listened to."""

    witnesses: CalledWitnesses
    asked: deque[tuple[str, AddCheckpoint]] = field(default_factory=deque)

    def ask(self, url: str, request: AddCheckpoint) -> None:
        self.asked.append((url, request))

    def answers(self) -> Iterator[tuple[str, Answer | None]]:
        while self.asked:
            url, request = self.asked.popleft()
            yield url, None if url in self.witnesses.silent else self.witnesses.ask[url](request.encode())


def _size(signed: SignedCheckpoint | None) -> int | None:
    return None if signed is None else signed.checkpoint.size


def _die_after(death: Death | None) -> None:
    if death is not None:
        raise Unavailable("storage", "died after saving")
