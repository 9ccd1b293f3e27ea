"""strace: sees every write of a process, and fails one of them, or all, or makes them late.

Each thread and each child counts for itself, and each kind of call apart. Who is to be killed passes a `gate`.
"""

import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

DISK = "pwrite64,ftruncate,fsync,fdatasync,unlink"
_CALL = re.compile(r'^(?:(\d+) +)?(\w+)\((?:\d+<([^>]*)>|"([^"]*)")')
_RESUMED = re.compile(r"^(?:(\d+) +)?<\.\.\. (\w+) resumed>")
_KILLED = re.compile(r"= \?$|= \? <unavailable>$")


@dataclass(frozen=True)
class Call:
    """One write: by which thread, how, and to what."""

    thread: str
    name: str
    target: str

    def __str__(self) -> str:
        where = "the other side" if self.target.startswith(("socket:", "TCP")) else kind_of(self.target)
        return f"{self.name} {where}"


def kind_of(path: str) -> str:
    """What sort of file: names that differ from run to run are left out."""
    name = Path(path).name
    for suffix in ("-wal", "-shm", "-journal", ".db", ".sqlite", ".json"):
        if name.endswith(suffix):
            return suffix.lstrip("-.")
    return "attempt" if ".json." in name else "folder" if "." not in name else "file"


def required() -> None:
    """Skips the test, by name, where strace cannot be used."""
    if shutil.which("strace") is None:
        pytest.skip("strace is absent: apt-get install strace")
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("strace may not trace here (CAP_SYS_PTRACE)")


@dataclass(frozen=True)
class Moment:
    """The `when`th call of one name by one thread, and what it was when it was counted."""

    name: str
    when: int
    kind: str = field(compare=False)
    is_of_main: bool = False
    """Whether the process's first thread made it, while others may have made as many of that name before."""

    def __str__(self) -> str:
        return self.kind


def moments(calls: Sequence[Call], *, main: int | None = None) -> list[Moment]:
    """When each of these calls was made: counted as strace counts, for each thread apart."""
    counted: Counter[tuple[str, str]] = Counter()
    found = []
    for call in calls:
        counted[call.thread, call.name] += 1
        found.append(Moment(call.name, counted[call.thread, call.name], str(call), call.thread == str(main)))
    return found


def failing(moment: Moment, error: str, *, from_then_on: bool = False) -> list[str]:
    """Options that fail the call then, and with `from_then_on` all later ones of its kind."""
    return ["-e", f"inject={moment.name}:error={error}:when={moment.when}{'+' if from_then_on else ''}"]


@contextmanager
def attached(pid: int, log: Path, *, calls: str = DISK, options: Sequence[str] = ()) -> Iterator[None]:
    """A running process under strace, with its threads and its children to come."""
    required()
    log.unlink(missing_ok=True)
    said = log.with_suffix(".said")
    with said.open("wb") as stderr:
        tracer = subprocess.Popen(
            ["strace", "-f", "-y", "-o", str(log), "-e", f"trace={calls}", *options, "-p", str(pid)],
            stderr=stderr,
        )
    try:
        deadline = time.monotonic() + 20
        while b"attached" not in said.read_bytes():
            assert time.monotonic() < deadline, said.read_text()
            assert tracer.poll() is None, said.read_text()
            time.sleep(0.01)
        yield
    finally:
        tracer.terminate()
        try:
            tracer.wait(1)
        except subprocess.TimeoutExpired:
            tracer.kill()  # it waits for threads that were killed all at once
            tracer.wait()


def kind_of_moment(moment: Moment) -> str:
    """For choosing among moments."""
    return moment.kind


def calls_in(log: Path) -> list[Call]:
    """Every write in a log, in order."""
    found = (_CALL.match(line) for line in _lines(log))
    return [_call(m) for m in found if m is not None]


def killed_at(log: Path) -> Call | None:
    """The write that the process did not live to make, if it was killed.

    Where other threads end at the same time, strace writes a call's beginning and its end in two lines.
    """
    begun: dict[str, Call] = {}
    killed = None
    for line in _lines(log):
        if (found := _CALL.match(line)) is not None:
            begun[found[1] or ""] = call = _call(found)
            killed = call if _KILLED.search(line) else killed
        elif (resumed := _RESUMED.match(line)) is not None and _KILLED.search(line):
            killed = begun.get(resumed[1] or "", killed)
    return killed


def _call(found: re.Match[str]) -> Call:
    return Call(found[1] or "", found[2], found[3] if found[3] is not None else found[4])


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines() if log.exists() else []
