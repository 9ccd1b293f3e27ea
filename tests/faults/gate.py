"""A gate that every write of a process passes, and of all that it starts: at the one with a given number it is killed.

The process asks the kernel for it (seccomp, `SECCOMP_RET_USER_NOTIF`): whoever is behind the gate stops as it enters a
write, in whichever thread or child, and goes on, or never does. Writes have one order across all of them, nothing is
traced in between, and a gate costs next to nothing while it stands open. `strace.py` is for faults other than the end.
"""

import ctypes
import fcntl
import os
import platform
import secrets
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.strace import Call

# By what name a call is known: its number, and which argument says where, a descriptor or a path.
_X86_64 = {
    "write": (1, 0),
    "pwrite64": (18, 0),
    "writev": (20, 0),
    "sendto": (44, 0),
    "fsync": (74, 0),
    "fdatasync": (75, 0),
    "ftruncate": (77, 0),
    "rename": (82, 1),
    "mkdir": (83, 0),
    "link": (86, 1),
    "unlink": (87, 0),
    "unlinkat": (263, 1),
}
_AARCH64 = {
    "write": (64, 0),
    "pwrite64": (68, 0),
    "writev": (66, 0),
    "sendto": (206, 0),
    "fsync": (82, 0),
    "fdatasync": (83, 0),
    "ftruncate": (46, 0),
    "renameat": (38, 3),
    "renameat2": (276, 3),
    "mkdirat": (34, 1),
    "linkat": (37, 3),
    "unlinkat": (35, 1),
}
_MACHINES = {"x86_64": (317, _X86_64), "aarch64": (277, _AARCH64)}
"""The number of `seccomp` itself, and of what writes."""
_BY_DESCRIPTOR = {"write", "pwrite64", "writev", "sendto", "fsync", "fdatasync", "ftruncate"}

_NO_NEW_PRIVILEGES = 38
_SET_FILTER, _NEW_LISTENER = 1, 8
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_RECEIVE, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1
_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_PATH_BYTES = 256
WITHIN = ("pipe:", "anon_inode:")
"""What is written there reaches neither the disk nor the other side: a role wakes itself, or asks its workers."""
QUIET_SECONDS = 0.03


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def required() -> None:
    """Skips the test, by name, where there are no such gates."""
    known = Path("/proc/sys/kernel/seccomp/actions_avail")
    if platform.machine() not in _MACHINES or not known.exists() or "user_notif" not in known.read_text():
        pytest.skip("this kernel tells nobody of a write (seccomp user_notif)")


def enter(address: str) -> None:
    """From now on this process, and all that it starts, write through the gate with this address."""
    libc = ctypes.CDLL(None, use_errno=True)
    number, calls = _MACHINES[platform.machine()]
    code = _filter([call for call, _ in calls.values()])
    instructions = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(instructions))
    with socket.socket(socket.AF_UNIX) as line:
        line.connect("\0" + address)
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no gate")
        listener = libc.syscall(number, _SET_FILTER, _NEW_LISTENER, ctypes.byref(program))
        if listener < 0:
            raise OSError(ctypes.get_errno(), "no gate")
        socket.send_fds(line, [b"\0"], [listener])  # by `sendmsg`, which passes beside it
        os.close(listener)


def _filter(calls: list[int]) -> bytes:
    """BPF: a call among these asks, all others go on."""
    made = [struct.pack("=HBBI", _LOAD, 0, 0, 0)]
    made += [struct.pack("=HBBI", _IF_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)]
    made += [struct.pack("=HBBI", _RETURN, 0, 0, _ALLOW), struct.pack("=HBBI", _RETURN, 0, 0, _NOTIFY)]
    return b"".join(made)


