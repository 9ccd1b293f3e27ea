"""A log and its witnesses as real processes on this machine, made and run by the commands."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from diptych.cli.demo_processes import free_ports
from diptych.config import variable

ORIGIN = "log.utopia.example/acts"
DIPTYCH = str(Path(sys.executable).with_name("diptych"))
START_SECONDS = 30

RECORDING = {name: value for name, value in os.environ.items() if name != variable("issuer", "without_log")}
"""The environment of an issuer that is not told to do without a log."""


def free_port() -> int:
    return free_ports(1)[0]


def run(*words: object, code: int = 0) -> dict[str, object]:
    """A command to its end; what it says in JSON."""
    done = subprocess.run(
        [DIPTYCH, *map(str, words), "--json"], capture_output=True, text=True, check=False, env=RECORDING, timeout=120
    )
    assert done.returncode == code, done.stderr + done.stdout
    found: dict[str, object] = json.loads(done.stdout) if done.stdout.strip() else {}
    return found


@dataclass
class LogProcesses:
    """A log under two witnesses, both of whom must sign."""

    folder: Path
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.log = self.folder / "log"
        self.url = f"http://127.0.0.1:{free_port()}"
        for name in ("w1", "w2"):
            url = f"http://127.0.0.1:{free_port()}"
            run("witness", "init", self.folder / name, "--name", f"{name}.example", "--url", url)
        witnesses = [word for name in ("w1", "w2") for word in ("--witness", self.folder / name / "witness.keys")]
        run("log", "init", self.log, "--origin", ORIGIN, "--url", self.url, *witnesses, "--threshold", 2)
        for name in ("w1", "w2"):
            run("witness", "follow", self.folder / name, self.log / "log.keys")

    @property
    def policy(self) -> Path:
        return self.log / "policy"

    def admit(self, public_key: Path, actor: str = "issuer") -> None:
        run("log", "admit", self.log, public_key, "--actor", actor)

    def start(self, *names: str) -> None:
        """These, or all, until the log takes acts."""
        for name in names or ("w1", "w2", "log"):
            with (self.folder / f"{name}.err").open("a") as errors:
                command = [DIPTYCH, "serve", "log" if name == "log" else "witness", str(self.folder / name)]
                self.running[name] = subprocess.Popen(
                    command, stdout=errors, stderr=errors, text=True, start_new_session=True
                )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            assert time.monotonic() < deadline, (self.folder / "log.err").read_text()
            time.sleep(0.05)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready", trust_env=False, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def end(self, name: str, number: int = signal.SIGTERM) -> None:
        process = self.running.pop(name)
        process.send_signal(number)
        process.wait(30)

    def stop(self) -> None:
        for name in list(self.running):
            self.end(name)

    def verified(self) -> dict[str, object]:
        """What `diptych log verify` says of the files, if it finds nothing wrong."""
        return run("log", "verify", self.log / "public", "--policy", self.policy, "--details")
