"""AnonCreds beside the fast suite: today's practice, asked the same question in the same run.

It runs in a process and a virtual environment of its own (`bench/anoncreds_peer.py`), and is never imported here.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import IO

from diptych.errors import Unavailable

_ROOT = Path(__file__).resolve().parents[3]
PROGRAM = _ROOT / "bench" / "anoncreds_peer.py"
PYTHON = _ROOT / ".venv-peers" / "anoncreds" / "bin" / "python"
HOW_TO_GET_IT = "AnonCreds is not set up, so there is nothing to compare with: run `make .venv/anoncreds` and try again"
TURNS = 5
"""Proofs in a row, for each ten of ours: each of these takes as long as twenty."""


@dataclass(frozen=True)
class AnonCredsResult:
    """Medians, and the deciles around them. All None where the peer is absent."""

    prove_ms: float | None = None
    verify_ms: float | None = None
    bytes: int | None = None
    prove_ms_low: float | None = None
    prove_ms_high: float | None = None
    verify_ms_low: float | None = None
    verify_ms_high: float | None = None


class AnonCreds:
    """The peer's process, from `with` to its end."""

    def __init__(self) -> None:
        self._turns: list[dict[str, float]] = []

    def __enter__(self) -> "AnonCreds":
        self._process = subprocess.Popen(  # noqa: S603 - the peer's interpreter and our program for it
            [str(PYTHON), "-I", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._hear()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    def take_turns(self) -> None:
        """A few proofs, each verified."""
        stdin = _pipe(self._process.stdin)
        stdin.write(json.dumps({"turns": TURNS}) + "\n")
        stdin.flush()
        self._turns += self._hear()

    def result(self) -> AnonCredsResult:
        """What its turns took."""
        prove, verify = ([turn[name] for turn in self._turns] for name in ("prove_ms", "verify_ms"))
        return AnonCredsResult(
            prove_ms=median(prove),
            verify_ms=median(verify),
            bytes=int(median(turn["bytes"] for turn in self._turns)),
            prove_ms_low=_decile(prove, 0),
            prove_ms_high=_decile(prove, -1),
            verify_ms_low=_decile(verify, 0),
            verify_ms_high=_decile(verify, -1),
        )

    def _hear(self) -> list[dict[str, float]]:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise Unavailable("bench.anoncreds", "AnonCreds ended in the middle of the measurement")
        heard = json.loads(line)
        return heard if isinstance(heard, list) else []


def is_set_up() -> bool:
    """Whether the peer is here."""
    return PYTHON.exists() and PROGRAM.exists()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _decile(values: list[float], which: int) -> float:
    return quantiles(values, n=10, method="inclusive")[which] if len(values) > 1 else values[0]
