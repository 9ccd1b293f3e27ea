"""`diptych issuer`: make an issuer, and say whose orders it honours. Running it is `diptych serve issuer`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from diptych.cli import issuer_keys
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, Key, emit

issuer = typer.Typer(name="issuer", help="Make an issuer of documents, and manage it.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The issuer's folder.", show_default=False)]
issuer.command()(issuer_keys.signers)
issuer.command("rotate-signer")(issuer_keys.rotate_signer)
issuer.command("rotate-root")(issuer_keys.rotate_root)
issuer.command()(issuer_keys.emergency)

KeyFile = Annotated[Path, typer.Argument(help="The officer's public key (PEM).", show_default=False)]


@issuer.command()
def init(
    context: typer.Context,
    folder: Folder,
    *,
    url: Annotated[
        str, typer.Option(help="Where wallets reach it, such as https://issuer.example.", show_default=False)
    ],
    officer_key: Annotated[
        list[Path] | None, typer.Option(help="An officer's public key (PEM); may be given more than once.")
    ] = None,
    country: Annotated[str, typer.Option(help="The issuing country (ISO 3166-1), in the certificates.")] = "UT",
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a new issuer: its root, a signer for each document type, its settings."""
    rooms: Rooms = context.obj
    trust_file = rooms.new_issuer(folder, url, officer_key or [], country, key)
    emit(
        {"folder": str(folder), "url": url.rstrip("/"), "trust": str(trust_file)},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The issuer is ready in {folder}. Wallets and verifiers take {trust_file}.\n"
            f"Start it with: diptych serve issuer {folder}"
        ),
    )


@issuer.command()
def trust(context: typer.Context, folder: Folder) -> None:
    """Print what wallets and verifiers need in order to trust this issuer's documents."""
    rooms: Rooms = context.obj
    sys.stdout.write(rooms.issuer_trust(folder).decode() + "\n")


@issuer.command("add-officer")
def add_officer(context: typer.Context, folder: Folder, key_file: KeyFile, as_json: AsJson = False) -> None:
    """Honour an officer's orders, from the next one on."""
    rooms: Rooms = context.obj
    fingerprint = rooms.add_officer(folder, key_file)
    emit(
        {"officer": fingerprint},
        as_json=as_json,
        prose=lambda: typer.echo(f"Orders of the officer with key {fingerprint} are honoured from now on."),
    )


@issuer.command()
def incidents(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """List what should not have happened: orders that were voided, and why."""
    rooms: Rooms = context.obj
    found = rooms.issuer_incidents(folder)
    emit(
        [
            {"order": incident.order_id.hex(), "kind": incident.kind, "at": incident.at.isoformat()}
            for incident in found
        ],
        as_json=as_json,
        prose=lambda: typer.echo(
            "\n".join(
                f"{incident.at.isoformat()}  {incident.kind}  order {incident.order_id.hex()}" for incident in found
            )
            or "Nothing happened that should not have."
        ),
    )
