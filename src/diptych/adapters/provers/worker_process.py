"""One worker process as its supervisor sees it: started, asked under a deadline, ended.

Used by one thread at a time; who may is left to `prover` and `verifier_pool`. The process gets nothing of ours: an
environment of two names, no open files, no terminal, its own session. It ends by itself when we do, because its
stdin then does.
"""

import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence

from diptych.adapters.provers import frames
from diptych.crypto.longfellow import Engine
from diptych.errors import FormatError, Unavailable

STARTUP_SECONDS = 15.0
_CHUNK_BYTES = 1024 * 1024
_CANNOT_START = "the proving engine does not start on this machine"

# Longfellow allocates and frees hundreds of megabytes a proof; kept in the heap they cost a fifth less time. glibc
# reads this before main() runs, so it is set before exec.
ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1073741824:glibc.malloc.top_pad=67108864",
    "LC_ALL": "C.UTF-8",
}


class WorkerCrashed(Exception):
    """The process ended, or spoke nonsense, before it answered."""


class WorkerTimedOut(Exception):
    """The process did not answer in time."""


class WorkerProcess:
    """A process of `worker` with one engine, restarted by whoever supervises it."""

    def __init__(self, engine: Engine, *, memory_bytes: int) -> None:
        self._arguments = (engine.value, str(memory_bytes))
        self._popen: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    @property
    def pid(self) -> int | None:
        """The process id, if one was started."""
        return self._popen.pid if self._popen else None

    def start(self) -> None:
        """Start the process unless it is running. Does not wait until it is ready; `Unavailable` if it cannot be."""
        if self._popen is not None and self._popen.poll() is None:
            return
        self.stop()
        try:
            self._popen = self._spawn()
        except OSError as error:
            raise Unavailable("zk.worker_start", _CANNOT_START) from error
        for descriptor in self._descriptors():
            os.set_blocking(descriptor, False)
        _RUNNING.add(self)

    def wait_until_ready(self) -> None:
        """Wait for a started process; `Unavailable` if it does not come up."""
        if self._is_ready:
            return
        try:
            self._is_ready = self._receive(time.monotonic() + STARTUP_SECONDS) == [frames.READY]
        except (WorkerCrashed, WorkerTimedOut) as error:
            self.stop()
            raise Unavailable("zk.worker_start", _CANNOT_START) from error

    def ask(self, fields: Sequence[bytes], *, timeout_seconds: float) -> list[bytes]:
        """The answer's fields. Raises `WorkerCrashed` or `WorkerTimedOut`; then the process is of no more use."""
        deadline = time.monotonic() + timeout_seconds
        self._send(frames.encode(fields), deadline)
        return self._receive(deadline)

    def stop(self) -> None:
        """End the process now, whatever it does. May be called again."""
        popen, self._popen, self._is_ready = self._popen, None, False
        if popen is None:
            return
        popen.kill()
        popen.wait()
        _close_pipes(popen)
        _RUNNING.discard(self)

    def forget(self) -> None:
        """In a forked child: close our copies of the pipes, and leave the process to the parent."""
        popen, self._popen, self._is_ready = self._popen, None, False
        if popen is not None:
            _close_pipes(popen)
            popen.returncode = 0  # not ours to wait for: its end is the parent's business

    def _spawn(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - our interpreter, our module, two arguments of ours
            # -I: no environment, no current folder and no user packages decide which code runs.
            [sys.executable, "-I", "-m", "diptych.adapters.provers.worker", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what native code prints about a document is nobody's
            env=ENVIRONMENT,
            cwd="/",
            bufsize=0,
            close_fds=True,
            start_new_session=True,
        )

    def _descriptors(self) -> tuple[int, int]:
        if self._popen is None or self._popen.stdin is None or self._popen.stdout is None:
            raise WorkerCrashed
        return self._popen.stdin.fileno(), self._popen.stdout.fileno()

    def _send(self, data: bytes, deadline: float) -> None:
        descriptor, _ = self._descriptors()
        remaining = memoryview(data)
        while remaining:
            _wait(descriptor, select.POLLOUT, deadline)
            try:
                remaining = remaining[os.write(descriptor, remaining[:_CHUNK_BYTES]) :]
            except OSError as error:
                raise WorkerCrashed from error

    def _receive(self, deadline: float) -> list[bytes]:
        try:
            length = frames.body_length(self._receive_exactly(frames.LENGTH_BYTES, deadline))
            return frames.parse(self._receive_exactly(length, deadline))
        except FormatError as error:
            raise WorkerCrashed from error

    def _receive_exactly(self, length: int, deadline: float) -> bytes:
        _, descriptor = self._descriptors()
        received = bytearray()
        while len(received) < length:
            _wait(descriptor, select.POLLIN, deadline)
            chunk = os.read(descriptor, length - len(received))
            if not chunk:
                raise WorkerCrashed
            received += chunk
        return bytes(received)


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Until the pipe can be used (or is broken, which using it then tells)."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise WorkerTimedOut


def _close_pipes(popen: "subprocess.Popen[bytes]") -> None:
    for pipe in (popen.stdin, popen.stdout):
        if pipe is not None:
            pipe.close()


# A child forked from us holds copies of the pipes: it would keep workers alive after us, and could speak in our name.
_RUNNING: "weakref.WeakSet[WorkerProcess]" = weakref.WeakSet()


def _forget_all() -> None:
    for worker in list(_RUNNING):
        worker.forget()
    _RUNNING.clear()


os.register_at_fork(after_in_child=_forget_all)
