"""A town for the registry's bench: log, witnesses, registry and five trustees, each a process, and an officer.

Every write is synced, as in earnest. What is measured there is left to `bench_registry_load`.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from diptych.adapters import log_writer
from diptych.adapters.http.holders import HttpAnswers, HttpRegistryLine
from diptych.adapters.keys import file
from diptych.adapters.log_files import open_log_files
from diptych.adapters.log_history import FileHistory
from diptych.adapters.storage.engine import Location
from diptych.cli.demo_log import WITNESSES, LogChapter
from diptych.cli.demo_processes import Commands, free_ports
from diptych.cli.demo_registry import ACTORS, FOLDERS, WRITER, RegistryChapter
from diptych.config import OFFICER_KEY, SETTINGS_FILE
from diptych.formats.civil_status.places import Places
from diptych.private import Secret
from diptych.roles.officer.workstation import Workstation

SQLITE, POSTGRESQL = "sqlite", "postgresql"
WORKSTATION = "workstation"

_QUOTAS = {
    "officer = 20, agency = 500": "officer = 100000, agency = 100000",
    "officer_a_day = 200\n": "officer_a_day = 1000000\n",
    "agency_a_day = 20000\n": "agency_a_day = 1000000\n",
}

Progress = Callable[[str], None]


@dataclass
class TimedLine:
    """`RegistryLine` that says how long each answer took."""

    line: HttpRegistryLine
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.line.url

    def send(self, path: str, body: bytes | None) -> bytes:
        started = time.perf_counter()
        answer = self.line.send(path, body)
        self.seconds[path] = time.perf_counter() - started
        return answer


@dataclass
class Town:
    """An officer's workstation, and what it is in front of."""

    workstation: Workstation
    answers: HttpAnswers
    database: Location
    kind: str
    processes: Mapping[str, int]

    def processor_seconds(self) -> Mapping[str, float]:
        """What each process has used, this one too."""
        used = {name: _used(process) for name, process in self.processes.items()}
        return {**used, WORKSTATION: time.process_time()}


@contextmanager
def found_town(postgresql: str | None, progress: Progress) -> Iterator[Town]:
    """Everybody founded and running, with an officer at a workstation."""
    kind = SQLITE if postgresql is None else POSTGRESQL
    progress(f"founding a registry with five trustees, on {kind}")
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as name, ExitStack() as closing:
        root = Path(name)
        log_url, registry_url, *urls = [f"http://127.0.0.1:{port}" for port in free_ports(2 + 2 + len(FOLDERS))]
        commands = closing.enter_context(Commands(root, {}, quiet=True))
        log = LogChapter(commands, log_url, urls[: len(WITNESSES)])
        chapter = RegistryChapter(
            commands, registry_url, urls[len(WITNESSES) :], log.policy, log_url, "officer/officer.pub.pem"
        )
        log.make()
        commands.run("officer", "init", "officer")
        chapter.make()
        for folder in ("registry", *FOLDERS):
            _without_quotas(root / folder / "policy.toml")
        location: Location = root / "registry" / "registry.db"
        if postgresql is not None:
            location = Secret(postgresql.encode())
            with (root / "registry" / SETTINGS_FILE).open("a", encoding="utf-8") as settings:
                settings.write(log_writer.settings_text(database=postgresql))
        log.start([(WRITER, actor) for actor in ACTORS])
        chapter.start()
        workstation, answers = _at_the_counter(commands, chapter, closing)
        processes = {name: server.pid for name, server in commands.servers.items()}
        yield Town(workstation, answers, location, kind, processes)


def _at_the_counter(
    commands: Commands, chapter: RegistryChapter, closing: ExitStack
) -> tuple[Workstation, HttpAnswers]:
    root, line, answers = commands.root, HttpRegistryLine(chapter.url), HttpAnswers(chapter.url)
    closing.callback(line.close)
    closing.callback(answers.close)
    workstation = Workstation(
        file.read_signer(root / "officer" / OFFICER_KEY),
        file.read_public_key(root / "registry" / "agency.pem"),
        log_writer.read_policy(root / "log" / "policy"),
        TimedLine(line),
        answers,
        FileHistory(open_log_files(chapter.log_url)),
        Places(),
    )
    return workstation, answers


def _used(process: int) -> float:
    """Seconds of processor time: user and system, fields 14 and 15 of proc(5)'s stat."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _without_quotas(policy: Path) -> None:
    """As many look-ups and openings a day as a bench needs."""
    text = policy.read_text(encoding="utf-8")
    for few, many in _QUOTAS.items():
        text = text.replace(few, many)
    policy.write_text(text, encoding="utf-8")
