"""Puts what a bench measured into the tables of docs/performance.md, each number with the decimals that it has there.

    python bench/tables.py NAME     a file NAME.json in docs/bench, as `diptych bench NAME --plot docs/bench` keeps it

The words around the numbers are a person's to read again: they may not be true any more.
"""

import json
import re
import sys
from functools import reduce
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
MEASURED = re.compile(r"Measured on [0-9-]+ (with the same software and machine, under a load average of) [0-9.]+[0-9]")


def filled(text: str, name: str, found: dict[str, object]) -> str:
    """The document with the numbers of that bench in its rows, and their day and load in the words above them."""
    row = re.compile(rf"^(\|.*\| )([\d,.]+)([^|]*\| `{name} ([\w.]+)` \|)$", re.MULTILINE)

    def number(match: re.Match[str]) -> str:
        decimals = len(match[2].partition(".")[2])
        return f"{match[1]}{_member(found, match[4]):,.{decimals}f}{match[3]}"

    machine = found["machine"]
    assert isinstance(machine, dict)
    sections = re.split(r"(?m)^(?=## )", row.sub(number, text))
    said = rf"Measured on {machine['date']} \1 {machine['load']}"
    return "".join(MEASURED.sub(said, part) if f"| `{name} " in part else part for part in sections)


def _member(found: dict[str, object], path: str) -> float:
    value: object = reduce(lambda at, key: at[int(key) if isinstance(at, list) else key], path.split("."), found)  # type: ignore[index]
    assert isinstance(value, int | float)
    return value


if __name__ == "__main__":
    performance = DOCS / "performance.md"
    raw = json.loads((DOCS / "bench" / f"{sys.argv[1]}.json").read_text(encoding="utf-8"))
    performance.write_text(filled(performance.read_text(encoding="utf-8"), sys.argv[1], raw), encoding="utf-8")
