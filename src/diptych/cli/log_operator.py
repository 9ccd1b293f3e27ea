"""`diptych log init|admit|repair`: for whoever runs a log. Running it is `diptych serve log`."""

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, emit

Folder = Annotated[Path, typer.Argument(help="The log's folder.", show_default=False)]


def init(
    context: typer.Context,
    folder: Folder,
    *,
    origin: Annotated[str, typer.Option(help="The log's name for ever, such as log.example/acts.", show_default=False)],
    url: Annotated[
        str, typer.Option(help="Where it is reached, such as https://log.example/acts.", show_default=False)
    ],
    witness: Annotated[
        list[Path], typer.Option(help="A witness's witness.keys; once for each of them.", show_default=False)
    ],
    threshold: Annotated[int, typer.Option(help="How many of them must have cosigned.", min=1, show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Make a new log: its keys, and the policy that says whose signatures count."""
    rooms: Rooms = context.obj
    rooms.new_log(folder, origin, url, witness, threshold)
    keys, policy = folder / "log.keys", folder / "policy"
    emit(
        {"folder": str(folder), "origin": origin, "url": url, "keys": str(keys), "policy": str(policy)},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The log is ready in {folder}. Witnesses take {keys}; whoever believes it takes {policy}.\n"
            f"Start it with: diptych serve log {folder}"
        ),
    )


def admit(
    context: typer.Context,
    folder: Folder,
    key: Annotated[Path, typer.Argument(help="The writer's public key (PEM).", show_default=False)],
    *,
    actor: Annotated[
        str, typer.Option(help="In whose name it records: issuer, registry, trustee ...", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Let a writer record acts, from the next start on."""
    rooms: Rooms = context.obj
    fingerprint = rooms.admit_writer(folder, key, actor)
    emit(
        {"writer": fingerprint, "actor": actor},
        as_json=as_json,
        prose=lambda: typer.echo(f"{fingerprint} records as {actor}. Restart the log if it runs."),
    )


def repair(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """Compare every public file with the database and make damaged ones again. The log must not be running."""
    rooms: Rooms = context.obj
    size = rooms.repair_log(folder)
    emit(
        {"size": size},
        as_json=as_json,
        prose=lambda: typer.echo(f"The files of all {size} entries are as they must be."),
    )
