"""`diptych officer`: order files, their approval, and the two codes that the citizen needs."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import officer_counter, officer_erasing, officer_standing
from diptych.cli.officer_standing import Issuer, OfficerFolder
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, Key, emit, progress

if TYPE_CHECKING:
    from diptych.roles.officer.model import Approval

officer = typer.Typer(name="officer", help="Approve orders for documents at the counter.", no_args_is_help=True)
officer.command("suspend")(officer_standing.suspend)
officer.command("reinstate")(officer_standing.reinstate)
officer.command("revoke")(officer_standing.revoke)
for name, command in (
    ("join", officer_counter.join),
    ("find", officer_counter.find),
    ("enrol", officer_counter.enrol),
    ("open", officer_counter.open_record),
    ("correct", officer_counter.correct),
    ("erase", officer_erasing.erase),
):
    officer.command(name)(command)

OwnTypes = Annotated[Path | None, typer.Option("--officer", help="An officer's folder that adds document types.")]
TypeId = Annotated[str, typer.Argument(metavar="TYPE", help="A document type; `officer types` lists them. Or: person.")]
Specimen = Annotated[bool, typer.Option("--specimen", help="Fill it with the data of an invented person.")]


@officer.command("init")
def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the officer's key is to be kept.")],
    issuer: Issuer = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make the officer's key. The issuer must be given its public half before it honours any order."""
    rooms: Rooms = context.obj
    public_key = rooms.new_officer(folder, issuer, key)
    emit(
        {"folder": str(folder), "public_key": str(public_key)},
        as_json=as_json,
        prose=lambda: typer.echo(f"The officer's key is made. Give its public half to the issuer: {public_key}"),
    )


@officer.command("types")
def types(context: typer.Context, folder: OwnTypes = None, as_json: AsJson = False) -> None:
    """List the types of documents that can be ordered."""
    rooms: Rooms = context.obj
    known = rooms.catalogue(folder).types
    found = [known[name] for name in sorted(known)]
    emit(
        [{"id": one.id, "names": {"en": one.names.en, "fr": one.names.fr}, "doc_type": one.doc_type} for one in found],
        as_json=as_json,
        prose=lambda: typer.echo("\n".join(f"{one.id:<22}{one.names.en} · {one.names.fr}" for one in found)),
    )


@officer.command("template")
def template(context: typer.Context, type_id: TypeId, specimen: Specimen = False, folder: OwnTypes = None) -> None:
    """Print an order file to fill in: diptych officer template driving-licence > me.toml"""
    from diptych.roles.officer.order_file import template as order_template
    from diptych.roles.officer.person_file import TEMPLATE

    if type_id == "person":
        sys.stdout.write(TEMPLATE)
        return

    rooms: Rooms = context.obj
    catalogue = rooms.catalogue(folder)
    sys.stdout.write(order_template(catalogue.type(type_id), catalogue, specimen=specimen))


@officer.command("approve")
def approve(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The order file, filled in.")],
    folder: OfficerFolder = Path("officer"),
    issuer: Issuer = None,
    as_json: AsJson = False,
) -> None:
    """Seal, sign and place an order; show the offer for the citizen's wallet, and the transaction code apart from it.

    After a failure, approve the same file again: one approval is one order, however often it is tried.
    """
    import os

    from diptych.roles.officer.order_file import files_named, parse_order_file

    rooms: Rooms = context.obj
    workstation = rooms.officer(folder, issuer)
    order_file = _read(file)
    written = parse_order_file(order_file)
    names = files_named(written, workstation.catalogue.type(written.type_id))
    pictures = {name: _read(file.parent / name) for name in names if (file.parent / name).exists()}
    progress("Sealing and signing the order ...")
    approval = workstation.approve(order_file, pictures, now=datetime.now(UTC), entropy=os.urandom)
    emit(approval_as_json(approval), as_json=as_json, prose=lambda: _show(approval, file))


def _read(path: Path) -> bytes:
    from diptych.errors import FormatError
    from diptych.formats.strict_toml import MAX_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FormatError("order_file.read", f"{path.name} cannot be read: {error.strerror}") from error


def approval_as_json(approval: "Approval") -> dict[str, object]:
    """What the citizen needs of an approval, as JSON prints it."""
    from diptych.formats import base64url

    return {
        "order": base64url.encode(approval.order_id),
        "offer": approval.offer.link(),
        "tx_code": approval.tx_code.reveal().decode(),
        "documents": list(approval.documents),
        "left_out": list(approval.left_out),
        "expires": approval.expires_at.isoformat().replace("+00:00", "Z"),
    }


def _show(approval: "Approval", file: Path) -> None:
    import segno

    from diptych.formats import base64url

    link = approval.offer.link()
    segno.make(link, error="l").terminal(sys.stdout, compact=True, border=2)
    typer.echo(f"Approved: {', '.join(approval.documents)}")
    for name in approval.left_out:
        typer.echo(f"Left out, since nothing in it would be true: {name}")
    typer.echo(f"Order: {base64url.encode(approval.order_id)}")
    typer.echo("  Write this number into the case file: with it what is issued can be suspended or revoked.")
    typer.echo(f"Redeem before: {approval.expires_at:%Y-%m-%d %H:%M} UTC")
    typer.echo(f"{file.name} still holds the person's data in the clear: delete it when it is no longer needed.")
    typer.echo("\nFor the wallet, as the code above or as this link:")
    typer.echo(link)
    typer.echo("\nTell the citizen apart from the link, never together with it. Transaction code:")
    typer.echo(approval.tx_code.reveal().decode())
