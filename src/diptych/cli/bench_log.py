"""The public log's speed, with every write synced: batches in process, acts acknowledged over HTTP, a million verified.

Two witnesses cosign everywhere. What the numbers are printed for is left to `bench`.
"""

import hashlib
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from diptych.adapters import log_folder
from diptych.adapters.http.recorder import HttpRecorder
from diptych.adapters.keys import file
from diptych.adapters.log_files import FolderLogFiles
from diptych.adapters.storage.log import open_log_store
from diptych.adapters.storage.witness import open_witness_store
from diptych.adapters.tile_folder import TileFolder
from diptych.cli.demo_processes import free_ports
from diptych.crypto.signing import generate_signer
from diptych.errors import Unavailable
from diptych.formats.tlog import checkpoint as checkpoints
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import Checkpoint
from diptych.formats.tlog.entry import ActorClass, ActType, Entry
from diptych.protocols.witnessing.add_checkpoint import AddCheckpoint, Answer, checkpoint_path
from diptych.roles.auditor.log_audit import audit
from diptych.roles.log.fakes import AskWitness, CalledRound, CalledWitnesses, ShowLatest
from diptych.roles.log.growth import Edge
from diptych.roles.log.model import contacts_of
from diptych.roles.log.service import CHECKPOINT, Log
from diptych.roles.witness.service import Witness

BATCHES = (1, 10, 100, 1000)
CLIENTS = 64
CLIENT_PROCESSES = 2
ACTS_A_REQUEST = 16
MILLION = 1_000_000
STEP = 65_536
PROOF_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
PROOFS = 300
START_SECONDS = 90.0
ORIGIN = "log.bench.example/acts"
WITNESSES = ("witness-1", "witness-2")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ReceiptTime:
    """How long a writer waits for its receipts, all of which it verifies."""

    p50: float
    p99: float


@dataclass(frozen=True)
class ProofCost:
    """An inclusion proof in a log of some size: what it weighs, what building it reads, what verifying it takes."""

    hashes: float
    bytes: float
    nodes_read: float
    verify_us: float


@dataclass(frozen=True)
class Result:
    """What was measured. `batches`: entries a second by batch size, in process, two witnesses, every write synced.

    `http_acts_per_second` is with 64 clients, 16 acts a request; `receipt_ms` is theirs. `http_single_acts_per_second`
    is with one act a request, `receipt_ms_alone` that of one client alone. Acts are pooled for 200 ms in all of them.
    """

    batches: dict[str, float]
    http_acts_per_second: float
    http_single_acts_per_second: float
    receipt_ms: ReceiptTime
    receipt_ms_alone: ReceiptTime
    bytes_per_entry: float
    verify_seconds_per_million: float
    verified_entries: int
    proofs: dict[str, ProofCost]


def measure(*, seconds: float, entries: int, progress: Progress) -> Result:
    """Everything; `seconds` for each rate, `entries` in the log that is verified offline."""
    batches: dict[str, float] = {}
    weight = 0.0
    for batch in BATCHES:
        progress(f"Batches of {batch} ...")
        batches[str(batch)], weight = _append_in_process(batch, seconds)
    progress(f"{CLIENTS} clients over HTTP ...")
    with _town() as town:
        alone, _ = _clients(town, clients=1, acts=1, seconds=seconds)
        _, single = _clients(town, clients=CLIENTS, acts=1, seconds=seconds)
        times, many = _clients(town, clients=CLIENTS, acts=ACTS_A_REQUEST, seconds=seconds)
    progress(f"Verifying {entries} entries ...")
    return Result(
        batches=batches,
        http_acts_per_second=round(many, 1),
        http_single_acts_per_second=round(single, 1),
        receipt_ms=_percentiles(times),
        receipt_ms_alone=_percentiles(alone),
        bytes_per_entry=round(weight, 1),
        verify_seconds_per_million=round(_verify(entries) * MILLION / entries, 2),
        verified_entries=entries,
        proofs={str(size): _proof_cost(size) for size in PROOF_SIZES},
    )


def act(number: int) -> Entry:
    """An act that no other number has."""
    digest = hashlib.sha256(b"%d %d" % (os.getpid(), number)).digest()
    return Entry(ActType.ISSUED, datetime.now(UTC).date(), ActorClass.ISSUER, digest, digest, bytes(32))


# In process


def _append_in_process(batch: int, seconds: float) -> tuple[float, float]:
    """Entries a second, and bytes of database and files for each."""
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as name, ExitStack() as closing:
        folder = Path(name)
        _make_folders(folder, range(9, 10 + len(WITNESSES)))
        log = _log_in_process(folder, closing)
        log.start(now=datetime.now(UTC))
        log.append([act(number).encode() for number in range(batch)], now=datetime.now(UTC))
        count, started = batch, time.perf_counter()
        while (taken := time.perf_counter() - started) < seconds:
            made = [act(count + position).encode() for position in range(batch)]
            log.append(made, now=datetime.now(UTC))
            count += batch
        closing.close()  # SQLite folds its journal into the file
        weight = sum(path.stat().st_size for path in (folder / "log").rglob("*") if _is_kept(path))
    return round((count - batch) / taken, 1), weight / count


