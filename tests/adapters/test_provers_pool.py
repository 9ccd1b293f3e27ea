"""A verifying worker may crash, stall or be killed: that proof is refused by name, and the next one is checked."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from diptych.adapters.provers import frames, verifier_pool
from diptych.adapters.provers.verifier_pool import VerifierPool
from diptych.crypto.longfellow import CIRCUITS, Engine
from diptych.crypto.signing import generate_signer
from diptych.errors import Refused, Unavailable, VerificationError
from tests.proving import AGE, NOW, claim, proof_of_age

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def pool() -> Iterator[VerifierPool]:
    with VerifierPool(workers=1) as running:
        yield running


def _holds(pool: VerifierPool) -> None:
    pool.verify(**proof_of_age().statement())


@contextmanager
def _during_a_check(pool: VerifierPool, act: Callable[[int], None]) -> Iterator[None]:
    """Runs the block, and `act` on the worker's pid once that is really at work."""
    pool.start()
    pid = pool.worker_pids()[0]
    busy_from = _cpu_seconds(pid) + 0.05

    def wait_and_act() -> None:
        while _cpu_seconds(pid) < busy_from:
            time.sleep(0.005)
        act(pid)

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    yield
    thread.join()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _ends_soon(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while _is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _is_running(pid)


# What is proven, and nothing else.


def test_a_proof_of_our_own_document_holds_in_both_engines() -> None:
    with VerifierPool(workers=1, cross_check=True) as pool:
        _holds(pool)


def test_a_proof_holds_for_its_own_statement_alone(pool: VerifierPool) -> None:
    proven = proof_of_age()
    flipped = bytearray(proven.proof)
    flipped[len(flipped) // 2] ^= 1
    for changed in (
        {"claims": [claim(AGE, "age_over_18", False)]},
        {"claims": [claim(AGE, "age_over_21", True)]},
        {"timestamp": NOW + timedelta(seconds=1)},
        {"transcript": proven.transcript[:-1] + b"\x08"},
        {"doc_type": "eu.europa.ec.av.2"},
        {"issuer_key": generate_signer().public_key},
        {"zk_system_id": next(one.zk_system_id for one in CIRCUITS if one.version == 6 and one.attributes == 1)},
        {"proof": bytes(flipped)},
        {"proof": proven.proof[:-1]},
        {"proof": proven.proof + b"\0"},
        {"proof": bytes(len(proven.proof))},
    ):
        with pytest.raises(VerificationError, match=r"zk\.proof"):
            pool.verify(**proven.statement(**changed))
    _holds(pool)


@pytest.mark.parametrize(
    ("changed", "error", "check"),
    [
        ({"proof": b"short"}, VerificationError, r"zk\.proof_size"),
        ({"proof": bytes(1_000_001)}, VerificationError, r"zk\.proof_size"),
        ({"zk_system_id": "0" * 64}, VerificationError, r"zk\.circuit_unknown"),
        ({"zk_system_id": CIRCUITS[1].zk_system_id}, VerificationError, r"zk\.circuit_claims"),
        ({"timestamp": CIRCUITS[0].accepted_until + timedelta(days=1)}, VerificationError, r"zk\.circuit_expired"),
        ({"transcript": bytes(70_000)}, Refused, r"zk\.transcript_size"),
        ({"doc_type": AGE + "\0"}, Refused, r"zk\.doc_type"),
        ({"claims": []}, Refused, r"zk\.claim_count"),
        ({"claims": [claim(AGE, f"age_over_{years}", True) for years in range(5)]}, Refused, r"zk\.claim_count"),
        ({"claims": [claim(AGE, "height", -1)]}, Refused, r"zk\.value_negative"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value)[:40],
)
def test_what_cannot_be_a_proof_is_refused_before_any_worker_starts(changed, error, check) -> None:
    with VerifierPool(workers=1) as idle:
        with pytest.raises(error, match=check):
            idle.verify(**proof_of_age().statement(**changed))
        assert idle.worker_pids() == []


# Crashes.


def test_an_input_that_aborts_the_native_code_is_refused_and_the_next_proof_is_checked(pool: VerifierPool) -> None:
    with pytest.raises(VerificationError, match=r"zk\.verifier_crashed"):
        pool.run(proof_of_age().task(transcript=bytes(70_000)))
    _holds(pool)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_worker_that_dies_in_the_middle_refuses_this_proof_and_no_other(pool: VerifierPool, death: int) -> None:
    with (
        _during_a_check(pool, lambda pid: os.kill(pid, death)),
        pytest.raises(VerificationError, match=r"zk\.verifier_crashed"),
    ):
        _holds(pool)
    _holds(pool)


def test_a_worker_that_dies_while_idle_costs_nobody_a_proof(pool: VerifierPool) -> None:
    _holds(pool)
    pid = pool.worker_pids()[0]
    os.kill(pid, signal.SIGKILL)
    assert _ends_soon(pid)
    _holds(pool)


def test_a_stalled_worker_is_killed_at_the_deadline() -> None:
    with VerifierPool(workers=1, timeout_seconds=1.5) as pool:
        pool.start()
        stalled = pool.worker_pids()[0]
        with (
            _during_a_check(pool, lambda pid: os.kill(pid, signal.SIGSTOP)),
            pytest.raises(VerificationError, match=r"zk\.timeout"),
        ):
            _holds(pool)
        assert _ends_soon(stalled)
        _holds(pool)


def test_a_worker_out_of_memory_refuses_the_proof() -> None:
    with VerifierPool(workers=1, memory_bytes=160 * MIB) as pool:
        pool.start()
        for _ in range(2):
            with pytest.raises(VerificationError, match=r"zk\.verifier_crashed"):
                _holds(pool)


@pytest.mark.parametrize("interpreter", ["/bin/false", "/nowhere/python"])
def test_a_worker_that_cannot_start_is_nobodys_fault(monkeypatch, interpreter: str) -> None:
    proven = proof_of_age()
    monkeypatch.setattr(sys, "executable", interpreter)
    with VerifierPool(workers=1) as pool:
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"zk\.worker_start"):
                pool.verify(**proven.statement())


def test_a_worker_that_saw_a_bad_proof_is_replaced(pool: VerifierPool) -> None:
    _holds(pool)
    before = pool.worker_pids()
    _holds(pool)
    assert pool.worker_pids() == before
    with pytest.raises(VerificationError):
        pool.verify(**proof_of_age().statement(timestamp=NOW + timedelta(seconds=1)))
    assert pool.worker_pids() != before
    assert _ends_soon(before[0])


@pytest.mark.parametrize(
    "answer",
    [[], [b""], [frames.READY], [frames.DONE], [frames.DONE, b"proof"], [frames.FAILED, b"\xff" * 10], [frames.FAILED]],
)
def test_a_worker_that_speaks_nonsense_has_crashed(monkeypatch, answer) -> None:
    monkeypatch.setattr(verifier_pool, "WorkerProcess", _answering({Engine.GOOGLE_CPP: answer}))
    with VerifierPool(workers=1) as pool, pytest.raises(VerificationError, match=r"zk\.verifier_crashed"):
        _holds(pool)


# Two engines.


def test_engines_that_really_disagree_refuse_the_proof_and_say_so() -> None:
    # google-cpp stops reading a docType at a NUL, isrg-rust does not; the parent's check lets neither see one.
    with VerifierPool(workers=1, cross_check=True) as pool:
        with pytest.raises(VerificationError, match=r"zk\.engines_disagree"):
            pool.run(proof_of_age().task(doc_type=AGE + "\0anything"))
        _holds(pool)


@pytest.mark.parametrize(
    ("first", "second", "check"),
    [
        ([frames.DONE, b""], [frames.FAILED, b"zk.proof"], r"zk\.engines_disagree"),
        ([frames.FAILED, b"zk.proof"], [frames.DONE, b""], r"zk\.engines_disagree"),
        ([frames.FAILED, b"zk.proof"], [frames.FAILED, b"zk.proof"], r"zk\.proof"),
        ([frames.DONE, b""], [], r"zk\.verifier_crashed"),
    ],
)
def test_both_engines_must_accept(monkeypatch, first, second, check) -> None:
    answers = {Engine.GOOGLE_CPP: first, Engine.ISRG_RUST: second}
    monkeypatch.setattr(verifier_pool, "WorkerProcess", _answering(answers))
    with VerifierPool(workers=1, cross_check=True) as pool, pytest.raises(VerificationError, match=check):
        _holds(pool)


def _answering(answers: dict[Engine, list[bytes]]) -> type:
    """A worker that says what it was told to."""

    class Puppet:
        pid = None

        def __init__(self, engine: Engine, *, memory_bytes: int) -> None:
            self.engine = engine

        def start(self) -> None: ...

        def stop(self) -> None: ...

        def wait_until_ready(self) -> None: ...

        def ask(self, fields: list[bytes], *, timeout_seconds: float) -> list[bytes]:
            return answers[self.engine]

    return Puppet


# Many at once, and the end.


def test_threads_share_the_workers(pool: VerifierPool) -> None:
    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(_holds, pool) for _ in range(4)]:
            future.result()


def test_beyond_the_queue_a_proof_is_turned_away_at_once() -> None:
    with VerifierPool(workers=1, max_waiting=1) as pool, ThreadPoolExecutor(6) as threads:
        pool.start()
        outcomes = [future.exception() for future in [threads.submit(_holds, pool) for _ in range(6)]]
        turned_away = [error for error in outcomes if error is not None]
        assert 1 <= len(turned_away) <= 4
        assert all(isinstance(error, Unavailable) and error.check == "zk.busy" for error in turned_away)


def test_waiting_ends() -> None:
    with VerifierPool(workers=1, wait_seconds=0.05) as pool, ThreadPoolExecutor(2) as threads:
        pool.start()
        outcomes = [future.exception() for future in [threads.submit(_holds, pool) for _ in range(2)]]
        assert [error.check for error in outcomes if isinstance(error, Unavailable)] == ["zk.busy"]


def test_closing_lets_a_running_check_end_and_refuses_new_ones() -> None:
    pool = VerifierPool(workers=1)
    with ThreadPoolExecutor(1) as threads:
        running = []
        with _during_a_check(pool, lambda pid: pool.close()):
            running.append(threads.submit(_holds, pool))
            pids = pool.worker_pids()
        assert running[0].exception() is None
    assert all(_ends_soon(pid) for pid in pids)
    assert pool.worker_pids() == []
    pool.close()
    for use in (lambda: _holds(pool), pool.start):
        with pytest.raises(Unavailable, match=r"zk\.closed"):
            use()


def test_a_forked_child_cannot_use_the_workers_and_does_not_disturb_them() -> None:
    with VerifierPool(workers=1) as pool:
        _holds(pool)
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            outcome = b"no error"
            try:
                _holds(pool)
            except Unavailable as error:
                outcome = error.check.encode()
            pool.close()
            os.write(write_end, outcome)
            time.sleep(60)  # holds whatever it inherited until it is killed
            os._exit(0)
        try:
            assert os.read(read_end, 100) == b"zk.forked"
            _holds(pool)
            pid = pool.worker_pids()[0]
            # The parent's end of the pipe is the only one: closing it ends the worker although the child lives on.
            pool._slots[0]._first._popen.stdin.close()
            assert _ends_soon(pid)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(read_end)
            os.close(write_end)


def test_workers_end_when_their_parent_is_killed() -> None:
    program = (
        "import time\n"
        "from diptych.adapters.provers.verifier_pool import VerifierPool\n"
        "pool = VerifierPool(workers=2)\n"
        "pool.start()\n"
        "print(*pool.worker_pids(), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    assert all(_ends_soon(pid) for pid in pids)


# What a worker is given.


def test_a_worker_gets_limits_and_nothing_of_ours(monkeypatch) -> None:
    monkeypatch.setenv("DIPTYCH_CANARY", "canary-in-the-environment")
    with VerifierPool(workers=1) as pool:
        _holds(pool)
        folder = Path(f"/proc/{pool.worker_pids()[0]}")
        limits = {line[:25].strip(): line[26:].split()[:2] for line in (folder / "limits").read_text().splitlines()}
        assert limits["Max address space"] == [str(512 * MIB), str(512 * MIB)]
        assert limits["Max core file size"] == ["0", "0"]
        assert limits["Max file size"] == ["0", "0"]
        command = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        assert command[1:] == [b"-I", b"-m", b"diptych.adapters.provers.worker", b"google-cpp", b"536870912"]
        assert os.getsid(pool.worker_pids()[0]) == pool.worker_pids()[0]
        if os.geteuid() == 0:  # a worker is not dumpable: nobody else may look
            # glibc cuts its own variable into pieces, in place
            environment = (folder / "environ").read_bytes().replace(b"\0glibc.", b":glibc.").strip(b"\0").split(b"\0")
            assert [line.partition(b"=")[0] for line in environment] == [b"GLIBC_TUNABLES", b"LC_ALL"]
            assert (folder / "cwd").readlink() == Path("/")
            assert len(list((folder / "fd").iterdir())) == 4  # in, null twice, out


def test_a_worker_is_ready_in_a_fraction_of_a_second() -> None:
    with VerifierPool(workers=1) as pool:
        pool.start()
        seconds = []
        for _ in range(3):
            os.kill(pool.worker_pids()[0], signal.SIGKILL)
            assert _ends_soon(pool.worker_pids()[0])
            start = time.monotonic()
            pool.start()
            seconds.append(time.monotonic() - start)
        # 0.05 s on an idle machine; the bound leaves room for a busy one.
        assert min(seconds) < 0.5
