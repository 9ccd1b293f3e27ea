"""`diptych audit`: an accredited auditor verifies the whole log, and says so in public, until a day."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.log import describe_finding, log_progress, write_evidence
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit

if TYPE_CHECKING:
    from diptych.protocols.certifying.standing import AttestationNews

audit = typer.Typer(name="audit", help="Attest that the public log verifies.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The auditor's folder.", show_default=False)]


@audit.command()
def init(
    context: typer.Context,
    folder: Folder,
    *,
    registry: Annotated[
        str, typer.Option(help="The registry that shows attestations to trustees.", show_default=False)
    ],
    log_policy: Annotated[
        Path, typer.Option(help="The log that is audited (c2sp.org/tlog-policy).", show_default=False)
    ],
    log: Annotated[str | None, typer.Option(help="The log's URL, where its policy does not say it.")] = None,
    key: Annotated[str | None, typer.Option(help="A token for its keys, as pkcs11:token=NAME; else files.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new auditor with keys of its own. Trustees and the registry decide whether they accept it."""
    rooms: Rooms = context.obj
    rooms.new_auditor(folder, registry=registry, log_policy=log_policy, log_url=log, key=key)
    auditor, writer = folder / "auditor.pub.pem", folder / "log.pub.pem"
    emit(
        {"folder": str(folder), "auditor": str(auditor), "log_writer": str(writer)},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The auditor is ready in {folder}. Whoever accepts it puts {auditor} into auditors/ of their folder, "
            f"under its name. Have the log admit it: diptych log admit LOG {writer} --actor auditor."
        ),
    )


@audit.command()
def attest(
    context: typer.Context,
    folder: Folder,
    *,
    days: Annotated[int, typer.Option(min=1, max=400, help="How long the attestation stands.")] = 90,
    files: Annotated[
        str | None, typer.Option(metavar="PATH|URL", help="A copy of the log's files; else where the log serves them.")
    ] = None,
    evidence: Annotated[Path, typer.Option(help="The folder that evidence of a contradiction is written to.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Verify the whole log, sign that it verifies, have that logged and shown to every trustee. Exit 1 if it does not.

    After a failure, the same command goes on with the attestation that was signed.
    """
    import os
    from datetime import UTC, datetime

    rooms: Rooms = context.obj
    with rooms.auditor(folder, files) as auditor:
        with log_progress() as progress:
            report = auditor.audit(progress)
        if report.failure is not None:
            found = describe_finding(report, write_evidence(report.evidence, evidence))
            shown = {"attested": False, "failure": found["failure"], "evidence_path": found["evidence_path"]}
            emit(shown, as_json=as_json, prose=lambda: typer.echo(f"Nothing is attested. {found['failure']}"))
            raise typer.Exit(EXIT_DOES_NOT_HOLD)
        news = auditor.attest(report, validity=timedelta(days=days), now=datetime.now(UTC), entropy=os.urandom)
    made = {"attested": True, **_as_json(news)}
    emit(
        made,
        as_json=as_json,
        prose=lambda: typer.echo(
            f"Attested: the first {made['size']} entries of {made['origin']}, until {made['expires']}. It is entry "
            f"{made['index']} of the log, and with the registry."
        ),
    )


def _as_json(news: "AttestationNews") -> dict[str, object]:
    from diptych.formats.tlog.lines import encode_base64

    attestation = news.attestation.unverified
    return {
        "origin": attestation.origin,
        "size": attestation.size,
        "root": encode_base64(attestation.root),
        "expires": attestation.expires.isoformat(),
        "index": news.shown.receipt.index,
        "document": news.attestation.digest.hex(),
    }
