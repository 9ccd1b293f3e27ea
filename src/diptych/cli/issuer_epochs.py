"""`diptych issuer publish-epoch`: say anew, with fresh tokens, which credentials of the fast suite stand."""

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, emit, progress

Folder = Annotated[Path, typer.Argument(help="The issuer's folder.", show_default=False)]
DAY_HOURS, INCIDENT_HOURS = 24.0, 1.0


def publish_epoch(
    context: typer.Context,
    folder: Folder,
    *,
    hours: Annotated[
        float | None, typer.Option(help="How long it is the present one: 24, or 1 for an incident.", show_default=False)
    ] = None,
    incident: Annotated[
        bool, typer.Option("--incident", help="End every earlier epoch at once: what was revoked stops counting now.")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; all cores if not said.", min=1)] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Dask scheduler, tls://HOST:PORT: the tokens are made by its workers.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish an epoch: a token for every revocation id that stands now, in files that the issuer serves.

    Run it once a day, before the present epoch has been replaced twice. Wallets fetch their tokens from it; verifiers
    accept it and the one before. What is revoked is simply not in it.
    """
    rooms: Rooms = context.obj
    if workers is not None and cluster is not None:
        raise typer.BadParameter("--workers is for this machine, and a cluster has its own: give one of them")
    found = rooms.publish_epoch(
        folder,
        hours=hours or (INCIDENT_HOURS if incident else DAY_HOURS),
        is_incident=incident,
        workers=workers,
        cluster=cluster,
        progress=lambda done, of: progress(f"{done} of {of} tokens"),
    )
    rate = found.count / found.seconds / found.workers if found.seconds > 0 else 0.0
    emit(
        {
            "epoch": found.epoch.name,
            "starts": found.epoch.starts.isoformat(),
            "accepted_until": found.epoch.ends.isoformat(),
            "ends_earlier": found.epoch.ends_earlier,
            "ids": found.count,
            "files": found.files,
            "seconds": round(found.seconds, 3),
            "workers": found.workers,
            "tokens_per_second_per_core": round(rate),
        },
        as_json=as_json,
        prose=lambda: typer.echo(
            f"Epoch {found.epoch.name}: {found.count} ids stand, in {found.files} files. Accepted until"
            f" {found.epoch.ends:%Y-%m-%d %H:%M} UTC"
            + (", and no earlier epoch any more." if found.epoch.ends_earlier else ".")
        ),
    )
