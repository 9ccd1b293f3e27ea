"""docs/interop.md says what a run of `make interop` showed, and nothing that no test shows any more."""

import json
import re
from pathlib import Path

from tests.interop.report import DIFFERENCES, Row, render

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "interop.md"
INTEROP = ROOT / "tests" / "interop"


def row(line: int, case: str) -> Row:
    return Row("tests/interop/test_a.py", line, case, ("peer", "other"), ("1.0", "2.0"), "verifier")


def test_rows_stand_in_the_order_of_the_source_whatever_the_order_of_the_run() -> None:
    rows = [row(2, "test_second[a case]"), row(1, "test_it_is_first")]
    document = render(rows, date="2026-11-24", differences="## Differences\n")
    assert document == render(rows[::-1], date="2026-11-24", differences="## Differences\n")
    assert document.endswith(
        "| `peer` + `other` | 1.0 + 2.0 | verifier | it is first | 2026-11-24 |\n"
        "| `peer` + `other` | 1.0 + 2.0 | verifier | second (a case) | 2026-11-24 |\n"
        "\n## Differences\n"
    )


def test_the_document_claims_only_what_a_test_shows() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    claimed = re.findall(r"^\| `.*\| (.+) \| \d{4}-\d\d-\d\d \|$", text, re.MULTILINE)
    tests = "\n".join(path.read_text(encoding="utf-8") for path in INTEROP.glob("test_*.py"))
    names = {name.replace("_", " ") for name in re.findall(r"^def test_(\w+)", tests, re.MULTILINE)}
    assert claimed
    assert [sentence for sentence in claimed if sentence.partition(" (")[0] not in names] == []


def test_the_document_ends_with_the_differences_as_they_are_written_now() -> None:
    assert DOCUMENT.read_text(encoding="utf-8").endswith(DIFFERENCES.read_text(encoding="utf-8"))


def test_the_locks_of_the_peers_name_no_registry_and_no_path_and_pin_what_is_asked_for() -> None:
    asked = json.loads((INTEROP / "npm" / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = json.loads((INTEROP / "npm" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert [name for name, package in packages.items() if "resolved" in package or "link" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked
    for lock in (ROOT / "requirements").glob("peer-*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert "--hash=sha256:" in text
