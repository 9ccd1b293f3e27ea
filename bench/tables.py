"""Puts what a bench measured into the tables of docs/performance.md, each number with the decimals that it has there.

    python bench/tables.py NAME     a file NAME.json in docs/bench, as `diptych bench NAME --plot docs/bench` keeps it

The rows of the registry's second table are what was measured: populations up to the size asked for, on each store that
was there. The words around the numbers are a person's to read again: they may not be true any more.
"""

import json
import re
import sys
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
MEASURED = re.compile(r"Measured on [0-9-]+ (with the same software and machine, under a load average of) [0-9.]+[0-9]")

OVER_HTTP = re.compile(r"(?<=<!-- registry over HTTP -->\n).*?(?=<!-- end -->)", re.DOTALL)
STORES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def filled(text: str, name: str, found: dict[str, object]) -> str:
    """The document with the numbers of that bench in its rows, and their day and load in the words above them."""
    if name == "registry" and "lookup_ms" in found:
        text = OVER_HTTP.sub("\n".join(_over_http(found)), text)
    row = re.compile(rf"^(\|.*\| )([\d,.]+)([^|]*\| `{name} ([\w.]+)` \|)$", re.MULTILINE)

    def number(match: re.Match[str]) -> str:
        decimals = len(match[2].partition(".")[2])
        return f"{match[1]}{_member(found, match[4]):,.{decimals}f}{match[3]}"

    machine = found["machine"]
    assert isinstance(machine, dict)
    sections = re.split(r"(?m)^(?=## )", row.sub(number, text))
    said = rf"Measured on {machine['date']} \1 {machine['load']}"
    return "".join(MEASURED.sub(said, part) if f"| `{name} " in part else part for part in sections)


def _over_http(found: dict[str, object]) -> Iterator[str]:
    """The lines of the table of look-ups and openings over HTTP, with a 0.0 in the place of each number."""
    yield from ("| what | measured | raw number |", "|---|---|---|")
    for what, path in (
        ("a look-up, everybody on this machine: median", "lookup_ms.p50"),
        ("the slowest of a hundred", "lookup_ms.p99"),
        ("its processor time: workstation", "lookup_cpu_ms.workstation"),
        ("each of three trustees", "lookup_cpu_ms.trustee"),
        ("registry", "lookup_cpu_ms.registry"),
        ("a look-up, trustees asked one by one, the slowest counted: median", "lookup_apart_ms.p50"),
        ("an opening, everybody on this machine: median", "opening_ms.p50"),
        ("less its two waits for the log", "opening_beyond_receipt_ms.p50"),
        ("that, holders asked one by one, the slowest counted", "opening_beyond_receipt_apart_ms.p50"),
    ):
        yield _row(what, path)
    whole = found["lookup_ms_by_population"]
    assert isinstance(whole, dict)
    for store, by_rows in whole.items():
        for rows in by_rows or ():
            yield _row(f"a look-up among {int(rows):,} rows, {STORES[store]}: median", f"{_whole(store, rows)}.p50")
            yield _row("the slowest of a hundred", f"{_whole(store, rows)}.p99")
            yield _row("the registry's part: median", f"index_ms_by_population.{store}.{rows}.p50")
    plots = ("lookup", "a look-up"), ("index", "the registry's part")
    yield ""
    yield from (f"![Rows of the index against {what}](bench/registry-{name}.svg)" for name, what in plots)
    yield ""


def _whole(store: str, rows: str) -> str:
    return f"lookup_ms_by_population.{store}.{rows}"


def _row(what: str, path: str) -> str:
    return f"| {what} | 0.0 ms | `registry {path}` |"


def _member(found: dict[str, object], path: str) -> float:
    value: object = reduce(lambda at, key: at[int(key) if isinstance(at, list) else key], path.split("."), found)  # type: ignore[index]
    assert isinstance(value, int | float)
    return value


if __name__ == "__main__":
    performance = DOCS / "performance.md"
    raw = json.loads((DOCS / "bench" / f"{sys.argv[1]}.json").read_text(encoding="utf-8"))
    performance.write_text(filled(performance.read_text(encoding="utf-8"), sys.argv[1], raw), encoding="utf-8")
