"""`diptych log tail|monitor`: read what is new in a log, and hold it to what it showed before."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import log as log_commands
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit, progress
from diptych.errors import Unavailable

if TYPE_CHECKING:
    from diptych.formats.tlog.checkpoint import SignedCheckpoint
    from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint
    from diptych.protocols.reading.files import LogFiles
    from diptych.roles.auditor.monitor import Look

Seconds = Annotated[float, typer.Option("--every", help="Seconds between two looks.", min=0.1)]


def tail(
    context: typer.Context,
    location: log_commands.Location,
    policy: log_commands.PolicyFile,
    *,
    count: Annotated[int, typer.Option("--lines", "-n", help="How many of the last entries.", min=0)] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with those that come, until Ctrl-C.")] = False,
    every: Seconds = 1.0,
    as_json: AsJson = False,
) -> None:
    """Show the last entries of a log, each verified to stand in it. With --follow and --json, one object a line."""
    from diptych.formats.tlog.policy import parse_policy
    from diptych.protocols.reading.files import entries_of

    rooms: Rooms = context.obj
    files = rooms.log_files(location)
    shown: list[dict[str, object]] = []
    start: int | None = None
    for checkpoint in _looks(files, parse_policy(log_commands.read_file(policy)), None, every if follow else None):
        first = max(0, checkpoint.checkpoint.size - count) if start is None else start
        for index, entry in entries_of(files, checkpoint, start=first):
            line = {"index": index, **log_commands.describe(entry)}
            if follow or not as_json:
                _print(line, as_json=as_json)
            else:
                shown.append(line)
        start = checkpoint.checkpoint.size
    if as_json and not follow:
        emit(shown, as_json=True, prose=lambda: None)


def monitor(
    context: typer.Context,
    location: log_commands.Location,
    policy: log_commands.PolicyFile,
    *,
    state: Annotated[Path, typer.Option(help="Where the last checkpoint is kept between runs.", show_default=False)],
    evidence: Annotated[Path, typer.Option(help="The folder that evidence of a fork is written to.")] = Path(),
    every: Seconds = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
    labels: Annotated[
        bool, typer.Option(help="Read the whole log for each new label tree, and make the tree again.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Follow a log, hold it to every checkpoint it showed before, and make its label trees again.

    Exit 1 with evidence if it shows two histories, or a label tree that is not that of its entries.
    """
    from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
    from diptych.formats.tlog.policy import parse_policy
    from diptych.protocols.reading.files import entries_of

    rooms: Rooms = context.obj
    files = rooms.log_files(location)
    last = parse_signed_checkpoint(log_commands.read_file(state)) if state.exists() else None
    rules = parse_policy(log_commands.read_file(policy))
    for checkpoint in _looks(files, rules, last, None if once else every, evidence, labels=labels):
        before = last.checkpoint.size if last else 0
        new = sum(1 for _ in entries_of(files, checkpoint, start=before))
        if last is None or last.checkpoint != checkpoint.checkpoint:
            log_commands.keep_file(state, checkpoint.signed.encode())
        last = checkpoint.signed
        found: dict[str, object] = {
            "ok": True,
            "size": checkpoint.checkpoint.size,
            "new": new,
            "time": log_commands.moment(checkpoint.time),
        }
        if new or once:
            _print(found, as_json=as_json)


def _looks(
    files: "LogFiles",
    policy: "Policy",
    last: "SignedCheckpoint | None",
    every: float | None,
    evidence: Path = Path(),
    *,
    labels: bool = False,
) -> "Iterator[VerifiedCheckpoint]":
    """Checkpoint after checkpoint, each going on from the one before. Ends the command where one does not."""
    from diptych.roles.auditor.monitor import look

    while True:
        try:
            found = look(files, policy=policy, last=last, labels=labels)
        except Unavailable as error:
            if every is None:
                raise
            progress(f"{error.message} ({error.check})")
        else:
            if found.checkpoint is None:
                raise _ended(found, evidence)
            yield found.checkpoint
            last = found.checkpoint.signed
        if every is None:
            return
        time.sleep(every)


def _ended(found: "Look", evidence: Path) -> typer.Exit:
    assert found.failure is not None
    path = log_commands.write_evidence(found.evidence, evidence)
    progress(f"{found.failure.message}\n  ({found.failure.check})")
    if path is not None:
        progress(f"Evidence that anyone can check with `diptych log evidence`: {path}")
    return typer.Exit(EXIT_DOES_NOT_HOLD)


def _print(line: dict[str, object], *, as_json: bool) -> None:
    import json

    if as_json:
        typer.echo(json.dumps(line))
    else:
        typer.echo("  ".join("-" if value is None else str(value) for value in line.values()))
