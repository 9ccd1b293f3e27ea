"""The log's sequencer at every write to its disk: killed, denied the disk, a disk that is full, writes that fall short.

Killed as a write begins is killed after the one before: nothing else reaches the disk in between. Then the log goes on
by itself: every acknowledged act is where it was, no size has two roots, and all of it verifies.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.adapters.log_files import FolderLogFiles
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.roles.auditor.log_audit import audit
from tests.faults import strace
from tests.faults.log_append import PUBLIC, opened
from tests.faults.records import chosen, record
from tests.log_world import POLICY, entries

BEFORE, AFTER = 255, 258
"""The append fills a tile and begins the next: full and partial files, and partial ones that go."""
CALLS = "pwrite64,write,ftruncate,fsync,fdatasync,rename,unlink,mkdir"
# `short`: the call says that it wrote seven bytes, and has written none. The log's own files alone: who lies to SQLite
# takes away what was acknowledged, and what a short write leaves of its files is tried in
# tests/adapters/test_storage_sqlite.py.
FAULTS = {"killed": "signal=KILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "short": "retval=7"}
APPLIES = {"short": ("write",), "ENOSPC": ("pwrite64", "write", "fsync", "mkdir", "rename")}
MOST = {"killed": 3, "EIO": 0, "ENOSPC": 0, "short": 0}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 255 acts, at rest."""
    strace.required()
    folder = tmp_path_factory.mktemp("log") / "begun"
    folder.mkdir()
    world = opened(folder)
    world.log.append(entries(0, BEFORE), now=world.now)
    close(world)
    return folder


def close(world: object) -> None:
    for store in (world.store, *world.witness_stores):  # type: ignore[attr-defined]
        store.close()


def appended(folder: Path, log: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The process that appends, under strace."""
    words = ("-m", "tests.faults.log_append", str(folder), str(BEFORE), str(AFTER))
    command = ["strace", "-f", "-y", "-o", str(log), "-e", f"trace={CALLS}", *options, sys.executable, *words]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


@pytest.fixture(scope="module")
def moments(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> list[strace.Moment]:
    """Every write of an append that goes well, below the log's folder."""
    beside = tmp_path_factory.mktemp("seen")
    shutil.copytree(begun, beside / "log")
    done = appended(beside / "log", beside / "trace")
    assert done.returncode == 0, done.stderr
    calls = strace.calls_in(beside / "trace")
    every = strace.moments(calls)
    found = [moment for moment, call in zip(every, calls, strict=True) if str(beside / "log") in call.target]
    assert {"pwrite64", "fsync", "fdatasync", "rename"} <= {moment.name for moment in found}
    return found


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_any_write_of_an_append_loses_nothing_and_the_log_goes_on(
    begun: Path, moments: list[strace.Moment], fault: str, tmp_path: Path
) -> None:
    possible = [moment for moment in moments if moment.name in APPLIES.get(fault, (moment.name,))]
    points = chosen(possible, MOST[fault], kind=strace.kind_of_moment if fault == "killed" else lambda m: m.name)
    for number, moment in enumerate(points):
        folder = tmp_path / str(number)
        shutil.copytree(begun, folder)
        inject = f"inject={moment.name}:{FAULTS[fault]}:when={moment.when}"
        done = appended(folder, tmp_path / "trace", "-e", inject)
        trace = (tmp_path / "trace").read_text(errors="replace")
        assert ("killed by SIGKILL" if fault == "killed" else "(INJECTED)") in trace, moment
        acknowledged = json.loads(done.stdout) if done.stdout.startswith("[") else []
        assert acknowledged in ([], [*range(BEFORE, AFTER)])
        check_goes_on(folder, acknowledged, moment)
        shutil.rmtree(folder)
    record("log", "appends acts", fault, points=points, of=len(possible), held="every act, one history, verified")


def check_goes_on(folder: Path, acknowledged: list[int], moment: strace.Moment) -> None:
    """What is public is of one history before and after; the same acts sent again stand once, where they stood."""
    shown = parse_signed_checkpoint((folder / PUBLIC / "checkpoint").read_bytes()).checkpoint
    world = opened(folder)
    try:
        receipts = world.append(*entries(BEFORE, AFTER)).receipts
        assert [receipt.index for receipt in receipts] == [*range(BEFORE, AFTER)], moment
        assert world.store.size() == AFTER
        assert list(world.store.entries(0, AFTER)) == entries(0, AFTER)
        report = audit(FolderLogFiles(folder / PUBLIC), policy=POLICY)
        assert report.is_verified, (moment, report.failure)
        assert report.size == AFTER
        held = {BEFORE: shown.root if shown.size == BEFORE else None, AFTER: report.root}
        assert shown.size in held
        assert shown.root == held[shown.size], moment
        assert not acknowledged or shown.size == AFTER
    finally:
        close(world)
