"""`diptych bench` prints one JSON object, with what is measured and what it is measured against."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from diptych.cli import bench_anoncreds, bench_report
from diptych.cli.bench_plot import Line, Plot, svg

LONGFELLOW = {
    "prove_ms",
    "verifications_per_second",
    "ratio_to_library",
    "worker_peak_bytes",
    "respawn_seconds",
}
FAST_SUITE = {"prove_ms", "verify_ms", "bytes", "batch64_ms_each", "native_share"}
ANONCREDS = {"prove_ms", "verify_ms", "bytes"}
RATIOS = {"prove", "verify", "bytes"}
EPOCH = {"tokens_per_second_per_core"}
COST = {"attributes", "batch", "portrait_bytes", "per_second_per_core", "ratio_to_es256", "microseconds", "bytes"}
SVG = "{http://www.w3.org/2000/svg}"


def bench(*arguments: str) -> tuple[dict[str, object], str]:
    """What a bench prints with --json, and its progress."""
    ended = subprocess.run(
        [sys.executable, "-m", "diptych", "bench", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout), ended.stderr


def test_the_zero_knowledge_bench_prints_one_json_object_and_its_progress_beside_it() -> None:
    found, progress = bench("zk", "--rounds", "1", "--proofs", "1")
    for name, members in {"longfellow": LONGFELLOW, "fast_suite": FAST_SUITE, "epoch": EPOCH}.items():
        assert set(found[name]) >= members
        assert all(found[name][member] > 0 for member in members)
    for name, members in {"anoncreds": ANONCREDS, "ratios": RATIOS}.items():
        assert set(found[name]) >= members
        for member in members:
            assert found[name][member] > 0 if bench_anoncreds.is_set_up() else found[name][member] is None
    assert found["machine"]["cores"] > 0
    assert "round 1 of 1" in progress
    assert bench_anoncreds.is_set_up() or "make .venv/anoncreds" in progress


def test_without_anoncreds_its_numbers_are_null_and_the_progress_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_anoncreds, "PYTHON", tmp_path / "absent")
    said: list[str] = []
    found = bench_report.measure_fast_suite(rounds=1, progress=said.append)
    assert bench_anoncreds.HOW_TO_GET_IT in said
    assert set(found["anoncreds"].values()) == {None}
    assert found["ratios"] == {"prove": None, "verify": None, "bytes": None}
    assert "prove" in bench_report.fast_suite_prose(found)


def test_the_issuers_bench_says_how_its_cost_grows(tmp_path: Path) -> None:
    found, progress = bench("issuer", "--rounds", "1", "--plot", str(tmp_path))
    assert found["per_second_per_core"] > 0
    assert found["ratio_to_es256"] > 0
    assert (found["licence"]["attributes"], found["licence"]["batch"]) == (25, 10)
    for name in ("licence", "request"):
        assert set(found[name]) >= COST
    assert [cost["attributes"] for cost in found["by_attributes"]] == [5, 10, 15, 20, 25, 30, 40, 50]
    assert [cost["batch"] for cost in found["by_batch"]] == [1, 2, 5, 10, 20, 50, 100]
    assert all(set(cost) >= COST for cost in found["by_attributes"] + found["by_batch"] + found["by_portrait"])
    assert "round 1 of 1" in progress
    assert json.loads((tmp_path / "issuer.json").read_text()) == found
    assert {path.name for path in tmp_path.glob("*.svg")} == {"issuer-attributes.svg", "issuer-batch.svg"}


def test_a_plot_is_svg_with_a_point_for_each_value() -> None:
    lines = [Line("ours & theirs", [(1, 2.5), (10, 0.0), (1_000, 40.0)]), Line("<flat>", [(1, 1.0), (1_000, 1.0)])]
    root = ElementTree.fromstring(svg(Plot("Cost", "batch", "ms", lines, is_log_x=True, note="a machine")))
    assert len(root.findall(f"{SVG}polyline")) == 2
    assert len(root.findall(f"{SVG}circle")) == 3 + 1  # and one in the legend
    assert len(root.findall(f"{SVG}polygon")) == 2 + 1
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"Cost", "batch", "ms", "a machine", "ours & theirs", "<flat>", "1,000"} <= set(texts)


def test_a_plot_of_one_point_stands_in_its_frame() -> None:
    root = ElementTree.fromstring(svg(Plot("Cost", "size", "ms", [Line("ours", [(7, 3.0)])])))
    assert len(root.findall(f"{SVG}circle")) == 2


def test_the_logs_bench_has_the_members_it_promises() -> None:
    found, progress = bench("log", "--seconds", "0.3", "--entries", "2000")
    batches, receipt_ms = found["batches"], found["receipt_ms"]
    assert isinstance(batches, dict)
    assert isinstance(receipt_ms, dict)
    assert batches.keys() == {"1", "10", "100", "1000"}
    assert all(rate > 0 for rate in batches.values())
    assert 0 < receipt_ms["p50"] <= receipt_ms["p99"]
    for name in ("http_acts_per_second", "bytes_per_entry", "verify_seconds_per_million"):
        assert float(str(found[name])) > 0
    assert "Verifying 2000 entries" in progress


def test_the_registrys_bench_has_the_members_it_promises(tmp_path: Path) -> None:
    found, progress = bench("registry", "--rounds", "2", "--rows", "1000", "--plot", str(tmp_path))
    for name in ("seal_ms", "open_ms", "key_ceremony_ms", "resharing_ms"):
        assert float(str(found[name])) > 0
    assert 0 < int(str(found["record_overhead_bytes"])) < 8 * 1024
    for name, parts in (("lookup_us", 4), ("parts_us", 5)):
        times = found[name]
        assert isinstance(times, dict)
        assert len(times) == parts
        assert all(time > 0 for time in times.values())
    assert "key ceremonies" in progress
    assert set(found["lookup_ms"]) == {"p50", "p99"}
    for name in ("lookup_ms", "lookup_apart_ms", "opening_ms", "opening_beyond_receipt_ms"):
        assert 0 < found[name]["p50"] <= found[name]["p99"]
    for name in ("lookup_ms_by_population", "index_ms_by_population"):
        assert found[name]["sqlite"]["1000"]["p50"] > 0
        assert found[name]["postgresql"] is None
    assert "PostgreSQL is not measured" in progress
    assert json.loads((tmp_path / "registry.json").read_text()) == found
    assert {path.name for path in tmp_path.glob("*.svg")} == {"registry-lookup.svg", "registry-index.svg"}
