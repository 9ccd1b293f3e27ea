"""Several processes behind one port: started, watched, replaced when one dies, and ended together.

The process above them listens and reads nothing: it holds what they share (`adapters/shared_outcomes`) and answers
their questions about it. How a worker serves is left to `one_process`.
"""

import ctypes
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from diptych.adapters.journal import Check, Event, Journal, Line
from diptych.adapters.shared_outcomes import OutcomeKeeper
from diptych.errors import DiptychError, Unavailable

PR_SET_PDEATHSIG = 1
START_SECONDS = 60.0
SHUTDOWN_SECONDS = 20.0
"""A worker's own limits are shorter: what is left then hangs."""
QUICK_DEATH_SECONDS = 5.0
PAUSE_SECONDS = 1.0
"""Before a worker that died young is replaced: whatever kills it may need a moment."""
READY = b"\0"

Work = Callable[[int, socket.socket, Callable[[], None]], None]


@dataclass
class _Worker:
    number: int
    pid: int
    line: socket.socket
    started: float
    is_ready: bool = False


def supervise(
    count: int,
    work: Work,
    *,
    announce: Callable[[], None],
    journal: Journal,
) -> None:
    """Run `count` workers until SIGTERM or SIGINT, let them finish, and return.

    `work` gets its number, from 0 on, and its line to what is shared, and calls the third once it listens. Nothing that
    it needs may be open before: no thread, no database, no process. `announce` is called when all of them listen.
    """
    _Supervisor(count, work, journal).run(announce)


class _Supervisor:
    def __init__(self, count: int, work: Work, journal: Journal) -> None:
        self._count = count
        self._work = work
        self._journal = journal
        self._keeper = OutcomeKeeper()
        self._workers: dict[int, _Worker] = {}
        self._selector = selectors.DefaultSelector()
        self._pid = os.getpid()
        self._not_before = 0.0
        self._is_stopping = False

    def run(self, announce: Callable[[], None]) -> None:
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _do_nothing)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._selector.register(wake, selectors.EVENT_READ)
        try:
            self._start_missing()
            self._until(lambda: all(one.is_ready for one in self._workers.values()), START_SECONDS, is_starting=True)
            if not self._is_stopping:
                announce()
            while not self._is_stopping:
                self._turn(PAUSE_SECONDS)
                self._start_missing()
        finally:
            self._end()

    def _start_missing(self) -> None:
        while len(self._workers) < self._count and time.monotonic() >= self._not_before:
            ours, theirs = socket.socketpair()
            try:
                pid = os.fork()
            except OSError:
                ours.close()
                theirs.close()
                self._journal.event(Event.BUSY)
                self._not_before = time.monotonic() + PAUSE_SECONDS
                return
            number = min(set(range(self._count)) - {one.number for one in self._workers.values()})
            if pid == 0:
                ours.close()
                self._be_worker(number, theirs)
            theirs.close()
            self._workers[pid] = _Worker(number, pid, ours, time.monotonic())
            self._selector.register(ours, selectors.EVENT_READ, self._workers[pid])
            self._journal.event(Event.WORKER_STARTED)

    def _be_worker(self, number: int, line: socket.socket) -> NoReturn:
        """In the child: serve, and end, never returning into what the supervisor was doing."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for one in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(one, signal.SIG_DFL)
            # Should the supervisor be killed, its workers end with it: nobody would hold what they share.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != self._pid:
                os._exit(status)
            self._selector.close()
            for other in self._workers.values():
                other.line.close()
            self._work(number, line, lambda: line.sendall(READY))
            status = 0
        except DiptychError as error:
            self._journal.write(Line(Event.WORKER_DIED, check=Check(error.check)))
        except BaseException as error:  # the outermost door of this process
            self._journal.bug(error)
        finally:
            os._exit(status)

    def _turn(self, seconds: float) -> None:
        """Answer what is asked, see who died."""
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                with suppress(BlockingIOError):
                    os.read(key.fd, 4096)
                continue
            worker: _Worker = key.data
            if worker.is_ready:
                if not self._keeper.answer(worker.line):
                    self._let_go(worker)
            elif worker.line.recv(1) == READY:
                worker.is_ready = True
            else:
                self._let_go(worker)
        self._reap()

    def _let_go(self, worker: _Worker) -> None:
        """Its line is broken: it cannot serve any more, if it still lives."""
        with suppress(KeyError):
            self._selector.unregister(worker.line)
        worker.line.close()
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGTERM)

    def _reap(self) -> None:
        while self._workers:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self._workers.pop(pid, None)
            if worker is None:
                continue
            with suppress(KeyError, ValueError):
                self._selector.unregister(worker.line)
            worker.line.close()
            if not self._is_stopping:
                killed = signal.Signals(os.WTERMSIG(status)) if os.WIFSIGNALED(status) else None
                self._journal.write(Line(Event.WORKER_DIED, signal=killed))
                if time.monotonic() - worker.started < QUICK_DEATH_SECONDS:
                    self._not_before = time.monotonic() + PAUSE_SECONDS

    def _until(self, is_so: Callable[[], bool], seconds: float, *, is_starting: bool = False) -> None:
        deadline = time.monotonic() + seconds
        while not is_so() and time.monotonic() < deadline:
            if is_starting and (self._is_stopping or len(self._workers) < self._count):
                break
            self._turn(0.1)
        if is_starting and not self._is_stopping and (len(self._workers) < self._count or not is_so()):
            raise Unavailable("serve.workers", "a worker did not start; the journal above says why")

    def _end(self) -> None:
        """Let the workers finish what they began, then end what is left."""
        self._is_stopping = True
        for pid in list(self._workers):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self._until(lambda: not self._workers, SHUTDOWN_SECONDS)
        for pid in list(self._workers):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._until(lambda: not self._workers, 1.0)
        self._selector.close()
        signal.set_wakeup_fd(-1)

    def _stop(self, number: int, frame: object) -> None:
        self._is_stopping = True


def share(total: int, count: int, number: int) -> int:
    """How many of `total` the worker with this number has: as even as can be, and at least one."""
    return max(1, total // count + (number < total % count))


def _do_nothing(number: int, frame: object) -> None:
    """SIGCHLD only has to wake the selector."""
