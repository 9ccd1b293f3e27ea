"""The program that runs native code: reads one task after another from stdin, answers on stdout, may crash.

It limits itself before it reads anything, holds no key and no file, and ends when its stdin does. Deadlines, and what a
crash means, are left to `worker_process`. Started as `python -m diptych.adapters.provers.worker ENGINE BYTES`.
"""

import ctypes
import os
import resource
import sys
from typing import BinaryIO

from diptych.adapters.provers import frames
from diptych.adapters.provers.circuit_files import read_circuit
from diptych.crypto.longfellow import Engine, circuit_by_id
from diptych.crypto.longfellow.native import Longfellow, load
from diptych.errors import DiptychError

PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38


def main() -> None:
    """Answer tasks until stdin ends."""
    engine_name, address_space_bytes = sys.argv[1:]
    answers = _own_stdout()
    _limit(int(address_space_bytes))
    loaded: dict[str, Longfellow] = {}
    _write(answers, [frames.READY])
    while (fields := _read(sys.stdin.buffer)) is not None:
        _write(answers, _answer(frames.parse_task(fields), Engine(engine_name), loaded))


def _answer(task: frames.Task, engine: Engine, loaded: dict[str, Longfellow]) -> list[bytes]:
    try:
        if task.zk_system_id not in loaded:
            circuit = circuit_by_id(task.zk_system_id, now=task.timestamp)
            loaded.clear()  # isrg-rust keeps circuits parsed, and they are large
            loaded[task.zk_system_id] = load(engine, circuit, read_circuit(circuit))
        longfellow = loaded[task.zk_system_id]
        if task.action == frames.PROVE:
            return [
                frames.DONE,
                longfellow.prove(
                    document=task.data,
                    issuer_key=task.issuer_key,
                    transcript=task.transcript,
                    claims=task.claims,
                    timestamp=task.timestamp,
                ),
            ]
        longfellow.verify(
            issuer_key=task.issuer_key,
            transcript=task.transcript,
            claims=task.claims,
            timestamp=task.timestamp,
            proof=task.data,
            doc_type=task.doc_type,
        )
        return [frames.DONE, b""]
    except DiptychError as error:
        return [frames.FAILED, error.check.encode()]


def _own_stdout() -> BinaryIO:
    """Stdout for us alone: native code that prints would otherwise speak in the middle of a frame."""
    own = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return own


def _limit(address_space_bytes: int) -> None:
    # No core dump, even where the system pipes them to a collector (which ignores RLIMIT_CORE), and no ptrace.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (address_space_bytes, address_space_bytes))


def _read(stream: BinaryIO) -> list[bytes] | None:
    head = stream.read(frames.LENGTH_BYTES)
    return frames.parse(stream.read(frames.body_length(head))) if head else None


def _write(stream: BinaryIO, fields: list[bytes]) -> None:
    remaining = memoryview(frames.encode(fields))
    while remaining:
        remaining = remaining[stream.write(remaining) :]


if __name__ == "__main__":
    main()
