"""`diptych log init|tail|monitor`, `witness init`, `serve log|witness`: real processes, killed for real."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from diptych.adapters.http.recorder import HttpRecorder
from diptych.adapters.keys import file
from diptych.cli.demo_processes import free_ports
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import DiptychError
from diptych.formats.tlog.entry import Entry, parse_entry
from diptych.formats.tlog.policy import parse_policy
from diptych.formats.tlog.proof import verify_receipt
from tests.log_world import entries

ORIGIN = "log.utopia.example/acts"
DIPTYCH = str(Path(sys.executable).with_name("diptych"))


def run(*words: object, code: int = 0) -> dict[str, object]:
    done = subprocess.run([DIPTYCH, *map(str, words), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    found: dict[str, object] = json.loads(done.stdout) if done.stdout.strip() else {}
    return found


def act(number: int) -> Entry:
    entry = parse_entry(entries(number, number + 1)[0])
    return Entry(
        entry.act_type, datetime.now(UTC).date(), entry.actor, entry.label, entry.commitment, entry.policy_hash
    )


class Town:
    """Folders of a log and two witnesses, and what runs in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self.signer: SoftwareSigner = generate_signer()
        self.running: dict[str, subprocess.Popen[str]] = {}
        file.write_public_key(folder / "issuer.pub.pem", self.signer.public_key)
        for name in ("w1", "w2"):
            url = f"http://127.0.0.1:{free_ports(1)[0]}"
            run("witness", "init", folder / name, "--name", f"{name}.example", "--url", url)
        witnesses = [word for name in ("w1", "w2") for word in ("--witness", folder / name / "witness.keys")]
        run("log", "init", self.log, "--origin", ORIGIN, "--url", self.url, *witnesses, "--threshold", 2)
        run("log", "admit", self.log, folder / "issuer.pub.pem", "--actor", "issuer")
        for name in ("w1", "w2"):
            run("witness", "follow", folder / name, self.log / "log.keys")

    def start(self, *names: str, under: tuple[str, ...] = ()) -> None:
        for name in names:
            command = [*under, DIPTYCH, "serve", "log" if name == "log" else "witness", str(self.folder / name)]
            errors = (self.folder / f"{name}.err").open("a")
            self.running[name] = subprocess.Popen(command, stdout=errors, stderr=errors, text=True)
            errors.close()

    def wait_until_ready(self, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while True:
            assert time.monotonic() < deadline, (self.folder / "log.err").read_text()
            try:
                if httpx.get(f"{self.url}/ready", trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)

    def end(self, name: str, number: int = signal.SIGTERM) -> int:
        process = self.running.pop(name)
        process.send_signal(number)
        return process.wait(timeout=20)

    def record(self, *numbers: int) -> list[int]:
        policy = parse_policy((self.log / "policy").read_bytes())
        recorder = HttpRecorder(self.url, origin=ORIGIN, signer=self.signer, policy=policy)
        try:
            receipts = recorder.record([act(number) for number in numbers])
        finally:
            recorder.close()
        for receipt in receipts:
            verify_receipt(receipt, policy=policy)
        return [receipt.index for receipt in receipts]

    def verify(self, code: int = 0) -> dict[str, object]:
        options = ("--policy", self.log / "policy", "--evidence", self.folder, "--details")
        return run("log", "verify", self.log / "public", *options, code=code)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    try:
        yield made
    finally:
        for process in made.running.values():
            process.kill()
            process.wait()


def trying() -> contextlib.suppress:
    return contextlib.suppress(DiptychError, httpx.HTTPError)


def test_a_log_and_its_witnesses_from_nothing_to_a_verified_log(town: Town) -> None:
    town.start("w1", "w2", "log")
    town.wait_until_ready()
    assert town.record(*range(5)) == [0, 1, 2, 3, 4]
    found = town.verify()
    assert (found["ok"], found["size"], found["acts"]) == (True, 5, {"issued": 5})
    policy = town.log / "policy"
    tail = subprocess.run(
        [DIPTYCH, "log", "tail", town.url, "--policy", str(policy), "-n", "2", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line["index"] for line in json.loads(tail.stdout)] == [3, 4]
    state = town.folder / "state"
    watch = ("log", "monitor", town.url, "--policy", policy, "--state", state, "--once")
    assert run(*watch)["new"] == 5
    town.record(7)
    assert (run(*watch)["new"], run(*watch)["new"]) == (1, 0)
    # Stopped by name, and whole again afterwards.
    run("log", "repair", town.log, code=1)
    assert town.end("log") == 0
    assert run("log", "repair", town.log)["size"] == 6
    town.start("log")
    town.wait_until_ready()
    assert town.record(7, 8) == [5, 6]


def test_killed_again_and_again_while_it_works_it_loses_nothing(town: Town) -> None:
    town.start("w1", "w2")
    acknowledged: dict[int, int] = {}
    number = 0
    for delay in (0.0, 0.15, 0.21, 0.23, 0.25):
        town.start("log")
        town.wait_until_ready()
        with trying():
            acknowledged |= {number: town.record(number)[0]}
        number += 1
        process = town.running["log"]
        sender = subprocess.Popen(
            [sys.executable, "-c", f"import os,time; time.sleep({delay}); os.kill({process.pid}, 9)"]
        )
        with trying():
            acknowledged |= {number: town.record(number)[0]}
        number += 1
        sender.wait()
        assert town.running.pop("log").wait(timeout=10) == -signal.SIGKILL
    town.start("log")
    town.wait_until_ready()
    assert {n: town.record(n)[0] for n in acknowledged} == acknowledged
    assert town.verify()["ok"]


STRACE = shutil.which("strace")
FAULTS = {
    "killed": [f"{call}:signal=KILL:when={when}" for call, when in (("pwrite64", 1), ("fsync", 1), ("rename", 1))],
    "EIO": ["fdatasync:error=EIO:when=1", "fsync:error=EIO:when=1", "rename:error=EIO:when=1"],
    "ENOSPC": ["pwrite64:error=ENOSPC:when=2", "fsync:error=ENOSPC:when=1"],
}


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_at_a_real_write_loses_nothing_and_it_goes_on_by_itself(town: Town, kind: str) -> None:
    assert STRACE is not None
    town.start("w1", "w2", "log")
    town.wait_until_ready()
    acknowledged = {n: town.record(n)[0] for n in range(2)}
    for fault in FAULTS[kind]:
        log = town.running["log"]
        tracer = subprocess.Popen(
            [STRACE, "-f", "-qq", "-o", os.devnull, "-e", f"inject={fault}", "-p", str(log.pid)],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(1.0)
        number = len(acknowledged)
        with trying():
            town.record(number)
        tracer.kill()  # asked to end, it waits for threads of a process that it has killed
        tracer.wait()
        if kind == "killed":
            log.kill()
            log.wait(timeout=10)
            town.start("log")
        town.wait_until_ready()
        acknowledged |= {number: town.record(number)[0]}
        assert acknowledged[number] == number
    assert {n: town.record(n)[0] for n in acknowledged} == acknowledged
    assert town.verify()["ok"]


def test_a_restored_backup_does_not_start_and_keeps_the_evidence(town: Town) -> None:
    town.start("w1", "w2", "log")
    town.wait_until_ready()
    town.record(0, 1)
    assert town.end("log") == 0
    shutil.copytree(town.log, town.folder / "backup")
    town.start("log")
    town.wait_until_ready()
    town.record(2)
    town.end("log")
    shutil.rmtree(town.log)
    shutil.copytree(town.folder / "backup", town.log)
    town.start("log")
    assert town.running.pop("log").wait(timeout=30) == 1
    assert "log.rolled_back" in (town.folder / "log.err").read_text()
    assert (town.log / "evidence" / "checkpoint-of-ours").read_bytes().startswith(f"{ORIGIN}\n3\n".encode())
