"""`diptych issuer status-lists`: how large the crowd is in which a document of each list stands."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, emit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diptych.roles.issuer.status_model import ListCount

Folder = Annotated[Path, typer.Argument(help="The issuer's folder.", show_default=False)]


def status_lists(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """List the status lists: places, how many of them documents have, how many do not stand, the present version."""
    rooms: Rooms = context.obj
    found = rooms.status_lists(folder)
    emit(
        [
            {
                "number": one.number,
                "size": one.size,
                "assigned": one.assigned,
                "suspended": one.suspended,
                "revoked": one.revoked,
                "issued_at": one.issued_at.isoformat().replace("+00:00", "Z"),
            }
            for one in found
        ],
        as_json=as_json,
        prose=lambda: _show(found),
    )


def _show(found: "Sequence[ListCount]") -> None:
    if not found:
        typer.echo("No document that names a status list was issued yet.")
    for one in found:
        typer.echo(
            f"{one.number:>6}  {one.assigned:,} of {one.size:,} places given, {one.suspended:,} suspended,"
            f" {one.revoked:,} revoked; version of {one.issued_at:%Y-%m-%d %H:%M} UTC"
        )
