"""Measures zero-knowledge proving and verifying as this system does it, against the bare library beside it.

Both verify the same proof on all cores with the same allocator settings, by turns in one run, so that a busy machine
slows both alike; what counts is the ratio. The peer is a program of a few lines that calls the library in a loop.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diptych.adapters.provers.circuit_files import circuit_path
from diptych.adapters.provers.prover import DisposableProver
from diptych.adapters.provers.verifier_pool import VerifierPool
from diptych.adapters.provers.worker_process import ENVIRONMENT
from diptych.cli.bench_specimen import document_signer
from diptych.crypto.longfellow import Circuit, Claim, circuit_for, timestamp_text
from diptych.crypto.signing import PublicKey, coordinates, generate_signer
from diptych.formats import cbor
from diptych.formats.mdoc.device_response import DeviceResponse
from diptych.formats.mdoc.issue import issue
from diptych.formats.mdoc.present import present

DOC_TYPE = "eu.europa.ec.av.1"
PROOFS = 3
RESPAWNS = 5

# What a developer without this system would write. It runs in its own process, one for each core.
BARE_LIBRARY = """
import json, sys
from datetime import datetime
from pathlib import Path
from pylongfellow import Pylongfellow, mdoc
task = json.loads(sys.stdin.readline())
library = Pylongfellow(backend="google-cpp")
library.load_circuit(Path(task["circuit"]).read_bytes(), task["version"], len(task["claims"]))
key = mdoc.PublicKey(int(task["x"], 16), int(task["y"], 16))
claims = [mdoc.RequestedAttribute(n, i, bytes.fromhex(v)) for n, i, v in task["claims"]]
moment, transcript = datetime.fromisoformat(task["timestamp"]), bytes.fromhex(task["transcript"])
document, proof = bytes.fromhex(task["document"]), bytes.fromhex(task["proof"])
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        if task["action"] == "prove":
            library.prove(document, key, transcript, claims, moment)
        else:
            library.verify(key, transcript, claims, moment, proof, task["doc_type"])
    print("done", flush=True)
"""


@dataclass(frozen=True)
class Result:
    """Medians. Times of ours include the processes, pipes and checks around the library; ratios above 1: we win."""

    prove_ms: float
    verifications_per_second: float
    ratio_to_library: float
    worker_peak_bytes: int
    respawn_seconds: float
    library_prove_ms: float
    library_verifications_per_second: float
    cores: int
    proof_bytes: int


@dataclass(frozen=True)
class _Statement:
    """A proof-of-age document of our own, presented, and what is proven from it."""

    document: bytes = field(repr=False)
    issuer_key: PublicKey
    transcript: bytes
    claims: tuple[Claim, ...]
    timestamp: datetime
    circuit: Circuit


def measure(*, rounds: int, proofs_per_round: int, progress: Callable[[str], None]) -> Result:
    """The numbers. Each round verifies `proofs_per_round` proofs a core with each side."""
    statement = _specimen(datetime.now(UTC).replace(microsecond=0))
    cores = len(os.sched_getaffinity(0))

    progress(f"proving, {PROOFS} times with each ...")
    ours_prove, bare_prove, proof = _prove(statement)
    with VerifierPool(workers=cores) as pool, _Peers(statement, proof, "verify", cores) as peers:
        pool.start()
        ours, bare = [], []
        for number in range(1, rounds + 1):
            progress(f"verifying on {cores} cores, round {number} of {rounds} ...")
            # By turns, and each goes first as often as the other.
            for side in ("ours", "bare") if number % 2 else ("bare", "ours"):
                if side == "ours":
                    ours.append(_timed(lambda: _verify(pool, statement, proof, cores, proofs_per_round)))
                else:
                    bare.append(_timed(lambda: peers.run(proofs_per_round)))
        peak = max(_peak_resident_bytes(pid) for pid in pool.worker_pids())
        progress("ending workers and waiting for the next ...")
        respawn = statistics.median(_respawn(pool) for _ in range(RESPAWNS))
    count = cores * proofs_per_round
    return Result(
        prove_ms=round(1000 * ours_prove, 1),
        verifications_per_second=round(count / statistics.median(ours), 3),
        ratio_to_library=round(statistics.median(b / o for o, b in zip(ours, bare, strict=True)), 3),
        worker_peak_bytes=peak,
        respawn_seconds=round(respawn, 3),
        library_prove_ms=round(1000 * bare_prove, 1),
        library_verifications_per_second=round(count / statistics.median(bare), 3),
        cores=cores,
        proof_bytes=len(proof),
    )


def _specimen(now: datetime) -> _Statement:
    """A proof of age, issued and presented as the issuer and the wallet do it."""
    device = generate_signer()
    signer, leaf = document_signer(now)
    midnight = now.replace(hour=0, minute=0, second=0)
    issued = issue(
        doc_type=DOC_TYPE,
        namespaces={DOC_TYPE: {"age_over_18": True}},
        device_key=device.public_key,
        signer=signer,
        signer_chain=[leaf],
        signed=midnight,
        valid_from=midnight,
        valid_until=midnight + timedelta(days=14),
        entropy=os.urandom,
    )
    transcript = cbor.encode([None, None, ["OpenID4VPHandover", os.urandom(32)]])
    document = present(
        issued,
        doc_type=DOC_TYPE,
        disclose={DOC_TYPE: ["age_over_18"]},
        transcript=transcript,
        device_signer=device,
    )
    return _Statement(
        document=DeviceResponse((document,)).encode(),
        issuer_key=signer.public_key,
        transcript=transcript,
        claims=(Claim(DOC_TYPE, "age_over_18", cbor.encode(True)),),
        timestamp=now,
        circuit=circuit_for(1, now=now),
    )


def _prove(statement: _Statement) -> tuple[float, float, bytes]:
    """Median seconds for a proof of ours, for one of the library's, and a proof."""
    prover = DisposableProver()
    proofs: list[bytes] = []
    ours, bare = [], []

    def prove() -> None:
        proofs.append(
            prover.prove(
                document=statement.document,
                issuer_key=statement.issuer_key,
                transcript=statement.transcript,
                claims=statement.claims,
                timestamp=statement.timestamp,
                zk_system_id=statement.circuit.zk_system_id,
            )
        )

    with _Peers(statement, b"", "prove", 1) as peers:
        for _ in range(PROOFS):
            ours.append(_timed(prove))
            bare.append(_timed(lambda: peers.run(1)))
    return statistics.median(ours), statistics.median(bare), proofs[-1]


