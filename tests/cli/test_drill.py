"""`diptych drill` at the terminal: its JSON, its exit codes, and the page that it leaves."""

import json
import subprocess
import sys
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
