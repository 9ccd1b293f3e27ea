"""`diptych officer suspend | reinstate | revoke`: how what was issued under an order stands from now on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, Yes, emit
from diptych.errors import FormatError, Refused

if TYPE_CHECKING:
    from diptych.formats.order.standing import Standing
    from diptych.roles.officer.service import Officer

OfficerFolder = Annotated[Path, typer.Option("--officer", help="The officer's folder, made by `officer init`.")]
Issuer = Annotated[str | None, typer.Option("--issuer", help="The issuer's URL; otherwise the folder's own setting.")]
Order = Annotated[str, typer.Argument(metavar="ORDER", help="The order's number, as `officer approve` printed it.")]
Reason = Annotated[str, typer.Option("--reason", help="One of a closed list; a wrong one prints the list.")]


def suspend(
    context: typer.Context,
    order: Order,
    *,
    reason: Reason,
    folder: OfficerFolder = Path("officer"),
    issuer: Issuer = None,
    as_json: AsJson = False,
) -> None:
    """Suspend what was issued under an order. It may be reinstated."""
    rooms: Rooms = context.obj
    _declare(rooms.officer(folder, issuer), order, "suspended", reason, as_json=as_json)


def reinstate(
    context: typer.Context,
    order: Order,
    *,
    reason: Reason,
    folder: OfficerFolder = Path("officer"),
    issuer: Issuer = None,
    as_json: AsJson = False,
) -> None:
    """Let what was suspended stand again."""
    rooms: Rooms = context.obj
    _declare(rooms.officer(folder, issuer), order, "reinstated", reason, as_json=as_json)


def revoke(
    context: typer.Context,
    order: Order,
    *,
    reason: Reason,
    folder: OfficerFolder = Path("officer"),
    issuer: Issuer = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Revoke what was issued under an order, or withdraw its offer. For good."""
    if not yes and not typer.confirm("Revoke everything under this order, for good?", err=True):
        raise Refused("officer.not_confirmed", "nothing was revoked")
    rooms: Rooms = context.obj
    _declare(rooms.officer(folder, issuer), order, "revoked", reason, as_json=as_json)


def _declare(workstation: "Officer", order: str, word: str, reason: str, *, as_json: bool) -> None:
    from diptych.formats.order.standing import Standing

    standing = Standing(word)
    declared = workstation.declare(_order_id(order), standing, reason, now=datetime.now(UTC))
    emit(
        {"order": order, "standing": str(standing), "reason": reason, "in_force": declared.is_in_force},
        as_json=as_json,
        prose=lambda: _say(order, standing, is_in_force=declared.is_in_force),
    )


def _say(order: str, standing: "Standing", *, is_in_force: bool) -> None:
    typer.echo(f"Order {order}: {standing}.")
    if is_in_force:
        typer.echo("It is in force: the issuer's lists say so.")
    else:
        typer.echo("The issuer hands out nothing that this forbids from now on. Verifiers see it with the next version")
        typer.echo("of the issuer's lists, once the act stands in its public log.")
    typer.echo("Short-lived proofs that are out already end by themselves, within two weeks.")


def _order_id(text: str) -> bytes:
    from diptych.formats import base64url
    from diptych.formats.order.wraps import ORDER_ID_BYTES

    try:
        found = base64url.decode(text)
    except FormatError as error:
        raise FormatError(
            "officer.order", "an order's number is what `officer approve` printed: 22 characters"
        ) from error
    if len(found) != ORDER_ID_BYTES:
        raise FormatError("officer.order", "an order's number is what `officer approve` printed: 22 characters")
    return found
