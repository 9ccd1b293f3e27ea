"""Acts wait here for a fraction of a second and go into the log together, so that it makes few checkpoints.

One batch at a time, in a thread; what it takes to make it public is left to `roles/log`.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from fastapi.concurrency import run_in_threadpool

from diptych.adapters.journal import Check, Event, Journal, Line
from diptych.errors import DiptychError, Unavailable
from diptych.formats.tlog.proof import LogProof
from diptych.roles.log.model import Halted
from diptych.roles.log.service import MAX_BATCH, Log, check_entries

MAX_WAITING = 16 * MAX_BATCH
RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class _Waiting:
    """Acts of one submission, since when they wait (the loop's time), and who is to be answered."""

    entries: Sequence[bytes]
    since: float
    answer: "asyncio.Future[Sequence[LogProof]]"


class Pool:
    """The door to one log. `run` works until it is cancelled; `on_halt` is told why the log has stopped for good."""

    def __init__(
        self,
        log: Log,
        *,
        clock: Callable[[], datetime],
        seconds: float,
        journal: Journal,
        on_halt: Callable[[Halted], None] = lambda halted: None,
    ) -> None:
        self._log = log
        self._clock = clock
        self._seconds = seconds
        self._journal = journal
        self._on_halt = on_halt
        self._waiting: list[_Waiting] = []
        self._count = 0
        self._some, self._many = asyncio.Event(), asyncio.Event()
        self._trouble: DiptychError | None = Unavailable("log.start", "the log is starting: try again")

    def check_ready(self) -> None:
        """Raises why the log cannot take acts now."""
        if self._trouble is not None:
            raise self._trouble

    async def submit(self, entries: Sequence[bytes]) -> Sequence[LogProof]:
        """The receipts, once the entries are public."""
        check_entries(entries, now=self._clock())  # before it shares a batch with others
        self.check_ready()
        if self._count + len(entries) > MAX_WAITING:
            raise Unavailable("log.busy", "too many acts are waiting: try again")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(entries, loop.time(), loop.create_future())
        self._waiting.append(waiting)
        self._count += len(entries)
        self._some.set()
        if self._count >= MAX_BATCH:
            self._many.set()
        return await waiting.answer

    async def run(self) -> None:
        """Batch after batch. A log in trouble is started again every second, until it is whole or halted."""
        try:
            while True:
                if self._trouble is not None:
                    await self._start()
                    continue
                await self._some.wait()
                # Those who came while the last batch was written have waited already.
                until = self._waiting[0].since + self._seconds
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        await self._many.wait()
                await self._append(self._take())
        finally:
            self._answer(self._take(), Unavailable("log.stopping", "the log is stopping: try again"))

    async def _start(self) -> None:
        try:
            await run_in_threadpool(self._log.start, now=self._clock())
            self._trouble = None
        except Halted as halted:
            self._note(halted)
            self._trouble = halted
            self._on_halt(halted)
            await asyncio.Event().wait()  # for ever: only a person can mend this
        except DiptychError as error:
            self._note(error)
            self._trouble = error
            await asyncio.sleep(RETRY_SECONDS)
        except Exception as error:  # the outermost door of this task: the next round tries again
            self._journal.bug(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _append(self, batch: Sequence[_Waiting]) -> None:
        entries = [entry for waiting in batch for entry in waiting.entries]
        try:
            appended = await run_in_threadpool(self._log.append, entries, now=self._clock())
        except DiptychError as error:
            self._note(error)
            self._trouble = error
            self._answer(batch, error)
            return
        except Exception as error:  # the outermost door of this task
            self._journal.bug(error)
            self._trouble = Unavailable("log.trouble", "something went wrong here, and was noted: try again")
            self._answer(batch, self._trouble)
            return
        at = 0
        for waiting in batch:
            count = len(waiting.entries)
            if not waiting.answer.done():
                waiting.answer.set_result(appended.receipts[at : at + count])
            at += count

    def _take(self) -> Sequence[_Waiting]:
        """Those who came first, as many as fit into one batch."""
        taken, count = 0, 0
        while taken < len(self._waiting) and count + len(self._waiting[taken].entries) <= MAX_BATCH:
            count += len(self._waiting[taken].entries)
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._count -= count
        if not self._waiting:
            self._some.clear()
        if self._count < MAX_BATCH:
            self._many.clear()
        return batch

    def _answer(self, batch: Sequence[_Waiting], error: DiptychError) -> None:
        for waiting in batch:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)

    def _note(self, error: DiptychError) -> None:
        self._journal.write(Line(Event.CHORE, check=Check(error.check)))