class Gate:
    """Held by the test: whoever enters by its address is counted, and killed when it is told so."""

    def __init__(self) -> None:
        self.address = f"diptych-gate-{secrets.token_hex(8)}"
        self._calls = {call: (name, where) for name, (call, where) in _MACHINES[platform.machine()][1].items()}
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind("\0" + self.address)
        self._door.listen()
        self._lock = threading.Lock()
        self._number = self._count = 0
        self._killed: Call | None = None
        self._seen: list[Call] | None = None
        self._last = 0.0
        self._ends, self._end = os.pipe()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def seen_while(self, act: Callable[[], object]) -> list[Call]:
        """Every write of an act that nothing happens to, in order."""
        with self._lock:
            self._seen = seen = []
        act()
        self._wait_for_quiet()
        with self._lock:
            self._seen = None
        assert seen
        return seen

    def kill_at(self, number: int) -> None:
        """From now on writes are counted anew, and whoever begins the one with this number dies there."""
        with self._lock:
            self._number, self._count, self._killed = number, 0, None

    def killed(self) -> Call | None:
        """The write that somebody did not live to make, once nobody writes any more; the gate then stands open."""
        self._wait_for_quiet()
        with self._lock:
            self._number = 0
            return self._killed

    def close(self) -> None:
        """Whoever is still behind it cannot write any more."""
        os.write(self._end, b"\0")
        self._keeper.join()
        self._door.close()
        for descriptor in (self._ends, self._end):
            os.close(descriptor)

    def _wait_for_quiet(self) -> None:
        while time.monotonic() - self._last < QUIET_SECONDS:
            time.sleep(QUIET_SECONDS / 4)

    def _keep(self) -> None:
        poll = select.poll()
        poll.register(self._ends, select.POLLIN)
        poll.register(self._door, select.POLLIN)
        listeners: set[int] = set()
        while True:
            for descriptor, events in poll.poll():
                if descriptor == self._ends:
                    for listener in listeners:
                        os.close(listener)
                    return
                if descriptor == self._door.fileno():
                    listeners.add(listener := self._let_in())
                    poll.register(listener, select.POLLIN)
                elif events & select.POLLIN:
                    self._asked(descriptor)
                else:  # nobody is behind it any more
                    poll.unregister(descriptor)
                    listeners.remove(descriptor)
                    os.close(descriptor)

    def _let_in(self) -> int:
        line, _ = self._door.accept()
        with line:
            _, (listener,), _, _ = socket.recv_fds(line, 1, 1)
        return listener

    def _asked(self, listener: int) -> None:
        asked = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, asked)
        except OSError:
            return  # it has died meanwhile
        identity, thread, _, number, _, _, *arguments = _NOTIFICATION.unpack(asked)
        if self._is_now(thread, number, arguments):
            os.kill(_process_of(thread), signal.SIGKILL)
            return
        answer = bytearray(_ANSWER.pack(identity, 0, 0, _CONTINUE))
        with suppress(OSError):
            fcntl.ioctl(listener, _SEND, answer)

    def _is_now(self, thread: int, number: int, arguments: list[int]) -> bool:
        with self._lock:
            self._last = time.monotonic()
            if self._seen is None and not self._number:
                return False
            if (call := self._named(thread, number, arguments)).target.startswith(WITHIN):
                return False
            if self._seen is not None:
                self._seen.append(call)
            self._count += 1
            if self._count == self._number:
                self._killed = call
        return self._killed is call

    def _named(self, thread: int, number: int, arguments: list[int]) -> Call:
        name, where = self._calls[number]
        try:
            if name in _BY_DESCRIPTOR:
                target = os.readlink(f"/proc/{thread}/fd/{arguments[where] & 0xFFFFFFFF}")
            else:
                target = _text_at(thread, arguments[where])
        except OSError:  # a process may keep its own to itself
            target = "somewhere"
        return Call(str(thread), name, target)


def _process_of(thread: int) -> int:
    (line,) = [line for line in Path(f"/proc/{thread}/status").read_text().splitlines() if line.startswith("Tgid:")]
    return int(line.split()[1])


def _text_at(thread: int, place: int) -> str:
    with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
        memory.seek(place)
        return memory.read(_PATH_BYTES).partition(b"\0")[0].decode(errors="replace")
