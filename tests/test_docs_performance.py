"""docs/performance.md says what the benches measured: every number in its tables is in the raw numbers beside it."""

import json
import re
from functools import reduce
from pathlib import Path

from bench import tables

DOCS = Path(__file__).resolve().parents[1] / "docs"
ROW = re.compile(r"^\|.*\| ([\d,.]+)[^|]*\| `(zk|issuer|registry|log) ([\w.]+)` \|$", re.MULTILINE)


def raw(name: str, path: str) -> float:
    found = json.loads((DOCS / "bench" / f"{name}.json").read_text(encoding="utf-8"))
    member = reduce(lambda value, key: value[int(key) if isinstance(value, list) else key], path.split("."), found)
    assert isinstance(member, int | float)
    return member


def test_every_number_in_the_tables_is_one_that_was_measured() -> None:
    rows = ROW.findall((DOCS / "performance.md").read_text(encoding="utf-8"))
    assert len(rows) > 15
    for printed, name, path in rows:
        decimals = len(printed.partition(".")[2])
        assert printed == f"{raw(name, path):,.{decimals}f}", f"{name} {path}"


def test_a_number_that_is_measured_again_takes_the_place_of_the_old_one() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    found = json.loads((DOCS / "bench" / "log.json").read_text(encoding="utf-8"))
    assert tables.filled(text, "log", found) == text
    found["batches"]["1000"], found["machine"]["load"] = 12345.67, 0.04
    changed = tables.filled(text, "log", found)
    assert "| 12,345.7 | `log batches.1000` |" in changed
    assert "under a load average of 0.04: " in changed
    assert len([line for line in changed.splitlines() if line not in text.splitlines()]) == 2


def test_the_registrys_table_has_every_size_and_store_that_was_measured() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    found = json.loads((DOCS / "bench" / "registry.json").read_text(encoding="utf-8"))
    assert tables.filled(text, "registry", found) == text
    times = {"p50": 1234.5, "p99": 2345.6}
    found |= dict.fromkeys(("lookup_ms", "lookup_apart_ms", "opening_ms", "opening_beyond_receipt_ms"), times)
    found |= {"opening_beyond_receipt_apart_ms": times}
    found |= {"lookup_cpu_ms": {"workstation": 0.1, "trustee": 0.2, "registry": 0.3}}
    for name in ("lookup_ms_by_population", "index_ms_by_population"):
        found |= {name: {"sqlite": {"1000": times, "100000": times}, "postgresql": {"1000": times}}}
    changed = tables.filled(text, "registry", found)
    rows = [path for _, name, path in ROW.findall(changed) if name == "registry"]
    assert [path for path in rows if "by_population" in path and path.endswith("p99")] == [
        f"lookup_ms_by_population.{place}.p99" for place in ("sqlite.1000", "sqlite.100000", "postgresql.1000")
    ]
    assert "| a look-up among 100,000 rows, SQLite: median | 1,234.5 ms |" in changed
    assert "Not measured yet" not in changed
    found["lookup_ms_by_population"]["postgresql"] = None
    again = tables.filled(changed, "registry", found)
    assert "100,000 rows, SQLite" in again
    assert "rows, PostgreSQL" not in again


def test_the_date_and_the_machine_are_those_of_the_raw_numbers() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    for name in ("zk", "issuer", "registry", "log"):
        machine = json.loads((DOCS / "bench" / f"{name}.json").read_text(encoding="utf-8"))["machine"]
        assert machine["date"] in text
        assert f"{machine['cores']} cores" in text
        assert f"Python {machine['python']}" in text
