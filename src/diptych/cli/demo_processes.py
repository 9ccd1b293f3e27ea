"""The demo's stagehands: its folder, its ports, and the processes of the roles it starts and stops.

What is played on this stage is left to `demo`.
"""

import ctypes
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, progress
from diptych.errors import Conflict, Refused, Unavailable

MARKER = ".diptych-demo"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
COMMAND_SECONDS = 120.0
PR_SET_PDEATHSIG = 1
PORTS = range(20_000, 32_768)
"""Below those that Linux gives to whoever connects without asking for one (ip_local_port_range)."""


@contextmanager
def own_folder(root: Path) -> Iterator[None]:
    """`root`, emptied and locked for one demo. A folder that no demo made is never touched."""
    marker = root / MARKER
    if root.exists() and not marker.exists() and any(root.iterdir()):
        raise Refused("demo.folder", f"{root} has files that no demo made: name another with --folder")
    root.mkdir(parents=True, exist_ok=True)
    with marker.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("demo.running", f"a demo is running in {root}: stop it, or name another --folder") from error
        for entry in root.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry != marker:
                entry.unlink()
        yield


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, of those that nobody is given by chance until they are used."""
    ports: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise Unavailable("demo.ports", "no port is free on this machine: stop something that listens, and try again")


@dataclass(frozen=True)
class Server:
    """One role to run: where it answers, and its folder."""

    role: str
    url: str
    folder: str


@dataclass
class Question:
    """A command that runs, and waits at some moment for what its user types. It ends with its block."""

    arguments: Sequence[str]
    process: subprocess.Popen[bytes]
    told: bytes = field(init=False, default=b"")

    def __enter__(self) -> "Question":
        return self

    def __exit__(self, *exception: object) -> None:
        with self.process:  # which closes its pipes
            if self.process.poll() is None:
                self.process.kill()

    def wait_for(self, prompt: bytes) -> None:
        """Read what it tells until it asks; `Refused` with its own words if it ends instead."""
        assert self.process.stderr is not None
        while prompt not in self.told:
            piece = os.read(self.process.stderr.fileno(), 4096)
            if not piece:
                self._finish(b"", expects=())
            self.told += piece

    def answer(self, typed: str, *, expects: int) -> dict[str, object]:
        """Type one line. Its JSON answer, as of `Commands.run`."""
        return self._finish(typed.encode() + b"\n", (expects,))

    def _finish(self, typed: bytes, expects: Sequence[int]) -> dict[str, object]:
        said, told = self.process.communicate(typed, timeout=COMMAND_SECONDS)
        done = subprocess.CompletedProcess(self.process.args, self.process.returncode, said, self.told + told)
        return _answer_of(self.arguments, done, expects)


@dataclass
class Commands:
    """The `diptych` command, run as processes of their own inside the demo's folder."""

    root: Path
    environment: Mapping[str, str]
    quiet: bool
    program: Sequence[str] = (sys.executable, "-m", "diptych")
    servers: dict[str, subprocess.Popen[bytes]] = field(init=False, default_factory=dict)

    def __enter__(self) -> "Commands":
        return self

    def __exit__(self, *exception: object) -> None:
        """Every server started here is stopped, whatever happened."""
        self._stop_servers()

    def say(self, line: str) -> None:
        """One line of the story, on stderr."""
        progress(("" if self.quiet else "\n") + line)

    def run(self, *arguments: str, expects: int = 0) -> dict[str, object]:
        """The JSON answer of one command; `Refused` with its own words when it does not end as expected."""
        return self._run(arguments, (expects,), COMMAND_SECONDS)

    def judge(self, *arguments: str, seconds: float) -> dict[str, object]:
        """The JSON answer of a command that says whether something holds, whichever it says; it may take longer."""
        return self._run(arguments, (0, EXIT_DOES_NOT_HOLD), seconds)

    def _run(self, arguments: Sequence[str], expects: Sequence[int], seconds: float) -> dict[str, object]:
        if not self.quiet:
            progress("  $ diptych " + " ".join(_short(argument) for argument in arguments))
        done = subprocess.run(  # noqa: S603  # our own program, no shell
            [*self.program, *arguments, "--json"],
            cwd=self.root,
            env=self._environment(self.environment),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
        return _answer_of(arguments, done, expects)

    def begin(self, *arguments: str) -> "Question":
        """A command that asks its user something before it goes on."""
        if not self.quiet:
            progress("  $ diptych " + " ".join(_short(argument) for argument in arguments))
        process = subprocess.Popen(  # noqa: S603  # our own program, no shell
            [*self.program, *arguments, "--json"],
            cwd=self.root,
            env=self._environment(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return Question(arguments, process)

    def serve(
        self,
        role: str,
        url: str,
        settings: Mapping[str, str] | None = None,
        *,
        folder: str | None = None,
        is_up: str = "/health",
    ) -> None:
        """Start `role` as a server that answers at `url`; its words go to `server.log` in its folder."""
        name = folder or role
        self._wait_until_up(name, self._begin(role, name, settings), url + is_up)

    def serve_all(self, servers: Sequence[Server]) -> None:
        """Start all of them side by side, and wait for each."""
        begun = [(one, self._begin(one.role, one.folder, None)) for one in servers]
        for one, process in begun:
            self._wait_until_up(one.folder, process, one.url + "/health")

    def _begin(self, role: str, name: str, settings: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
        place = self.root / name
        temporary = place / "tmp"
        temporary.mkdir(exist_ok=True)
        with (place / "server.log").open("ab") as log:
            server = subprocess.Popen(  # noqa: S603  # our own program, no shell
                [*self.program, "serve", role, name],
                cwd=self.root,
                # Temporary files, if any role ever makes one, are searched with the rest.
                env=self._environment({"TMPDIR": str(temporary), **(settings or {})}),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                # Ctrl-C reaches the demo alone, which then stops its servers in order.
                start_new_session=True,
                preexec_fn=ending_with(os.getpid()),  # noqa: PLW1509  # the demo has no threads
            )
        self.servers[name] = server
        return server

    @staticmethod
    def _environment(more: Mapping[str, str]) -> dict[str, str]:
        """This process's own, less every setting of Diptych: a demo must not write to somebody's real database."""
        return {name: value for name, value in os.environ.items() if not name.startswith("DIPTYCH_")} | dict(more)

    def stop(self, *names: str) -> None:
        """Stop these servers, and wait for them."""
        for name in names:
            _end(self.servers.pop(name))

    def _wait_until_up(self, role: str, server: subprocess.Popen[bytes], url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise Unavailable("demo.server", f"the {role} did not start: {self._last_words(role)}")
            try:
                if httpx.get(url, timeout=1, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise Unavailable("demo.server", f"the {role} did not answer within {START_SECONDS:.0f} seconds")

    def _last_words(self, role: str) -> str:
        words = (self.root / role / "server.log").read_text(errors="replace").strip().splitlines()
        return words[-1] if words else "it said nothing"

    def _stop_servers(self) -> None:
        for server in self.servers.values():
            server.terminate()
        for server in self.servers.values():
            _end(server)


def _answer_of(
    arguments: Sequence[str], done: "subprocess.CompletedProcess[bytes]", expects: Sequence[int]
) -> dict[str, object]:
    """The JSON answer of a command that ended; `Refused` with its own words unless it did so as expected."""
    answer = json.loads(done.stdout) if done.stdout.strip() else {}
    if done.returncode not in expects:
        error = answer.get("error", {})
        last_line = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
        raise Refused(
            str(error.get("check", "demo.command")),
            f"diptych {' '.join(arguments[:2])} failed: {error.get('message', last_line)}",
        )
    assert isinstance(answer, dict)
    return answer


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def ending_with(demo: int) -> Callable[[], None]:
    """In a server, first of all: a demo or drill that is killed cannot stop its servers any more; they end with it."""

    def prepare() -> None:
        with suppress(AttributeError):  # where there is no Linux
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != demo:
            os._exit(1)

    return prepare


def _short(argument: str) -> str:
    return argument if len(argument) <= 60 else argument[:57] + "..."
