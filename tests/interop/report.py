"""What passed with which peer, as the table of docs/interop.md. Written by `make interop`, from one run alone."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.interop.peers import NPM, VENVS

MARKER = "peer"
DIFFERENCES = Path(__file__).parent / "differences.md"
HEAD = """\
# Interop: implementations that we did not write

Written by `make interop`, and only by it: each line is a test that passed in the run of {date}. The callbacks that the
JavaScript peers ask for are ours (`tests/interop/npm`, on node:crypto): they really sign, verify, encrypt and decrypt.
What is not in the table was not shown.

| peer | version | role | what passed | date |
|---|---|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Row:
    """One test that passed. Rows stand in the order of the tests' source."""

    file: str
    line: int
    case: str
    peers: tuple[str, ...]
    versions: tuple[str, ...]
    role: str

    @property
    def sentence(self) -> str:
        """The test's name as the sentence it is."""
        name, bracket, parameter = self.case.partition("[")
        words = name.removeprefix("test_").replace("_", " ")
        return words + (f" ({parameter.removesuffix(']')})" if bracket else "")


def render(rows: Sequence[Row], *, date: str, differences: str) -> str:
    """The whole document."""
    lines = [
        f"| {' + '.join(f'`{peer}`' for peer in row.peers)} | {' + '.join(row.versions)} | {row.role} "
        f"| {row.sentence} | {date} |\n"
        for row in sorted(rows)
    ]
    return HEAD.format(date=date) + "".join(lines) + "\n" + differences


def version(peer: str) -> str:
    """The version of a peer that is installed, as it says itself."""
    package = NPM / "node_modules" / peer / "package.json"
    if package.exists():
        return str(json.loads(package.read_text(encoding="utf-8"))["version"])
    if peer == "golang.org/x/mod":
        asked = ["dpkg-query", "--show", "--showformat", "${Version}", "golang-golang-x-mod-dev"]
        return subprocess.run(asked, capture_output=True, check=True, text=True).stdout.partition("-")[0]
    rooms = [str(path) for path in VENVS.glob("*/lib/python*/site-packages")]
    return next(found.version for found in distributions(name=peer, path=rooms))


class Recorder:
    """Notes what passes, and writes the document at the end of the run."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._rows: list[Row] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties).get(MARKER)
        if report.when == "call" and report.passed and isinstance(told, str):
            said = json.loads(told)
            peers = tuple(said["peers"])
            file, line, case = report.location
            self._rows.append(Row(file, line or 0, case, peers, tuple(map(version, peers)), said["role"]))

    def pytest_sessionfinish(self) -> None:
        if not self._rows:
            return  # no peers, no statement
        date = datetime.now(UTC).date().isoformat()
        document = render(self._rows, date=date, differences=DIFFERENCES.read_text(encoding="utf-8"))
        self._file.write_text(document, encoding="utf-8")
