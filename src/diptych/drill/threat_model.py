"""The part of docs/threat-model.md that a drill writes: who is where, what they get, when it is seen.

diptych drill --json > docs/bench/drill.json
python -m diptych.drill.threat_model docs
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.drill.picture import picture
from diptych.drill.position import Position
from diptych.drill.positions import POSITIONS
from diptych.drill.report import seconds

BEGIN, END = "<!-- written by a drill: begin -->", "<!-- written by a drill: end -->"
HEAD = (
    "| # | who is where | a plain table | common practice | Diptych | without | must hold |",
    "|---|---|---|---|---|---|---|",
)


def section(value: Mapping[str, Any]) -> str:
    """The table for a drill's JSON, between its marks."""
    taken = {one["position"]: one for one in value["positions"]}
    rows = [_row(position, taken[position.number], value["population"]) for position in POSITIONS]
    said = (
        f"Counted in a town of {value['population']:,} made-up people ([how](drill.md)). *Without* is the same attack"
        " on a build with that defence removed: it has to win there."
    )
    return "\n".join([BEGIN, said, "", *HEAD, *rows, END])


def rewritten(text: str, value: Mapping[str, Any]) -> str:
    """The document with a new table in the place of the old one."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + section(value) + after


def _row(position: Position, found: Mapping[str, Any], population: int) -> str:
    who = f"{position.name.en}: {position.takes.en}"
    if not found["applies"]:
        return f"| {position.number} | {who} | | | does not apply: {found['reason']} | | {position.promise.en} |"
    plain, common, ours = (
        _got(found[name], population, position) for name in ("baseline_plain", "baseline_common", "ours")
    )
    seen = found["visible_after_seconds"]
    if seen is not None:
        ours += f"; evidence after {seconds(seen, 'en')} s"
    weakened = _got(found["weakened"], None, position)
    verdict = position.promise.en if found["holds"] else f"**does not hold**: {position.promise.en}"
    return (
        f"| {position.number} | {who} | {plain} | {common} | {ours} | {position.removed.en}: {weakened} | {verdict} |"
    )


def _got(loot: Mapping[str, Any], population: int | None, position: Position) -> str:
    if position.is_one_person:
        return position.wins.en if loot["canaries"] + loot["openings"] else "nothing"
    parts: Sequence[str] = [
        "everybody" if loot["openings"] == population else f"{loot['openings']:,} read" if loot["openings"] else "",
        f"{loot['canaries']:,} values" if loot["canaries"] and not loot["openings"] else "",
        f"at least {loot['advantage']:.0%} of rows named" if loot["advantage"] and not loot["openings"] else "",
    ]
    return ", ".join(part for part in parts if part) or "nothing"


if __name__ == "__main__":
    docs = Path(sys.argv[1])
    measured = json.loads((docs / "bench" / "drill.json").read_text(encoding="utf-8"))
    document = docs / "threat-model.md"
    document.write_text(rewritten(document.read_text(encoding="utf-8"), measured), encoding="utf-8")
    (docs / "bench" / "drill.svg").write_text(picture(measured), encoding="utf-8")
