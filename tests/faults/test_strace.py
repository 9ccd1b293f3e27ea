"""What strace writes of a death, in one line or in two, is read as the write at which the process died."""

from pathlib import Path

from tests.faults import strace

DONE = '15730 unlink("/verifier.db-wal") = 0\n'
IN_ONE_LINE = DONE + '15730 sendto(11<socket:[42751]>, "\\0", 1, 0, NULL, 0) = ?\n15730 +++ killed by SIGKILL +++\n'
IN_TWO_LINES = DONE + (
    '15730 sendto(11<socket:[42751]>, "\\0", 1, 0, NULL, 0 <unfinished ...>\n'
    "15729 +++ killed by SIGKILL +++\n"
    "15730 <... sendto resumed>)             = ?\n"
    "15730 +++ killed by SIGKILL +++\n"
)
OF_ANOTHER_THREAD = (
    "15729 fdatasync(3</verifier.db> <unfinished ...>\n"
    '15730 sendto(11<socket:[42751]>, "\\0", 1, 0, NULL, 0 <unfinished ...>\n'
    "15729 <... fdatasync resumed>) = 0\n"
    "15730 <... sendto resumed>) = ?\n"
)


def read(folder: Path, text: str) -> strace.Call | None:
    log = folder / "log"
    log.write_text(text)
    return strace.killed_at(log)


def test_a_death_in_one_line_and_in_two_is_the_same(tmp_path: Path) -> None:
    for text in (IN_ONE_LINE, IN_TWO_LINES, OF_ANOTHER_THREAD):
        assert read(tmp_path, text) == strace.Call("15730", "sendto", "socket:[42751]"), text


def test_who_lived_was_not_killed(tmp_path: Path) -> None:
    assert read(tmp_path, DONE) is None
    assert read(tmp_path, OF_ANOTHER_THREAD.splitlines()[0]) is None


def test_calls_are_counted_for_each_thread_apart(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(DONE + '7 unlink("/verifier.db-shm") = 0\n' + DONE)
    found = strace.moments(strace.calls_in(tmp_path / "log"), main=7)
    assert [(moment.when, moment.is_of_main) for moment in found] == [(1, False), (1, True), (2, False)]