def _is_kept(path: Path) -> bool:
    return path.is_file() and (path.name.startswith("log.db") or "public" in path.parts)


def _log_in_process(folder: Path, closing: ExitStack) -> Log:
    policy = log_folder.read_policy(folder / "log")
    ask: dict[str, AskWitness] = {}
    show: dict[str, ShowLatest] = {}
    for name, contact in zip(WITNESSES, contacts_of(policy), strict=True):
        store = open_witness_store(folder / name / log_folder.WITNESS_DATABASE)
        closing.callback(store.close)
        witness = Witness(
            signers=log_folder.read_signers(folder / name, log_folder.WITNESS),
            logs=log_folder.read_logs(folder / name),
            store=store,
        )
        ask[contact.url] = _asked(witness)
        show[contact.url] = _shown(witness)
    store_of_log = open_log_store(folder / "log" / log_folder.LOG_DATABASE)
    closing.callback(store_of_log.close)
    return Log(
        signers=log_folder.read_signers(folder / "log", log_folder.LOG),
        policy=policy,
        store=store_of_log,
        files=TileFolder(folder / "log" / log_folder.PUBLIC),
        witnesses=SideBySide(ask, show, threads=closing.enter_context(ThreadPoolExecutor(len(WITNESSES)))),
    )


@dataclass(kw_only=True)
class SideBySide(CalledWitnesses):
    """Witnesses that work at the same time, as they do on machines of their own."""

    threads: ThreadPoolExecutor

    def round(self) -> CalledRound:
        return RoundSideBySide(self)


@dataclass
class RoundSideBySide(CalledRound):
    """Asked at once, heard in the order in which they were asked."""

    working: "deque[tuple[str, Future[Answer | None]]]" = field(default_factory=deque)

    def ask(self, url: str, request: AddCheckpoint) -> None:
        assert isinstance(self.witnesses, SideBySide)
        asked = self.witnesses.threads.submit(self.witnesses.ask[url], request.encode())
        self.working.append((url, asked))

    def answers(self) -> Iterator[tuple[str, Answer | None]]:
        while self.working:
            url, asked = self.working.popleft()
            yield url, asked.result()


def _asked(witness: Witness) -> AskWitness:
    return lambda body: witness.add_checkpoint(body, now=datetime.now(UTC))


def _shown(witness: Witness) -> ShowLatest:
    return lambda origin: witness.checkpoint(checkpoint_path(origin))


def _make_folders(folder: Path, ports: Sequence[int]) -> None:
    for name, port in zip(WITNESSES, ports[1:], strict=True):
        url = f"http://127.0.0.1:{port}"
        settings = ("settings.toml", log_folder.settings_text(url=url, port=port))
        log_folder.create_witness(folder / name, name=f"{name}.example", url=url, settings=settings, entropy=os.urandom)
    url = f"http://127.0.0.1:{ports[0]}"
    log_folder.create_log(
        folder / "log",
        origin=ORIGIN,
        url=url,
        witnesses=[folder / name / "witness.keys" for name in WITNESSES],
        threshold=len(WITNESSES),
        settings=("settings.toml", log_folder.settings_text(url=url, port=ports[0])),
        entropy=os.urandom,
    )
    for name in WITNESSES:
        log_folder.follow(folder / name, folder / "log" / "log.keys")


# Over HTTP


@dataclass(frozen=True)
class Town:
    """A log with its two witnesses, each in a process."""

    folder: Path
    url: str


@contextmanager
def _town() -> Iterator[Town]:
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as name:
        folder = Path(name)
        ports = free_ports(len(WITNESSES) + 1)
        _make_folders(folder, ports)
        signer = generate_signer()
        file.write_signer(folder / "issuer.key.pem", signer)
        log_folder.admit(folder / "log", signer.public_key, ActorClass.ISSUER)
        servers = [_serve("witness", folder / name) for name in WITNESSES] + [_serve("log", folder / "log")]
        try:
            url = f"http://127.0.0.1:{ports[0]}"
            _wait_until_ready(url)
            yield Town(folder, url)
        finally:
            for server in servers:
                server.send_signal(signal.SIGTERM)
            for server in servers:
                server.wait(timeout=30)


