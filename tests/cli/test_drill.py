"""`diptych drill` at the terminal: its JSON, its exit codes, and the page that it leaves."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LOOT = {"canaries", "advantage", "openings"}


def drill(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "diptych", "drill", "--folder", str(folder), "--population", "12", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


def test_one_position_is_taken_and_told_in_json_and_in_a_picture(tmp_path: Path) -> None:
    done = drill(tmp_path / "drill", "--position", "14", "--position", "15", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert told["population"] == 12
    rewritten, notified = told["positions"]
    for system in ("baseline_plain", "baseline_common", "ours", "weakened"):
        assert set(rewritten[system]) == LOOT
        assert notified[system] is None
    assert rewritten["holds"] is True
    assert rewritten["visible_after_seconds"] > 0
    assert (notified["applies"], notified["holds"]) == (False, None)
    assert notified["reason"]
    for language in ("en", "fr"):
        page = (tmp_path / "drill" / f"drill-{language}.html").read_text(encoding="utf-8")
        assert f'<html lang="{language}">' in page
        assert "<script" not in page
        assert 'src="http' not in page


def test_a_position_that_is_none_and_a_folder_of_somebody_else_are_refused(tmp_path: Path) -> None:
    assert drill(tmp_path / "drill", "--position", "99").returncode == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    refused = drill(tmp_path / "mine", "--position", "14")
    assert refused.returncode == 1
    assert (tmp_path / "mine" / "letter").read_text() == "dear"


def below(folder: Path) -> set[int]:
    """The processes whose command line names something in that folder."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.add(int(process.name))
    return found


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_drill_that_is_killed_leaves_no_application_behind(tmp_path: Path) -> None:
    folder = tmp_path / "drill"
    drill = subprocess.Popen(
        [sys.executable, "-m", "diptych", "drill", "--population", "12", "--position", "1", "--folder", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: bool(below(folder / "plain-table")) and bool(below(folder / "common-practice")))
    drill.kill()
    drill.wait()
    wait_for(lambda: not below(folder))
