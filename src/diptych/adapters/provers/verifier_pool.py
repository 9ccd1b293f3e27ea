"""Verifies proofs in worker processes, one per core, so that a proof which crashes native code harms only itself.

Which key, claims and docType are expected is the caller's to know: the circuits bind neither the namespace nor the
signed docType, so `issuer_key` comes from the verifier's own pins (one signer per docType, which signs one namespace).
That the nonce is alive and unused is checked before too. The optional second engine checks the first.
"""

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from queue import Empty, SimpleQueue

from diptych.adapters.provers import frames
from diptych.adapters.provers.worker_process import WorkerCrashed, WorkerProcess, WorkerTimedOut
from diptych.crypto.longfellow import (
    Claim,
    Engine,
    check_claims,
    check_proof_size,
    check_statement,
    circuit_by_id,
)
from diptych.crypto.signing import PublicKey, coordinates
from diptych.errors import Unavailable, VerificationError

TIMEOUT_SECONDS = 5.0
WAIT_SECONDS = 20.0
WAITING_PER_WORKER = 8
MEMORY_BYTES = {Engine.GOOGLE_CPP: 512 * 1024 * 1024, Engine.ISRG_RUST: 1536 * 1024 * 1024}

_MESSAGES = {
    "zk.proof": "the zero-knowledge proof does not hold",
    "zk.verifier_crashed": "checking the proof ended the process that did it",
    "zk.timeout": "checking the proof took too long",
    "zk.engines_disagree": "two engines disagree about the proof: it is refused, and somebody must look at both",
}


class VerifierPool:
    """Supervised verifying workers. Thread-safe; one call takes one worker; workers start when first needed."""

    def __init__(
        self,
        *,
        workers: int | None = None,
        cross_check: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
        wait_seconds: float = WAIT_SECONDS,
        max_waiting: int | None = None,
        memory_bytes: int = MEMORY_BYTES[Engine.GOOGLE_CPP],
    ) -> None:
        count = workers or len(os.sched_getaffinity(0))
        waiting = WAITING_PER_WORKER * count if max_waiting is None else max_waiting
        self._timeout_seconds = timeout_seconds
        self._wait_seconds = wait_seconds
        self._admission = threading.BoundedSemaphore(count + waiting)
        self._slots = [_Slot(memory_bytes, cross_check=cross_check) for _ in range(count)]
        self._idle: SimpleQueue[_Slot] = SimpleQueue()
        for slot in self._slots:
            self._idle.put(slot)
        self._is_closed = False
        self._owner_pid = os.getpid()

    def __enter__(self) -> "VerifierPool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the workers that are not at work, and wait until they are ready. Optional: verifying does it too."""
        slots = self._take_idle(deadline=time.monotonic())
        try:
            self._check_open()
            for slot in slots:
                slot.start()
            for slot in slots:
                slot.wait_until_ready()
        finally:
            self._give_back(slots)

    def verify(
        self,
        *,
        issuer_key: PublicKey,
        transcript: bytes,
        claims: Sequence[Claim],
        timestamp: datetime,
        proof: bytes,
        doc_type: str,
        zk_system_id: str,
    ) -> None:
        """Raises `VerificationError` unless the proof holds for exactly this statement.

        1. the statement is within the limits of the native code, else `Refused`
        2. the circuit is in the list, still accepted at `timestamp`, and made for that many claims
        3. the proof has a possible size
        4. a worker is free soon enough, else `Unavailable`
        5. the worker finds that the proof holds; if it crashes or stalls, this proof is refused and no other
        """
        # 1
        check_statement(doc_type=doc_type, transcript=transcript, timestamp=timestamp)
        check_claims(claims)
        # 2. `timestamp` stands for now: the caller has checked that they are close.
        if circuit_by_id(zk_system_id, now=timestamp).attributes != len(claims):
            raise VerificationError("zk.circuit_claims", "the proof's circuit is for another number of claims")
        # 3
        check_proof_size(proof)
        task = frames.Task(
            action=frames.VERIFY,
            zk_system_id=zk_system_id,
            issuer_key=coordinates(issuer_key),
            transcript=transcript,
            timestamp=timestamp,
            doc_type=doc_type,
            data=proof,
            claims=claims,
        )
        self.run(task)

    def run(self, task: frames.Task) -> None:
        """Steps 4 and 5 for a task that has passed the others."""
        # 4
        self._check_open()
        if not self._admission.acquire(blocking=False):
            raise Unavailable("zk.busy", "too many proofs are waiting to be checked; try again")
        try:
            slot = self._take_slot()
            try:
                # 5
                slot.verify(task.fields(), self._timeout_seconds)
            finally:
                self._idle.put(slot)
        finally:
            self._admission.release()

    def close(self) -> None:
        """Let running checks end, within their deadline, then end the workers. May be called again."""
        self._is_closed = True
        if os.getpid() != self._owner_pid:
            return
        idle = self._take_idle(deadline=time.monotonic() + self._timeout_seconds)
        for slot in self._slots:
            slot.stop()
        self._give_back(idle)

    def worker_pids(self) -> list[int]:
        """The process ids of the workers that run."""
        return [pid for slot in self._slots for pid in slot.pids()]

    def _take_slot(self) -> "_Slot":
        try:
            slot = self._idle.get(timeout=self._wait_seconds)
        except Empty:
            raise Unavailable("zk.busy", "too many proofs are waiting to be checked; try again") from None
        try:
            self._check_open()
        except Unavailable:
            self._idle.put(slot)
            raise
        return slot

    def _take_idle(self, *, deadline: float) -> "list[_Slot]":
        """Every slot that is, or becomes, idle before the deadline."""
        taken: list[_Slot] = []
        for _ in self._slots:
            try:
                taken.append(self._idle.get(timeout=max(0.0, deadline - time.monotonic())))
            except Empty:
                break
        return taken

    def _give_back(self, slots: "Sequence[_Slot]") -> None:
        for slot in slots:
            self._idle.put(slot)

    def _check_open(self) -> None:
        if os.getpid() != self._owner_pid:
            raise Unavailable("zk.forked", "the verifying workers belong to the parent process")
        if self._is_closed:
            raise Unavailable("zk.closed", "the verifier is shutting down")


