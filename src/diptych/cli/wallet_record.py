"""`diptych wallet record`: the person's own copy of their record, taken from the counter and shown on this screen."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import wallet_door as door
from diptych.cli.terminal import AsJson, emit
from diptych.cli.wallet_door import Folder
from diptych.errors import FormatError

if TYPE_CHECKING:
    from diptych.formats.record.content import RecordContent
    from diptych.roles.wallet.model import OwnRecord


def record(
    context: typer.Context,
    *,
    take: Annotated[Path | None, typer.Option(help="The sealed copy that the counter handed over.")] = None,
    code: Annotated[str | None, typer.Option(help="The code that goes with it; asked for if absent.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show your own copy of your record, or take the one that the counter handed over."""
    from diptych.formats.record.copy import MAX_BYTES, parse_copy
    from diptych.private import Secret

    opened = door.open_wallet(context, folder)
    if take is not None:
        try:
            with take.open("rb") as found:
                copy = parse_copy(found.read(MAX_BYTES + 1))
        except OSError as error:
            raise FormatError("record_copy.read", f"{take.name} cannot be read: {error.strerror}") from error
        given = code or typer.prompt("Code", hide_input=True, err=True)
        opened.take_record(copy, code=Secret(given.strip().encode()))
    shown = [_as_json(one, content) for one, content in opened.own_records()]
    emit({"records": shown}, as_json=as_json, prose=lambda: _show(opened.own_records()))


def _as_json(one: "OwnRecord", content: "RecordContent") -> dict[str, object]:
    return {
        "record": one.record_id.hex(),
        "registry": one.registry,
        "civil_status": content.civil_status.to_cbor(),
        "documents": [document.type_id for document in content.documents],
    }


def _show(records: "tuple[tuple[OwnRecord, RecordContent], ...]") -> None:
    if not records:
        typer.echo("No copy of a record is here: take the one from the counter with --take FILE.")
    for one, content in records:
        status = content.civil_status
        typer.echo(f"Record {one.record_id.hex()} at {one.registry}")
        typer.echo(f"  {status.family_name.reveal()}, {' '.join(status.given_names.reveal())}")
        typer.echo(f"  born {status.birth_date.reveal().encode()} in {status.birth_place.reveal()}")
        for document in content.documents:
            typer.echo(f"  {document.type_id}")
