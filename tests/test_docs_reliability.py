"""docs/reliability.md says what one run of the fault tests noted, and names the tests that it says nothing of."""

import re
from pathlib import Path

from tests.faults.report import ELSEWHERE, noting, parse, render

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGE = (DOCS / "reliability.md").read_text(encoding="utf-8")
NOT_RUN = re.findall(r"^- `(tests/.+)`$", PAGE, re.MULTILINE)
RECORDS = parse((DOCS / "reliability.jsonl").read_text(encoding="utf-8"))


def test_the_page_is_what_the_run_noted() -> None:
    elsewhere = ELSEWHERE.read_text(encoding="utf-8")
    assert render(RECORDS, elsewhere=elsewhere, not_run=NOT_RUN) == PAGE


def test_every_row_is_of_a_test_that_is_there_and_none_is_said_not_to_have_run() -> None:
    tests, rows = noting(), {record["test"].partition("[")[0] for record in RECORDS}
    assert rows | set(NOT_RUN) <= tests
    assert rows.isdisjoint(NOT_RUN)
    assert len(rows) > 5


def test_what_is_said_to_have_held_is_what_the_test_says_now() -> None:
    for record in RECORDS:
        if "held" in record:
            source = (ROOT / record["test"].partition("::")[0]).read_text(encoding="utf-8")
            assert f'"{record["held"]}"' in source, record["test"]


def test_no_act_was_tried_at_no_write_or_at_more_than_there_are() -> None:
    killed = [record for record in RECORDS if record.get("fault") == "kill -9"]
    assert {record["role"] for record in killed} >= {"issuer", "officer", "verifier"}
    for record in killed:
        assert 0 < record["tried"] <= record["of"], record["test"]
        assert sum(record["kinds"].values()) == record["tried"]


def test_the_other_places_are_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", ELSEWHERE.read_text(encoding="utf-8"))
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []
