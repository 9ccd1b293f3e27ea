"""`diptych bench zk --json` prints one JSON object, with what is measured and what it is measured against."""

import json
import subprocess
import sys

NAMES = {
    "prove_ms",
    "verifications_per_second",
    "ratio_to_library",
    "worker_peak_bytes",
    "respawn_seconds",
}


def test_the_bench_prints_one_json_object_and_its_progress_beside_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "diptych", "bench", "zk", "--rounds", "1", "--proofs", "1", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ended.stdout)["longfellow"]
    assert set(found) >= NAMES
    assert all(found[name] > 0 for name in NAMES)
    assert "round 1 of 1" in ended.stderr