class _Slot:
    """One core's worth of workers. Whoever took it from the queue has it alone."""

    def __init__(self, memory_bytes: int, *, cross_check: bool) -> None:
        self._first = WorkerProcess(Engine.GOOGLE_CPP, memory_bytes=memory_bytes)
        self._second = WorkerProcess(Engine.ISRG_RUST, memory_bytes=MEMORY_BYTES[Engine.ISRG_RUST])
        self._workers = [self._first, self._second] if cross_check else [self._first]

    def start(self) -> None:
        for worker in self._workers:
            worker.start()

    def wait_until_ready(self) -> None:
        for worker in self._workers:
            worker.wait_until_ready()

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()

    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers if worker.pid is not None]

    def verify(self, fields: Sequence[bytes], timeout_seconds: float) -> None:
        verdicts = [_verdict(worker, fields, timeout_seconds) for worker in self._workers]
        if all(verdict is None for verdict in verdicts):
            return
        for check in ("zk.verifier_crashed", "zk.timeout"):
            if check in verdicts:
                raise _failure(check)
        raise _failure("zk.engines_disagree" if None in verdicts else "zk.proof")


def _verdict(worker: WorkerProcess, fields: Sequence[bytes], timeout_seconds: float) -> str | None:
    """None if the proof holds, else the name of what failed."""
    worker.start()  # does nothing while it runs: a worker that died while idle is not this proof's doing
    worker.wait_until_ready()
    try:
        answer = worker.ask(fields, timeout_seconds=timeout_seconds)
        if answer == [frames.DONE, b""]:
            return None
        if answer in frames.NOT_INSTALLED:
            raise Unavailable(
                "zk.circuit_missing", "the proof's circuit is not installed here, or is not the right file"
            )
        verdict = "zk.proof" if answer == [frames.FAILED, b"zk.proof"] else "zk.verifier_crashed"
    except WorkerCrashed:
        verdict = "zk.verifier_crashed"
    except WorkerTimedOut:
        verdict = "zk.timeout"
    # A bad proof may have left damage behind that would crash, or answer, the next one: the worker goes with it.
    worker.stop()
    with suppress(Unavailable):  # the next proof starts it then, and is told
        worker.start()
    return verdict


def _failure(check: str) -> VerificationError:
    return VerificationError(check, _MESSAGES[check])
