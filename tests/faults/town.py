"""A town of real processes on one machine: officer, issuer, verifier, wallets, each with its folder, to be killed."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.http.order_desk import HttpOrderDesk
from diptych.adapters.http.relying_party import RelyingParty
from diptych.adapters.keys import file
from diptych.adapters.storage.wallet import create_wallet_store, open_wallet_store
from diptych.adapters.verifier_folder import read_api_key
from diptych.crypto.passphrase import LEAST_HARDNESS
from diptych.private import Secret
from diptych.roles.officer.fakes import MemoryAttempts
from diptych.roles.officer.model import Approval
from diptych.roles.officer.order_file import template
from diptych.roles.officer.service import Officer
from diptych.roles.wallet.service import Wallet
from tests import log_processes
from tests.faults import warm
from tests.faults.gate import Gate
from tests.faults.warm import Forked
from tests.issuer_process import free_port
from tests.log_processes import RECORDING, LogProcesses
from tests.play import FakeProver

PASSPHRASE = "seven seals in bronze"
ENVIRONMENT = {**os.environ, "DIPTYCH_WALLET_PASSPHRASE": PASSPHRASE}
HELD = {"driving-licence": 10, "proof-of-age": 30, "driving-entitlement": 10}
START_SECONDS = 30


@dataclass
class Server:
    """One role as a server: started, killed and started again on the same folder and port."""

    role: str
    folder: Path
    url: str
    environment: Mapping[str, str] | None = None
    gate: Gate | None = field(default=None, init=False)
    """It writes through this, if it is there when the server is started."""
    process: "subprocess.Popen[bytes] | Forked | None" = field(default=None, init=False)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> Path:
        return self.folder.parent / f"{self.role}.log"

    @property
    def database(self) -> Path:
        return database_in(self.folder)

    @property
    def _remembered(self) -> Path:
        return self.folder.with_name(f"{self.role}-remembered")

    def remember(self) -> None:
        """Its folder as it stands, for `begin_anew`."""
        assert self.process is None
        shutil.rmtree(self._remembered, ignore_errors=True)
        shutil.copytree(self.folder, self._remembered)

    def begin_anew(self) -> None:
        """Serve from the folder as it was remembered, whatever became of the process and the folder since."""
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder)
        shutil.copytree(self._remembered, self.folder)
        self.start()

    def start(self) -> None:
        assert self.process is None
        self.log.write_bytes(b"")
        self.process = self._begun()
        deadline = time.monotonic() + START_SECONDS
        while b"listening" not in self.log.read_bytes():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)

    def _begun(self) -> "subprocess.Popen[bytes] | Forked":
        command, environment = ("serve", self.role, str(self.folder)), self.environment or os.environ
        if self.gate is not None:
            address = self.gate.address
            return Forked(command, output=self.log, errors=self.log, environment=environment, behind=address)
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "diptych", *command],
                stderr=log,
                stdout=log,
                env=environment,
                start_new_session=True,
            )

    def kill(self) -> None:
        """kill -9 of the server and of every process of its own."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    @property
    def is_dead(self) -> bool:
        """Whether its first process has ended by itself, or by somebody else."""
        return self.process is not None and self.process.poll() is not None

    def ended(self) -> None:
        """It was killed by somebody else."""
        assert self.process is not None
        assert self.process.wait(10) == -signal.SIGKILL
        self.process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None


class Town:
    """Everybody, from `init` on. Wallets are copies of one that has just been made."""

    def __init__(self, folder: Path, log: LogProcesses | None = None) -> None:
        self.folder = folder
        ports = free_port(), free_port()
        around = None if log is None else RECORDING
        self.issuer = Server("issuer", folder / "issuer", f"http://127.0.0.1:{ports[0]}", around)
        self.verifier = Server("verifier", folder / "verifier", f"http://127.0.0.1:{ports[1]}")
        run("officer", "init", str(folder / "officer"), "--issuer", self.issuer.url)
        key = folder / "officer" / "officer.pub.pem"
        made = ("issuer", "init", str(self.issuer.folder), "--url", self.issuer.url, "--officer-key", str(key))
        if log is None:
            run(*made)
        else:
            log_processes.run(*made, "--log-policy", log.policy)
            log.admit(self.issuer.folder / "log.pub.pem")
        trust = self.issuer.folder / "trust.json"
        run("verifier", "init", str(self.verifier.folder), "--url", self.verifier.url, "--trust", str(trust))
        self.issuer.remember()
        self.verifier.remember()
        self._trust = trust.read_bytes(), (self.verifier.folder / "verifier-trust.json").read_bytes()
        self._wallets = 0
        self.order_file = folder / "order.toml"
        self.order_file.write_text(
            template(load_catalogue().type("driving-licence"), load_catalogue(), specimen=True), encoding="utf-8"
        )

    def stop(self) -> None:
        for server in (self.issuer, self.verifier):
            server.stop()

    def approve(self) -> Approval:
        """A new order each time, placed over HTTP."""
        signer = file.read_signer(self.folder / "officer" / "officer.key.pem")
        desk = HttpOrderDesk(self.issuer.url)
        officer = Officer(load_catalogue(), signer, self.issuer.url, desk, MemoryAttempts(), 6, timedelta(days=7))
        return officer.approve(self.order_file.read_bytes(), {}, now=datetime.now(UTC), entropy=os.urandom)

    def relying_party(self) -> RelyingParty:
        return RelyingParty(self.verifier.url, key=read_api_key(self.verifier.folder))

    def new_wallet(self, model: Path | None = None) -> Path:
        """The folder of a wallet: an empty one, or a copy of `model`."""
        self._wallets += 1
        found = self.folder / f"wallet-{self._wallets}"
        if model is not None:
            shutil.copytree(model, found)
            store = open_wallet_store(found / "wallet.db", Secret(PASSPHRASE.encode()), entropy=os.urandom)
            store.adopt(())  # else it says that it is a copy
            return found
        found.mkdir(mode=0o700)
        store = create_wallet_store(
            found / "wallet.db", Secret(PASSPHRASE.encode()), hardness=LEAST_HARDNESS, entropy=os.urandom
        )
        Wallet(store, None, None, FakeProver(), os.urandom).set_trust(*self._trust)  # type: ignore[arg-type]
        return found


def family(pid: int) -> list[int]:
    """A process and all that descend from it, in whatever group or session they are; none that has ended."""
    children: dict[int, list[int]] = {}
    alive = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            state, parent = place.read_text().rpartition(")")[2].split()[:2]
            children.setdefault(int(parent), []).append(int(place.parent.name))
            if state not in "ZX":
                alive.add(int(place.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return [one for one in found if one in alive]


def living(pids: list[int], *, patience_seconds: float = 5.0) -> list[int]:
    """Which of these processes still run after a while."""
    deadline = time.monotonic() + patience_seconds
    while (found := [pid for pid in pids if pid in family(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def run(*arguments: str) -> dict[str, object]:
    """A command that succeeds; its answer."""
    done = attempt(*arguments)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def attempt(*arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command, to its end."""
    return warm.run([*arguments, "--json"], environment=ENVIRONMENT, typed=typed)


def database_in(folder: Path) -> Path:
    """The one database of a folder."""
    (found,) = [path for path in folder.iterdir() if path.suffix in (".db", ".sqlite")]
    return found


def rows(database: Path, query: str) -> list[tuple[object, ...]]:
    """What a database says to somebody who comes after a crash; its pages are whole."""
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute(query).fetchall()
