"""`diptych trustee replace | refresh`: a person sees a change of the trustee set, and agrees to it or refuses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit
from diptych.crypto.signing import fingerprint
from diptych.errors import FormatError

if TYPE_CHECKING:
    from diptych.roles.trustee.changes import Proposed

NAMED_BY = 8

Folder = Annotated[Path, typer.Argument(help="The trustee's folder.", show_default=False)]
Change = Annotated[
    str | None,
    typer.Argument(
        help="The change to decide, by the first letters of its digest; needed to agree that somebody comes."
    ),
]
Agree = Annotated[bool, typer.Option("--agree", help="Take part in it.")]
Refuse = Annotated[bool, typer.Option("--refuse", help="Take no part in it, or no longer.")]


def agree_to_replacement(
    context: typer.Context,
    folder: Folder,
    change: Change = None,
    *,
    agree: Agree = False,
    refuse: Refuse = False,
    as_json: AsJson = False,
) -> None:
    """Show who is to leave the trustee set and who is to come, or agree to it: to join, or to help the newcomer.

    Ask the newcomer for the first letters of its key by another way than the agency's before agreeing. Exit 1 if
    nothing of the kind was proposed.
    """
    _consent(context.obj, folder, change, is_refresh=False, agree=agree, refuse=refuse, as_json=as_json)


def agree_to_refresh(
    context: typer.Context,
    folder: Folder,
    change: Change = None,
    *,
    agree: Agree = False,
    refuse: Refuse = False,
    as_json: AsJson = False,
) -> None:
    """Show that the lookup keys are to be shared anew among the same trustees, or agree to it.

    Exit 1 if nothing of the kind was proposed.
    """
    _consent(context.obj, folder, change, is_refresh=True, agree=agree, refuse=refuse, as_json=as_json)


def _consent(
    rooms: Rooms, folder: Path, change: str | None, *, is_refresh: bool, agree: bool, refuse: bool, as_json: bool
) -> None:
    from diptych.roles.trustee.model import Consent

    if agree and refuse:
        raise typer.BadParameter("give either --agree or --refuse")
    if agree and not is_refresh and len(change or "") < NAMED_BY:
        # Else somebody could propose another between what a person saw and what that person agrees to.
        raise typer.BadParameter(
            f"say what is agreed to: at least the first {NAMED_BY} letters of the change, as shown"
        )
    proposed = [one for one in rooms.trustee_changes(folder) if one.is_refresh == is_refresh]
    found = [one for one in proposed if one.digest.hex().startswith((change or "").lower())]
    if agree or refuse:
        if len(found) != 1:
            raise FormatError("change.which", f"{len(found)} proposed changes begin with that: say which")
        consent = Consent.AGREED if agree else Consent.REFUSED
        found = [rooms.decide_change(folder, found[0].digest, consent)]
    shown = [shown_change(one) for one in found]
    emit({"changes": shown}, as_json=as_json, prose=lambda: typer.echo(_spoken_changes(shown)))
    if not found:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


def shown_change(one: "Proposed") -> dict[str, object]:
    """What a person has to see to agree. `key`: SHA-256 of the public key that a newcomer signs with."""
    before = None if one.current is None else {trustee.index: trustee.name for trustee in one.current.trustees}
    after = {trustee.index: trustee for trustee in one.change.trustees}
    leaves = {} if before is None else {index: name for index, name in before.items() if index not in after}
    comes = [trustee for index, trustee in after.items() if before is None or index not in before]
    return {
        "change": one.digest.hex(),
        "consent": one.consent.value,
        "epoch": one.change.epoch,
        "leaves": [f"{index}: {name}" for index, name in leaves.items()],
        "comes": [
            {
                "index": trustee.index,
                "name": trustee.name,
                "url": trustee.url,
                "key": fingerprint(trustee.signer).hex(),
            }
            for trustee in comes
        ],
        "ends": one.change.ends.isoformat(),
    }


def _spoken_changes(changes: list[dict[str, object]]) -> str:
    lines = []
    for one in changes:
        lines.append(f"{str(one['change'])[:16]}  {one['consent']}, until {one['ends']}")
        leaves, comes = one["leaves"], one["comes"]
        assert isinstance(leaves, list)
        assert isinstance(comes, list)
        lines += [f"  leaves  {name}" for name in leaves]
        lines += [f"  comes   {new['index']}: {new['name']}, {new['url']}, key {new['key']}" for new in comes]
        if not leaves and not comes:
            lines.append("  nobody leaves or comes: the lookup keys are shared anew")
    return "\n".join(lines) or "Nothing of the kind is proposed."
