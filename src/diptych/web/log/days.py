"""Closing the log's days: makes the label tree when it is due, records its act through the same door as everybody.

What a tree is, and when it is due, is left to `roles/log`. Acts go on being taken meanwhile.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from fastapi.concurrency import run_in_threadpool

from diptych.adapters.journal import Check, Event, Journal, Line
from diptych.errors import DiptychError
from diptych.roles.log.labels import LabelTrees
from diptych.roles.log.service import Log
from diptych.web.log.pool import Pool

LOOK_SECONDS = 30.0


class Days:
    """The days of one log. `run` works until it is cancelled; what fails is tried again at the next look."""

    def __init__(
        self,
        log: Log,
        pool: Pool,
        trees: LabelTrees,
        *,
        clock: Callable[[], datetime],
        journal: Journal,
        seconds: float = LOOK_SECONDS,
    ) -> None:
        self._log = log
        self._pool = pool
        self._trees = trees
        self._clock = clock
        self._journal = journal
        self._seconds = seconds

    async def run(self) -> None:
        """Look again and again whether a day is over."""
        while True:
            try:
                await self.close()
            except DiptychError as error:
                self._journal.write(Line(Event.CHORE, check=Check(error.check)))
            except Exception as error:  # the outermost door of this task: the next look tries again
                self._journal.bug(error)
            await asyncio.sleep(self._seconds)

    async def close(self) -> None:
        """Close the day, if it is over."""
        published = self._log.published
        if published is None:
            return
        size = published.checkpoint.size
        plan = await run_in_threadpool(self._trees.due, size=size, now=self._clock())
        if plan is None:
            return
        entry = await run_in_threadpool(self._trees.entry, plan)
        (receipt,) = await self._pool.submit((entry,))
        await run_in_threadpool(self._trees.publish, plan, receipt)
        self._journal.write(Line(Event.CHORE))
