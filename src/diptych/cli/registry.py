"""`diptych registry`: found the sealed registry with its trustees, certify officers. Running it is `serve registry`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.registry_changing import refresh, replace_trustee
from diptych.cli.registry_restoring import restored
from diptych.cli.registry_revoking import revoke
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, emit, progress
from diptych.errors import FormatError

registry = typer.Typer(name="registry", help="Keep sealed records that nobody reads alone.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The registry's folder.", show_default=False)]


@registry.command()
def init(
    context: typer.Context,
    folder: Folder,
    *,
    url: Annotated[
        str, typer.Option(help="Where it is reached, such as https://registry.example.", show_default=False)
    ],
    log_policy: Annotated[
        Path, typer.Option(help="The log that it records in (c2sp.org/tlog-policy).", show_default=False)
    ],
    log: Annotated[str | None, typer.Option(help="The log's URL, where its policy does not say it.")] = None,
    purpose: Annotated[list[str] | None, typer.Option(help="A lookup purpose; repeatable.")] = None,
    waiting_hours: Annotated[int, typer.Option(min=0, help="How long a new officer waits before being answered.")] = 48,
    key: Annotated[str | None, typer.Option(help="A token for its keys, as pkcs11:token=NAME; else files.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new registry with the agency's keys. It holds nothing until its trustees made a key (`ceremony`)."""
    rooms: Rooms = context.obj
    rooms.new_registry(
        folder,
        url=url,
        log_policy=log_policy,
        log_url=log,
        purposes=purpose or ["civil-status"],
        waiting_hours=waiting_hours,
        key=key,
    )
    agency, writer = folder / "agency.pem", folder / "log.pub.pem"
    emit(
        {"folder": str(folder), "url": url, "agency": str(agency), "log_writer": str(writer)},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The registry is ready in {folder}. Give {agency} to trustees and officers. Have the log admit it: "
            f"diptych log admit LOG {writer} --actor agency, and the same for officer and registry."
        ),
    )


@registry.command()
def ceremony(
    context: typer.Context,
    folder: Folder,
    cards: Annotated[list[Path], typer.Argument(help="The trustees' trustee.json files.", show_default=False)],
    *,
    threshold: Annotated[int, typer.Option(min=2, help="How many trustees open a record.", show_default=False)],
    spares: Annotated[int, typer.Option(min=0, help="Shares that are kept ready for replacements.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Let the trustees, which have to be running, make their keys together; then publish the first trustee set."""
    rooms: Rooms = context.obj
    made = rooms.found_trustees(folder, cards, threshold=threshold, spares=spares, progress=progress)
    shown = {
        "epoch": made.epoch,
        "threshold": made.threshold,
        "trustees": [trustee.name for trustee in made.trustees],
        "spares": list(made.spares),
        "purposes": [key.purpose for key in made.purposes],
    }
    emit(
        shown,
        as_json=as_json,
        prose=lambda: typer.echo(
            f"Any {made.threshold} of {len(made.trustees)} trustees, and the agency, open a record from now on."
        ),
    )


@registry.command()
def certify(
    context: typer.Context,
    folder: Folder,
    key: Annotated[Path, typer.Argument(help="The officer's public key (officer.pub.pem).", show_default=False)],
    *,
    role: Annotated[
        list[str] | None, typer.Option(help="What the officer may do: enrol, find, open, correct, erase; repeatable.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=1830, help="How long the certificate stands.")] = 365,
    as_json: AsJson = False,
) -> None:
    """Certify an officer: it is logged, shown to every trustee, and counts once the waiting time is over."""
    from diptych.formats.mandate.officer import Role

    wanted = role or ["enrol", "find"]
    known = {each.value for each in Role}
    if not set(wanted) <= known:
        raise FormatError("officer.role", f"roles are {', '.join(sorted(known))}")
    rooms: Rooms = context.obj
    officer = rooms.certify_officer(
        folder,
        key,
        roles=[Role(each) for each in sorted(set(wanted))],
        validity=timedelta(days=days),
        progress=progress,
    )
    emit(
        {"officer": officer.hex(), "roles": sorted(set(wanted)), "days": days},
        as_json=as_json,
        prose=lambda: typer.echo(f"Certified for {', '.join(sorted(set(wanted)))}: {officer.hex()}"),
    )


registry.command()(revoke)
registry.command()(restored)
registry.command("replace")(replace_trustee)
registry.command()(refresh)
