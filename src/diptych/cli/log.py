"""`diptych log`: verify a public log from its files, read it, prove from it. Needs no key and writes nothing to it.

What its operator does is left to `log_operator`.
"""

import contextlib
import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import log_operator
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit
from diptych.errors import FormatError, Unavailable

if TYPE_CHECKING:
    from diptych.formats.tlog.checkpoint import SignedCheckpoint
    from diptych.formats.tlog.evidence import Evidence
    from diptych.roles.auditor.log_reader import LogReader
    from diptych.roles.auditor.model import Report

log = typer.Typer(name="log", help="Verify the public log of acts, and read it.", no_args_is_help=True)

for command in (log_operator.init, log_operator.admit, log_operator.repair):
    log.command()(command)

Location = Annotated[str, typer.Argument(metavar="PATH|URL", help="The log's folder, or its URL.", show_default=False)]
PolicyFile = Annotated[
    Path, typer.Option("--policy", help="Whose signatures count (c2sp.org/tlog-policy).", show_default=False)
]

LEAST_ENTRIES_FOR_PROGRESS = 100_000


@log.command()
def verify(
    context: typer.Context,
    location: Location,
    policy: PolicyFile,
    *,
    seen: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint or receipt from earlier or elsewhere, to hold the log against; repeatable."),
    ] = None,
    evidence: Annotated[Path, typer.Option(help="The folder that evidence of a contradiction is written to.")] = Path(),
    details: Annotated[
        bool, typer.Option("--details", help="With --json: who cosigned it and when, acts by type.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify a whole log, offline: every entry, tile and checkpoint, under the policy. Exit 1 if anything is wrong."""
    from diptych.formats.tlog.policy import parse_policy
    from diptych.roles.auditor.log_audit import audit

    rooms: Rooms = context.obj
    known = [_seen(path) for path in seen or ()]
    with log_progress() as progress:
        report = audit(rooms.log_files(location), policy=parse_policy(read_file(policy)), seen=known, progress=progress)
    evidence_path = write_evidence(report.evidence, evidence)
    found = describe_finding(report, evidence_path) | (_details(report) if details else {})
    emit(found, as_json=as_json, prose=lambda: _tell(report, evidence_path))
    if not report.is_verified:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


@log.command()
def show(
    context: typer.Context,
    location: Location,
    policy: PolicyFile,
    *,
    index: Annotated[int | None, typer.Option(help="The entry to show, from 0.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Show the log's checkpoint and who cosigned it, or one entry, verified to stand in it."""
    reader = _open(context.obj, location, policy)
    if index is None:
        checkpoint = reader.verified.checkpoint
        shown: dict[str, object] = {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": _base64(checkpoint.root),
            "time": moment(reader.verified.time),
            "signatures": [
                {
                    "name": signature.key.name,
                    "algorithm": signature.key.signature_type.algorithm.value,
                    "time": moment(signature.time),
                }
                for signature in reader.verified.signatures
            ],
        }
    else:
        entry = reader.receipt(index).extra
        assert entry is not None
        shown = {"index": index, **describe(entry)}
    emit(shown, as_json=as_json, prose=lambda: _tell_members(shown))


@log.command()
def prove(
    context: typer.Context,
    location: Location,
    policy: PolicyFile,
    *,
    index: Annotated[int | None, typer.Option(help="Prove that this entry, from 0, is in the log.")] = None,
    old_size: Annotated[
        int | None, typer.Option("--from", help="Prove that the log begins with its first so many entries.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the receipt to this file (.tlog-proof).")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a receipt of one entry (c2sp.org/tlog-proof), or a consistency proof, from the log's files."""
    if (index is None) == (old_size is None):
        raise typer.BadParameter("give either --index or --from")
    reader = _open(context.obj, location, policy)
    if index is not None:
        receipt = reader.receipt(index).encode()
        if out is not None:
            _write(out, receipt)
        made: dict[str, object] = {"index": index, "receipt": receipt.decode(), "path": str(out) if out else None}
        text = receipt.decode() if out is None else f"The receipt of entry {index} is in {out}.\n"
    else:
        assert old_size is not None
        old_root, proof = reader.consistency_proof(old_size)
        checkpoint = reader.verified.checkpoint
        made = {
            "old_size": old_size,
            "old_root": _base64(old_root),
            "size": checkpoint.size,
            "root": _base64(checkpoint.root),
            "proof": [_base64(item) for item in proof],
        }
        text = "".join(f"{_base64(item)}\n" for item in proof)
    emit(made, as_json=as_json, prose=lambda: typer.echo(text, nl=False))


@log.command()
def evidence(
    file: Annotated[Path, typer.Argument(help="What `log verify` wrote.", show_default=False)],
    policy: PolicyFile,
    *,
    as_json: AsJson = False,
) -> None:
    """Check evidence against a log again, from itself and the policy alone. Exit 1 if it does not show anything."""
    from diptych.formats.tlog.evidence import parse_evidence, verify_evidence
    from diptych.formats.tlog.policy import parse_policy

    shown = verify_evidence(parse_evidence(read_file(file)), policy=parse_policy(read_file(policy)))
    emit(
        {"shows": f"{shown.check}: {shown.message}", "check": shown.check},
        as_json=as_json,
        prose=lambda: typer.echo(f"The evidence holds. {shown.message}\n  ({shown.check})"),
    )


def _open(rooms: Rooms, location: str, policy: Path) -> "LogReader":
    from diptych.formats.tlog.policy import parse_policy
    from diptych.roles.auditor.log_reader import open_log

    return open_log(rooms.log_files(location), policy=parse_policy(read_file(policy)))


def _seen(path: Path) -> "SignedCheckpoint":
    """The checkpoint in a file, or the one inside a receipt."""
    from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
    from diptych.formats.tlog.proof import HEADER, parse_proof

    data = read_file(path)
    if data.startswith(HEADER.encode()):
        return parse_proof(data).checkpoint
    return parse_signed_checkpoint(data)


def describe_finding(report: "Report", evidence_path: Path | None) -> dict[str, object]:
    """What an audit found, for programs."""
    failure = report.failure
    return {
        "ok": report.is_verified,
        "size": report.size,
        "root": None if report.root is None else _base64(report.root),
        "checked": report.checked,
        "failure": None if failure is None else f"{failure.check}: {failure.message}",
        "evidence_path": None if evidence_path is None else str(evidence_path),
    }


def _details(report: "Report") -> dict[str, object]:
    return {
        "origin": report.origin,
        "time": moment(report.time),
        "witnesses": list(report.witnesses),
        "acts": {act_type.word: count for act_type, count in sorted(report.acts.items())},
        "other_entries": report.other_entries,
        "earlier_checkpoints": report.earlier_checkpoints,
        "unsigned_files": report.unsigned_files,
    }


def _tell(report: "Report", evidence_path: Path | None) -> None:
    if report.failure is not None:
        typer.echo(f"The log does not verify. {report.failure.message}\n  ({report.failure.check})")
        if evidence_path is not None:
            typer.echo(f"Evidence that anyone can check with `diptych log evidence`: {evidence_path}")
        return
    acts = ", ".join(f"{count} {act_type.word}" for act_type, count in sorted(report.acts.items()))
    typer.echo(f"{report.origin}: all {report.size} entries verify.")
    typer.echo(f"  acts          {acts or 'none'}")
    if report.other_entries:
        typer.echo(f"  no acts       {report.other_entries} entries")
    typer.echo(f"  witnesses     {', '.join(report.witnesses) or 'none required'}")
    typer.echo(f"  as of         {moment(report.time) or 'not dated'}")
    typer.echo(f"  earlier       {report.earlier_checkpoints} checkpoints are of beginnings of this log")


def _tell_members(members: dict[str, object]) -> None:
    for name, value in members.items():
        if isinstance(value, list):
            for item in value:
                line = "  ".join(str(part) for part in item.values() if part is not None)
                typer.echo(f"{name.removesuffix('s'):<12}  {line}")
        else:
            typer.echo(f"{name:<12}  {'-' if value is None else value}")


def describe(data: bytes) -> dict[str, object]:
    """An entry, for people and programs."""
    from diptych.formats.tlog.entry import parse_entry

    try:
        entry = parse_entry(data)
    except FormatError:
        return {"act": None, "bytes": data.hex()}
    return {
        "act": entry.act_type.word,
        "day": entry.day.isoformat(),
        "actor": entry.actor.word,
        "label": entry.label.hex() if entry.act_type.is_about_a_subject else None,
        "commitment": entry.commitment.hex(),
        "policy_hash": entry.policy_hash.hex(),
    }


def write_evidence(evidence: "Evidence | None", folder: Path) -> Path | None:
    """Write evidence under a name of its own; its path."""
    from diptych.formats.tlog.evidence import encode_evidence

    if evidence is None:
        return None
    data = encode_evidence(evidence)
    path = folder / f"log-evidence-{hashlib.sha256(data).hexdigest()[:16]}.json"
    _write(path, data)
    return path.resolve()


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise Unavailable("log.write", f"{path} cannot be written: {error.strerror}") from error


def keep_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of what stands there: the old or the new, whatever happens."""
    beside = path.with_name(path.name + ".new")
    _write(beside, data)
    beside.replace(path)


def read_file(path: Path) -> bytes:
    """What is in a file that the command line names."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError("log.read", f"{path} cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def log_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr for whoever watches a terminal, once the log is long enough to take a second."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Verifying", total=None, visible=False)

        def show_progress(checked: int, size: int) -> None:
            bar.update(task, completed=checked, total=size, visible=size >= LEAST_ENTRIES_FOR_PROGRESS)

        yield show_progress


def _base64(data: bytes) -> str:
    from diptych.formats.tlog.lines import encode_base64

    return encode_base64(data)


def moment(when: object) -> str | None:
    """A moment as JSON has it."""
    from datetime import datetime

    return when.isoformat().replace("+00:00", "Z") if isinstance(when, datetime) else None