def _serve(role: str, folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "diptych", "serve", role, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  # ourselves


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/ready", trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise Unavailable("bench.log", "the log did not start")


def _clients(town: Town, *, clients: int, acts: int, seconds: float) -> tuple[Sequence[float], float]:
    """Milliseconds of each request, and acts a second, over clients in processes of their own."""
    spawning = multiprocessing.get_context("spawn")
    processes = min(clients, CLIENT_PROCESSES)
    with spawning.Pool(processes) as pool:
        jobs = [(str(town.folder), town.url, clients // processes, acts, seconds) for _ in range(processes)]
        found = pool.starmap(run_clients, jobs)
    return [each for times, _ in found for each in times], sum(rate for _, rate in found)


def run_clients(folder: str, url: str, clients: int, acts: int, seconds: float) -> tuple[list[float], float]:
    """One process of clients, a thread each: milliseconds of each request, and acts acknowledged a second."""
    policy = log_folder.read_policy(Path(folder) / "log")
    signer = file.read_signer(Path(folder) / "issuer.key.pem")
    times: list[float] = []
    # A client's TLS settings take longer to make than a request: not measured.
    recorders = [HttpRecorder(url, origin=ORIGIN, signer=signer, policy=policy) for _ in range(clients)]
    seed, start = time.monotonic_ns(), time.perf_counter()

    def work(client: int) -> None:
        number = seed + client * 10**9
        while True:
            began = time.perf_counter()
            _record(recorders[client], [act(number + position) for position in range(acts)])
            now = time.perf_counter()
            times.append((now - began) * 1000)
            if now - start >= seconds:
                return
            number += acts

    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - start
    for recorder in recorders:
        recorder.close()
    return times, len(times) * acts / taken


def _record(recorder: HttpRecorder, acts: Sequence[Entry]) -> None:
    """As a writer does it: the same acts again, until they stand."""
    while True:
        try:
            recorder.record(acts)
        except Unavailable:
            time.sleep(0.1)
        else:
            return


def _percentiles(milliseconds: Sequence[float]) -> ReceiptTime:
    ordered = sorted(milliseconds)
    return ReceiptTime(round(statistics.median(ordered), 1), round(ordered[int(len(ordered) * 0.99)], 1))


# Reading


def _verify(entries: int) -> float:
    """Seconds to verify a whole log of so many entries, offline."""
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as name:
        folder = Path(name)
        _make_folders(folder, range(9, 10 + len(WITNESSES)))
        public = folder / "log" / log_folder.PUBLIC
        edge = Edge()
        for first in range(0, entries, STEP):
            edge, made = edge.grown([act(number).encode() for number in range(first, min(first + STEP, entries))])
            for tile, data in made.items():
                (public / tile.path).parent.mkdir(parents=True, exist_ok=True)
                (public / tile.path).write_bytes(data)
        now = datetime.now(UTC)
        checkpoint = Checkpoint(ORIGIN, edge.size, edge.root)
        signers = [*log_folder.read_signers(folder / "log", log_folder.LOG)]
        for witness in WITNESSES:
            signers += log_folder.read_signers(folder / witness, log_folder.WITNESS)
        signed = checkpoints.sign(checkpoint, tuple(signer.sign(checkpoint, now=now) for signer in signers))
        (public / CHECKPOINT).write_bytes(signed.encode())
        started = time.perf_counter()
        report = audit(FolderLogFiles(public), policy=log_folder.read_policy(folder / "log"))
        taken = time.perf_counter() - started
    if not report.is_verified:
        raise Unavailable("bench.log", "the log that was made for the bench does not verify")
    return taken


def _proof_cost(size: int) -> ProofCost:
    """Over entries spread through a log of that size, whose nodes are made up: only their number matters."""
    read = 0

    def node(level: int, index: int) -> bytes:
        nonlocal read
        read += 1
        return hashlib.sha256(b"%d %d" % (level, index)).digest()

    hashes, taken = 0, 0.0
    for number in range(PROOFS):
        index = number * (size // PROOFS)
        path = tree.build_inclusion_proof(index, size, node)
        hashes += len(path)
        began = time.perf_counter()
        tree.inclusion_root(bytes(32), index=index, proof=path, size=size)
        taken += time.perf_counter() - began
    per_proof = hashes / PROOFS
    return ProofCost(
        round(per_proof, 2), round(per_proof * 32, 1), round(read / PROOFS, 2), round(taken / PROOFS * 1e6, 2)
    )


def prose(found: Result) -> str:
    """For people."""
    lines = [f"Batches of {batch:>5}: {rate:>10,.0f} entries a second" for batch, rate in found.batches.items()]
    lines += [
        f"Over HTTP, {CLIENTS} clients, two witnesses: {found.http_acts_per_second:,.0f} acts a second "
        f"({ACTS_A_REQUEST} a request), {found.http_single_acts_per_second:,.0f} (one a request)",
        f"A receipt: {found.receipt_ms_alone.p50:.0f} ms alone; among {CLIENTS} clients {found.receipt_ms.p50:.0f} ms, "
        f"99 of 100 within {found.receipt_ms.p99:.0f} ms (acts are pooled for 200 ms)",
        f"{found.bytes_per_entry:.0f} bytes kept for each entry; a million verified in "
        f"{found.verify_seconds_per_million:.1f} s (measured on {found.verified_entries:,})",
    ]
    lines += [
        f"A proof among {int(size):>10,}: {cost.hashes:.1f} hashes, {cost.verify_us:.0f} us to verify"
        for size, cost in found.proofs.items()
    ]
    return "\n".join(lines)
