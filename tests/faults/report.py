"""docs/reliability.md, made from what the fault tests noted. Written by `make reliability`."""

import ast
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ELSEWHERE = FOLDER / "elsewhere.md"
HEAD = """\
# Reliability: what was injected where, and what held

Written by `make reliability`, and only from what its runs noted: each row is a test of `tests/faults` that passed
on {date}, on real processes; the raw lines are in [reliability.jsonl](reliability.jsonl). What is not in a table was
not shown.

## Killed
A role is ended by SIGKILL as it enters a write: what it was about to write or send is not written. The kernel itself
stops it there (seccomp): whatever it and all that it started write has one order, and an undisturbed run of the same
act says how many there are (*of*). Then the act is begun anew for one write after another, and killed there, and what
it had acknowledged, what it does when it is asked again, and how its journey ends are looked at (*what held*).
*Tried* says at how many of the writes: `EVERY=1` tries all of them (one less where the act made one write less that
time); else the first of each kind and some of the others are.

| role | while it | killed as it entered | tried | of | what held |
|---|---|---|---:|---:|---|
"""
FAILED = """
## At one write
The log's sequencer, under strace: of the writes of one append, one after another is the one at which it is killed,
gets an error (EIO), has no room (ENOSPC), or is told that it wrote seven bytes (its own files; see the test).

| role | while it | fault | at | tried | of | what held |
|---|---|---|---|---:|---:|---|
"""
STARVED = """
## Starved
The database under a running role, for as long as its requests last: locked by another process beyond what a request
waits for, its file moved away, every `pwrite` without room (ENOSPC), every `fdatasync` an error (EIO), every
`fdatasync` a fifth of a second late. A PostgreSQL is stopped, or says nothing; its rows are held by somebody else; its
connections are cut, or it is restarted, while the requests stand within their transactions; its files get no further
page (`could not extend file`, 53100). Then the fault ends, and what was turned away is sent again as it was.

| role | fault | requests | what held |
|---|---|---|---|
"""
CROWDED = """
## Crowded
Two hundred clients at once, ten of them hostile: silent connections, heads and bodies that never end, bodies without a
limit, replays, and proofs that cost a verification each and are false. Every honest client is served; the times are
those of this run, clients and server on the same cores.

| role | measured |
|---|---|
"""

MISSING = """
## Not in this run
These tests are part of `make test` and note what they show, but were not run to their end when this page was made:

"""

AT_ONE_WRITE = ("killed", "EIO", "ENOSPC", "short")

Record = dict[str, Any]  # a line of JSON, as `records` writes it


def noting() -> set[str]:
    """Every test that notes what it injected and what held."""
    found = set()
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                called = {call.func for call in ast.walk(node) if isinstance(call, ast.Call)}
                if {name.id for name in called if isinstance(name, ast.Name)} & {"record", "note"}:
                    found.add(f"tests/faults/{path.name}::{node.name}")
    return found


def missing(records: Sequence[Record]) -> list[str]:
    """Those of which this run has nothing to say."""
    return sorted(noting() - {record["test"].partition("[")[0] for record in records})


def parse(text: str) -> list[Record]:
    """The lines of a run, in the order of their tests."""
    return sorted((json.loads(line) for line in text.splitlines()), key=lambda record: (record["test"], record["role"]))


def render(records: Sequence[Record], *, elsewhere: str, not_run: Sequence[str]) -> str:
    """The whole document. `not_run` are tests that it names as such."""
    dates = sorted({record["date"] for record in records})
    date = dates[0] if len(dates) == 1 else f"{dates[0]} and {dates[-1]}"
    killed = [record for record in records if record.get("fault") == "kill -9"]
    failed = [record for record in records if record.get("fault") in AT_ONE_WRITE]
    starved = [record for record in records if record.get("fault", "kill -9") not in {"kill -9", *AT_ONE_WRITE}]
    crowded = [record for record in records if "crowd" in record]
    return (
        HEAD.format(date=date)
        + "".join(
            f"| {found['role']} | {found['act']} | {_kinds(found)} | {found['tried']} | {found['of']} "
            f"| {found['held']} |\n"
            for found in killed
        )
        + FAILED
        + "".join(
            f"| {found['role']} | {found['act']} | {found['fault']} | {_kinds(found)} | {found['tried']} "
            f"| {found['of']} | {found['held']} |\n"
            for found in failed
        )
        + STARVED
        + "".join(
            f"| {found['role']} | {found['fault']} | {', '.join(found['kinds'])} | {found['held']} |\n"
            for found in starved
        )
        + CROWDED
        + "".join(f"| {found['role']} | {found['crowd']} |\n" for found in crowded)
        + (MISSING + "".join(f"- `{name}`\n" for name in not_run) if not_run else "")
        + "\n"
        + elsewhere
    )


def _kinds(found: Record) -> str:
    return ", ".join(f"{kind} ×{count}" if count > 1 else kind for kind, count in sorted(found["kinds"].items()))


def main(raw: Path, document: Path) -> None:
    """Render the lines in `raw` to `document`."""
    records = parse(raw.read_text(encoding="utf-8"))
    raw.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    text = render(records, elsewhere=ELSEWHERE.read_text(encoding="utf-8"), not_run=missing(records))
    document.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
