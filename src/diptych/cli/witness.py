"""`diptych witness`: make a witness, let it follow logs. Running it is `diptych serve witness`."""

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, emit

witness = typer.Typer(name="witness", help="Watch over public logs of acts.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The witness's folder.", show_default=False)]


@witness.command()
def init(
    context: typer.Context,
    folder: Folder,
    *,
    name: Annotated[str, typer.Option(help="Its name, such as witness.example/w1.", show_default=False)],
    url: Annotated[str, typer.Option(help="Where logs reach it, such as https://witness.example.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Make a new witness with new keys. It follows no log yet."""
    rooms: Rooms = context.obj
    rooms.new_witness(folder, name, url)
    keys = folder / "witness.keys"
    emit(
        {"folder": str(folder), "name": name, "url": url, "keys": str(keys)},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The witness is ready in {folder}. Logs take {keys}; take their log.keys with: "
            f"diptych witness follow {folder} LOG.KEYS"
        ),
    )


@witness.command()
def follow(
    context: typer.Context,
    folder: Folder,
    keys: Annotated[Path, typer.Argument(help="The log's log.keys, by a way that you trust.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Follow a log from the next start on."""
    rooms: Rooms = context.obj
    origin = rooms.follow_log(folder, keys)
    emit({"origin": origin}, as_json=as_json, prose=lambda: typer.echo(f"It follows {origin}. Restart it if it runs."))
