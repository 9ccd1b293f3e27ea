"""`diptych registry replace | refresh`: change the trustee set, and go on from wherever it was interrupted."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit, progress

if TYPE_CHECKING:
    from diptych.roles.registry.changing import Changed

Folder = Annotated[Path, typer.Argument(help="The registry's folder.", show_default=False)]


def replace_trustee(
    context: typer.Context,
    folder: Folder,
    *,
    lost: Annotated[
        list[str] | None, typer.Option(help="The trustee that leaves, by number or name; repeatable.")
    ] = None,
    card: Annotated[
        list[Path] | None, typer.Option(help="The trustee.json of who takes its place; one for each --lost.")
    ] = None,
    abandon: Annotated[bool, typer.Option("--abandon", help="Give up the change that is under way.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replace trustees that are lost: newcomers get shares of every record, and old key shares become worthless.

    Every trustee of the new set has to run, and a person there to agree (`diptych trustee replace`). Without options it
    goes on where it was interrupted. Exit 1 while something is left to do: run it again.
    """
    rooms: Rooms = context.obj
    if len(lost or []) != len(card or []) or len(set(lost or [])) != len(lost or []):
        raise typer.BadParameter("give one --card for each --lost")
    if abandon:
        if lost:
            raise typer.BadParameter("--abandon stands alone")
        rooms.abandon_change(folder, progress)
        emit({"abandoned": True}, as_json=as_json, prose=lambda: typer.echo("Given up: nothing was changed."))
        return
    newcomers = dict(zip(lost, card, strict=True)) if lost and card else None
    _show_change(rooms.change_trustees(folder, newcomers, goes_on=False, progress=progress), as_json=as_json)


def refresh(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """Share the lookup keys anew among the same trustees: what was stolen of their shares is worth nothing any more.

    Every trustee has to run, and a person there to agree (`diptych trustee refresh`). Run it again to go on. Exit 1
    while something is left to do.
    """
    rooms: Rooms = context.obj
    _show_change(rooms.change_trustees(folder, {}, goes_on=True, progress=progress), as_json=as_json)


def _show_change(changed: "Changed", *, as_json: bool) -> None:
    trustees = [{"index": trustee.index, "name": trustee.name} for trustee in changed.trustee_set.trustees]
    reasons = Counter(changed.left.values())
    shown = {
        "epoch": changed.trustee_set.epoch,
        "trustees": trustees,
        "spares": list(changed.trustee_set.spares),
        "recovered": changed.recovered,
        "left": dict(reasons),
        "named": dict(changed.named),
        "is_over": changed.is_over,
    }

    def prose() -> None:
        names = ", ".join(f"{trustee.index}: {trustee.name}" for trustee in changed.trustee_set.trustees)
        typer.echo(f"The trustee set of epoch {changed.trustee_set.epoch} is public: {names}.")
        typer.echo(f"Shares of records that newcomers took: {changed.recovered}.")
        for name, check in changed.named.items():
            typer.echo(f"  {name}: {check}")
        for check, count in reasons.items():
            typer.echo(f"  {count} shares are not there yet: {check}")
        if not changed.is_over:
            typer.echo("Run it again when that is mended.")

    emit(shown, as_json=as_json, prose=prose)
    if not changed.is_over:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)
