"""A process killed (SIGKILL) before its n-th change to a folder: what is on disk then is what the next one finds."""

import os
import signal
from collections.abc import Callable, Iterator

CHANGES = ("open", "replace", "rename", "link", "unlink", "fsync", "mkdir", "truncate", "ftruncate")


def killed_before_each_change(
    prepare: Callable[[], object], act: Callable[[], object], *, most: int = 200
) -> Iterator[int]:
    """Runs `act` in a child that is killed before its first change, then before its second, and so on, until one lives.

    `prepare` makes the folder anew before each; after each kill the caller looks at what is left.
    """
    for number in range(1, most):
        prepare()
        if _runs_to_its_end(act, number):
            return
        yield number
    raise AssertionError("it never came to its end")


def _runs_to_its_end(act: Callable[[], object], number: int) -> bool:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _arm(number)
            act()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), "it failed by itself"
    return code == 0


def _arm(number: int) -> None:
    count = 0

    def counting(real: Callable[..., object], is_open: bool) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal count
            flags = arguments[1] if is_open and len(arguments) > 1 else os.O_CREAT
            if isinstance(flags, int) and flags & (os.O_CREAT | os.O_WRONLY):
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for name in CHANGES:
        setattr(os, name, counting(getattr(os, name), name == "open"))