def _verify(pool: VerifierPool, statement: _Statement, proof: bytes, threads: int, proofs_per_thread: int) -> None:
    def verify_all() -> None:
        for _ in range(proofs_per_thread):
            pool.verify(
                issuer_key=statement.issuer_key,
                transcript=statement.transcript,
                claims=statement.claims,
                timestamp=statement.timestamp,
                proof=proof,
                doc_type=DOC_TYPE,
                zk_system_id=statement.circuit.zk_system_id,
            )

    with ThreadPoolExecutor(threads) as executor:
        for running in [executor.submit(verify_all) for _ in range(threads)]:
            running.result()


class _Peers:
    """The bare library in a process for each core, under the allocator settings of our workers."""

    def __init__(self, statement: _Statement, proof: bytes, action: str, count: int) -> None:
        x, y = coordinates(statement.issuer_key)
        self._task = {
            "action": action,
            "circuit": "",
            "version": statement.circuit.version,
            "claims": [[c.namespace, c.identifier, c.encoded_value.hex()] for c in statement.claims],
            "x": x.hex(),
            "y": y.hex(),
            "timestamp": timestamp_text(statement.timestamp),
            "transcript": statement.transcript.hex(),
            "document": statement.document.hex(),
            "proof": proof.hex(),
            "doc_type": DOC_TYPE,
        }
        self._count = count
        self._circuit = statement.circuit
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "_Peers":
        task = json.dumps({**self._task, "circuit": str(circuit_path(self._circuit))}) + "\n"
        for _ in range(self._count):
            process = subprocess.Popen(  # noqa: S603 - our interpreter and the program above
                [sys.executable, "-I", "-c", BARE_LIBRARY],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=ENVIRONMENT,
                text=True,
            )
            self._processes.append(process)
            _tell(process, task)
        for process in self._processes:
            _hear(process)
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    def run(self, times: int) -> None:
        for process in self._processes:
            _tell(process, f"{times}\n")
        for process in self._processes:
            _hear(process)


def _tell(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


def _hear(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    if not process.stdout.readline():
        raise RuntimeError("the bare library ended in the middle of the measurement")


def _timed(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _respawn(pool: VerifierPool) -> float:
    """Seconds from killing a worker until one is ready in its place."""
    victim = pool.worker_pids()[0]

    def replace() -> None:
        os.kill(victim, signal.SIGKILL)
        while victim in pool.worker_pids():
            pool.start()

    return _timed(replace)


def _peak_resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
