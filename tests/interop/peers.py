"""How the interop tests talk to peers: JSON values in and out, in a process of the peer's own.

`make test` sets the peers up; a run without them skips, by name.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NPM = HERE / "npm"
VENVS = HERE.parents[1] / ".venv-peers"
GO_PATH = Path("/usr/share/gocode")
TIMEOUT_SECONDS = 120

Listen = Callable[[], dict[str, object]]
"""The next thing that a peer says."""


def require_npm() -> str:
    """Where node is; skips, by name, where it or the npm peers are not."""
    node = shutil.which("node")
    packages = json.loads((NPM / "package.json").read_text(encoding="utf-8"))["dependencies"]
    if node is None or not all((NPM / "node_modules" / package).is_dir() for package in packages):
        pytest.skip("interop peers absent: run `make .venv/peers`")
    return node


def require_go() -> str:
    """Where go is; skips, by name, where it or Debian's golang.org/x/mod is not."""
    go = shutil.which("go")
    if go is None or not (GO_PATH / "src" / "golang.org" / "x" / "mod").is_dir():
        pytest.skip("interop peers absent: run `make .venv/peers`")
    return go


def ask_npm(script: str, command: str, question: Mapping[str, object]) -> dict[str, object]:
    """The answer of an npm peer, driven by `script` in tests/interop/npm."""
    return _ask([require_npm(), str(NPM / script), command], question)


def ask_venv(name: str, script: str, question: Mapping[str, object]) -> dict[str, object]:
    """The answer of a PyPI peer in the virtual environment `name`, driven by `script` in tests/interop."""
    python = VENVS / name / "bin" / "python"
    if not python.exists():
        pytest.skip("interop peers absent: run `make .venv/peers`")
    return _ask([str(python), str(HERE / script)], question)


@contextmanager
def npm_server(script: str, command: str, question: Mapping[str, object]) -> Iterator[Listen]:
    """An npm peer that serves until it is left, and says one JSON value a line."""
    with subprocess.Popen(
        [require_npm(), str(NPM / script), command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=NPM,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        stdout, stderr = process.stdout, process.stderr

        def listen() -> dict[str, object]:
            line = stdout.readline()
            assert line, stderr.read().decode()
            said = json.loads(line)
            assert isinstance(said, dict)
            return said

        try:
            process.stdin.write(json.dumps(question).encode())
            process.stdin.close()
            yield listen
        finally:
            process.terminate()


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
