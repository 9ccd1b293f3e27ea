"""`diptych serve ROLE FOLDER`: one role, over HTTP, until it is told to stop.

Once it listens, stdout has one line for people, and stderr the journal: one JSON object a line.
"""

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.rooms import Rooms

serve = typer.Typer(name="serve", help="Run a role until Ctrl-C.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The role's folder, made by its `init`.", show_default=False)]
Host = Annotated[str | None, typer.Option(help="Where to listen; otherwise the folder's own setting.")]
Port = Annotated[int | None, typer.Option(help="On which port; otherwise the folder's own setting.", min=0, max=65535)]


@serve.command()
def issuer(context: typer.Context, folder: Folder, host: Host = None, port: Port = None) -> None:
    """Run an issuer: every request in a process of its own."""
    rooms: Rooms = context.obj
    rooms.serve_issuer(folder, host, port, announce=typer.echo)


@serve.command()
def verifier(context: typer.Context, folder: Folder, host: Host = None, port: Port = None) -> None:
    """Run a verifier, with a worker for each core that checks proofs."""
    rooms: Rooms = context.obj
    rooms.serve_verifier(folder, host, port, announce=typer.echo)


@serve.command()
def log(context: typer.Context, folder: Folder, host: Host = None, port: Port = None) -> None:
    """Run the public log. Exit 1 if it must not go on: then this folder is not the only copy, or an old one."""
    rooms: Rooms = context.obj
    rooms.serve_log(folder, host, port, announce=typer.echo)


@serve.command()
def registry(context: typer.Context, folder: Folder, host: Host = None, port: Port = None) -> None:
    """Run a registry: it stores sealed records, and has every act on them logged before it answers."""
    rooms: Rooms = context.obj
    rooms.serve_registry(folder, host, port, announce=typer.echo)


@serve.command()
def trustee(context: typer.Context, folder: Folder, host: Host = None, port: Port = None) -> None:
    """Run a trustee: it answers what its policy allows and the public log shows."""
    rooms: Rooms = context.obj
    rooms.serve_trustee(folder, host, port, announce=typer.echo)


@serve.command()
def witness(context: typer.Context, folder: Folder, host: Host = None, port: Port = None) -> None:
    """Run a witness of the logs that it follows."""
    rooms: Rooms = context.obj
    rooms.serve_witness(folder, host, port, announce=typer.echo)
