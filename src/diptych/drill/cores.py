"""Work on a whole town, on every core: a list of jobs, each done in a process of its own and answered in its turn.

One job is done where one is, so that a small town starts no process. A job carries what it works on, at most `PART`
people or rows; whoever wants it in bounded memory makes it small, not this.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from threading import Thread
from typing import TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")

WATCH_SECONDS = 1.0
PART = 500
"""So many people, records or rows are one job."""


@dataclass
class Cores:
    """The processes, started when first needed; `close` ends them."""

    count: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    _pool: ProcessPoolExecutor | None = None

    def each(self, do: Callable[[Job], Done], jobs: Sequence[Job]) -> Iterator[Done]:
        """What `do`, a function of a module, makes of each job, in their order."""
        if len(jobs) < 2:
            return map(do, jobs)
        if self._pool is None:
            # Spawned, because this process has threads, and a forked one would have their locks as they are.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.count, context, initializer=_end_with, initargs=(os.getpid(),))
        return self._pool.map(do, jobs)

    def close(self) -> None:
        """No more jobs."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _end_with(drill: int) -> None:
    """In a worker: a drill that is killed cannot stop it any more, and no job tells it so."""

    def watch() -> None:
        while os.getppid() == drill:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    Thread(target=watch, daemon=True, name="watch").start()


def parts(count: int, size: int = PART) -> list[range]:
    """0 to `count` - 1 in parts of at most that size."""
    return [range(start, min(count, start + size)) for start in range(0, count, size)]
