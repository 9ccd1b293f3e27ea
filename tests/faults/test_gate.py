"""Who passes a gate is killed as it enters the write that was named, and not one sooner or later."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import gate
from tests.faults.gate import Gate


def child(act: Callable[[], None]) -> int:
    """How a child that does this ends."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def three_writes(folder: Path, address: str) -> None:
    """Two of its own and one of its child's between them, and some that stay within."""
    gate.enter(address)
    ends = os.pipe()
    (folder / "one").write_text("1")
    os.write(ends[1], b"nobody's business")
    if child(lambda: (folder / "two").rename(folder / "two-renamed") and None) == 0:
        (folder / "three").unlink()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_write_with_the_number_and_none_after_it_is_made(each_write: Gate, tmp_path: Path, number: int) -> None:
    for name in ("two", "three"):
        (tmp_path / name).touch()
    each_write.kill_at(number)
    code = child(lambda: three_writes(tmp_path, each_write.address))
    point = each_write.killed()
    assert point is not None
    assert (point.name[:6], Path(point.target).name) == [
        ("write", "one"),
        ("rename", "two-renamed"),
        ("unlink", "three"),
    ][number - 1]
    assert code == (0 if number == 2 else -signal.SIGKILL)  # there it was its child
    assert (tmp_path / "one").read_text() == ("" if number == 1 else "1")
    assert (tmp_path / "two").exists() == (number <= 2)
    assert (tmp_path / "three").exists()


def test_who_makes_fewer_writes_lives_and_all_of_them_are_seen(each_write: Gate, tmp_path: Path) -> None:
    def act() -> None:
        for name in ("two", "three"):
            (tmp_path / name).touch()
        assert child(lambda: three_writes(tmp_path, each_write.address)) == 0

    assert [Path(call.target).name for call in each_write.seen_while(act)] == ["one", "two-renamed", "three"]
    each_write.kill_at(4)
    act()
    assert each_write.killed() is None
    assert not (tmp_path / "three").exists()
