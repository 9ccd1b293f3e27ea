"""`diptych issuer`: make an issuer, and say whose orders it honours. Running it is `diptych serve issuer`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from diptych import config
from diptych.cli import issuer_epochs, issuer_keys, issuer_status
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, Key, emit

issuer = typer.Typer(name="issuer", help="Make an issuer of documents, and manage it.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The issuer's folder.", show_default=False)]
issuer.command()(issuer_keys.signers)
issuer.command("rotate-signer")(issuer_keys.rotate_signer)
issuer.command("rotate-root")(issuer_keys.rotate_root)
issuer.command()(issuer_keys.emergency)
issuer.command("status-lists")(issuer_status.status_lists)
issuer.command("publish-epoch")(issuer_epochs.publish_epoch)

PUBLIC_KEY = "log.pub.pem"
LogPolicy = Annotated[
    Path | None,
    typer.Option(help="The policy of the public log that everything issued is recorded in (c2sp.org/tlog-policy)."),
]
LogUrl = Annotated[str | None, typer.Option("--log", help="Where that log is, if its policy does not say it.")]
WithoutLog = Annotated[
    bool,
    typer.Option(
        "--without-log", envvar=config.variable("issuer", "without_log"), help="Issue although nobody can see it."
    ),
]
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
    log_policy: LogPolicy = None,
    log: LogUrl = None,
    without_log: WithoutLog = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a new issuer: its root, a signer for each document type, its settings.

    It records everything it issues in a public log: name one by its policy.
    """
    rooms: Rooms = context.obj
    _expect_choice(log_policy, without_log)
    trust_file = rooms.new_issuer(
        folder, url, officer_key or [], country, key, log_policy=None if without_log else log_policy, log=log
    )
    writer = None if without_log else folder / PUBLIC_KEY
    emit(
        {
            "folder": str(folder),
            "url": url.rstrip("/"),
            "trust": str(trust_file),
            "log_writer": None if writer is None else str(writer),
        },
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The issuer is ready in {folder}. Wallets and verifiers take {trust_file}.\n"
            f"{_about_log(writer)}"
            f"Start it with: diptych serve issuer {folder}"
        ),
    )


@issuer.command("join-log")
def join_log(
    context: typer.Context,
    folder: Folder,
    *,
    log_policy: LogPolicy = None,
    log: LogUrl = None,
    without_log: WithoutLog = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Let an issuer that was made before there was a log record in one, from its next start on."""
    rooms: Rooms = context.obj
    _expect_choice(log_policy, without_log)
    rooms.join_log(folder, None if without_log else log_policy, log, key)
    writer = None if without_log else folder / PUBLIC_KEY
    emit(
        {"log_writer": None if writer is None else str(writer)},
        as_json=as_json,
        prose=lambda: typer.echo(f"{_about_log(writer)}Start it again: diptych serve issuer {folder}"),
    )


def _expect_choice(log_policy: Path | None, without_log: bool) -> None:
    if (log_policy is None) == (not without_log):
        raise typer.BadParameter("name the public log with --log-policy FILE, or say --without-log")


def _about_log(writer: Path | None) -> str:
    if writer is None:
        return "It issues without a public log: nobody can see what it issues.\n"
    return f"The log lets it record after: diptych log admit LOG {writer} --actor issuer\n"


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
