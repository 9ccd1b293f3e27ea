"""How the interop tests talk to peers: one JSON value in, one out, in a process of the peer's own.

`make test` sets the peers up; a run without them skips, by name.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NPM = HERE / "npm"
VENVS = HERE.parents[1] / ".venv-peers"
TIMEOUT_SECONDS = 120


def ask_npm(script: str, command: str, question: Mapping[str, object]) -> dict[str, object]:
    """The answer of an npm peer, driven by `script` in tests/interop/npm."""
    node = shutil.which("node")
    if node is None or not (NPM / "node_modules").is_dir():
        pytest.skip("interop peers absent: run `make .venv/peers`")
    return _ask([node, str(NPM / script), command], question)


def ask_venv(name: str, script: str, question: Mapping[str, object]) -> dict[str, object]:
    """The answer of a PyPI peer in the virtual environment `name`, driven by `script` in tests/interop."""
    python = VENVS / name / "bin" / "python"
    if not python.exists():
        pytest.skip("interop peers absent: run `make .venv/peers`")
    return _ask([str(python), str(HERE / script)], question)


def _ask(command: list[str], question: Mapping[str, object]) -> dict[str, object]:
    done = subprocess.run(
        command,
        input=json.dumps(question).encode(),
        capture_output=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
        cwd=NPM,
    )
    assert done.returncode == 0, done.stderr.decode()
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer
