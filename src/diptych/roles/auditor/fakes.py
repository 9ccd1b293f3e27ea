"""An auditor's memory in a test's memory."""

from dataclasses import dataclass

from diptych.errors import Unavailable
from diptych.protocols.certifying.standing import AttestationNews
from diptych.roles.auditor.model import Waiting


@dataclass
class MemoryBook:
    """`AttestationBook`. With `fail_once` the next write fails, before or after it is saved."""

    under_way: Waiting | None = None
    published: AttestationNews | None = None
    fail_once: str | None = None

    def waiting(self) -> Waiting | None:
        return self.under_way

    def keep(self, waiting: Waiting) -> None:
        self._fail("before")
        self.under_way = waiting
        self._fail("after")

    def last(self) -> AttestationNews | None:
        return self.published

    def finish(self, news: AttestationNews) -> None:
        self._fail("before")
        self.published, self.under_way = news, None
        self._fail("after")

    def _fail(self, moment: str) -> None:
        if self.fail_once == moment:
            self.fail_once = None
            raise Unavailable("book.failed", f"failed {moment} saving")
