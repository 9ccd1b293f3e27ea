"""Proves in a process made for one proof, which is given the requested items and nothing else.

The native prover aborts on items outside of its limits, and says the same of everything else that is wrong; so the
document is checked first, with an answer for each. Choosing what to disclose, and to whom, is the wallet's.
"""

from collections.abc import Sequence
from datetime import datetime

from diptych.adapters.provers import frames
from diptych.adapters.provers.document_check import check_document
from diptych.adapters.provers.worker_process import WorkerCrashed, WorkerProcess, WorkerTimedOut
from diptych.crypto.longfellow import (
    Claim,
    Engine,
    check_claims,
    check_statement,
    circuit_by_id,
    engine_to_prove,
)
from diptych.crypto.signing import PublicKey, coordinates
from diptych.errors import Refused, Unavailable, VerificationError

TIMEOUT_SECONDS = 60.0
MEMORY_BYTES = {Engine.GOOGLE_CPP: 1024 * 1024 * 1024, Engine.ISRG_RUST: 2 * 1024 * 1024 * 1024}


class DisposableProver:
    """Makes proofs, each in a process of its own. Thread-safe: it keeps nothing."""

    def __init__(self, *, timeout_seconds: float = TIMEOUT_SECONDS, memory_bytes: int | None = None) -> None:
        self._timeout_seconds = timeout_seconds
        self._memory_bytes = memory_bytes

    def prove(
        self,
        *,
        document: bytes,
        issuer_key: PublicKey,
        transcript: bytes,
        claims: Sequence[Claim],
        timestamp: datetime,
        zk_system_id: str,
    ) -> bytes:
        """The proof that `document` makes `claims` true, for whoever knows `transcript`, at `timestamp`.

        `document` is an encoded DeviceResponse with one document, in it the claimed items alone, signed by the device
        over `transcript`. Raises `Refused` for what cannot be proven, `VerificationError` for what is not true or made
        the proving process die or stall, `Unavailable` if that does not start on this machine.
        """
        check_claims(claims)
        circuit = circuit_by_id(zk_system_id, now=timestamp)
        if circuit.attributes != len(claims):
            raise Refused("zk.circuit_claims", "the circuit is for another number of claims")
        checked = check_document(document, claims=claims, timestamp=timestamp, version=circuit.version)
        check_statement(doc_type=checked.doc_type, transcript=transcript, timestamp=timestamp)
        task = frames.Task(
            action=frames.PROVE,
            zk_system_id=circuit.zk_system_id,
            issuer_key=coordinates(issuer_key),
            transcript=transcript,
            timestamp=timestamp,
            doc_type=checked.doc_type,
            data=document,
            claims=claims,
        )
        return self.run(task, engine_to_prove(claims[0].namespace))

    def run(self, task: frames.Task, engine: Engine) -> bytes:
        """The proof for a task that has passed the checks."""
        worker = WorkerProcess(engine, memory_bytes=self._memory_bytes or MEMORY_BYTES[engine])
        try:
            worker.start()
            worker.wait_until_ready()
            answer = worker.ask(task.fields(), timeout_seconds=self._timeout_seconds)
        except WorkerCrashed as error:
            raise VerificationError("zk.prover_crashed", "proving ended the process that did it") from error
        except WorkerTimedOut as error:
            raise VerificationError("zk.prover_timeout", "proving took too long") from error
        finally:
            worker.stop()
        if answer in frames.NOT_INSTALLED:
            raise Unavailable("zk.circuit_missing", "the circuit is not installed here, or is not the right file")
        if len(answer) == 2 and answer[0] == frames.DONE:
            return answer[1]
        raise VerificationError(
            "zk.not_provable",
            "the engine finds no proof: a signature, the key, the transcript or a digest does not fit the document",
        )
