"""Commands that begin at once: each is forked from a process that has read all of Diptych, and has done nothing yet.

A command takes most of a second of a core to begin from nothing, and a test that kills one a hundred times begins it
two hundred times.
"""

import io
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import diptych
from tests.faults import gate

COMMAND_SECONDS = 120
_LATE = ("sqlalchemy.dialects.sqlite.pysqlite", "alembic.command", "uvicorn.lifespan.on", "uvicorn.loops.auto")
_BESIDE = ("__main__", ".fakes", ".migrations")
_LAST = "tests.faults.warmed"


def _modules() -> list[str]:
    found = [module.name for module in pkgutil.walk_packages(diptych.__path__, "diptych.")]
    return [__name__, *(name for name in found if not any(part in name for part in _BESIDE)), *_LATE, _LAST]


_forks = get_context("forkserver")
_forks.set_forkserver_preload(_modules())


@dataclass(frozen=True)
class _Given:
    arguments: tuple[str, ...]
    output: Path
    errors: Path
    environment: dict[str, str]
    behind: str | None
    typed: str | None

    def act(self) -> None:
        """In the fork: be the command."""
        os.setsid()
        for path, descriptor in ((self.output, 1), (self.errors, 2)):
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, descriptor)
            os.close(opened)
        os.environ.clear()
        os.environ.update(self.environment)
        sys.argv = ["diptych", *self.arguments]
        sys.stdin = io.StringIO(self.typed or "")
        if self.behind is not None:
            gate.enter(self.behind)
        from diptych.app import main

        main()


class Forked:
    """A command at work, in a session of its own; known as `subprocess.Popen` is, as far as it is needed here."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        output: Path,
        errors: Path,
        environment: Mapping[str, str],
        behind: str | None = None,
        typed: str | None = None,
    ) -> None:
        given = _Given(tuple(arguments), output, errors, dict(environment), behind, typed)
        self._process: ForkServerProcess = _forks.Process(target=given.act, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """The same, once it has ended; `TimeoutExpired` if it does not."""
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("diptych", seconds or 0)
        return code

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()


def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], behind: str | None = None, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    """A command to its end, or to wherever it is killed."""
    with tempfile.TemporaryDirectory(prefix="diptych-warm-") as folder:
        said = Path(folder) / "output", Path(folder) / "errors"
        command = Forked(arguments, output=said[0], errors=said[1], environment=environment, behind=behind, typed=typed)
        try:
            code = command.wait(COMMAND_SECONDS)
        finally:
            command.kill()
        output, errors = (path.read_text(encoding="utf-8") for path in said)
    return subprocess.CompletedProcess(list(arguments), code, output, errors)
