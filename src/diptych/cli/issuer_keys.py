"""`diptych issuer` on keys: which there are, replacing them, and what to do when one is lost.

The story behind each command is in docs/operations/keys.md; what it does is in `adapters/issuer_keys`.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, Key, Yes, emit, progress
from diptych.errors import DiptychError, FormatError, Refused

if TYPE_CHECKING:
    from diptych.roles.issuer.keyring import Keyring, SignerKey

Folder = Annotated[Path, typer.Argument(help="The issuer's folder.", show_default=False)]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="TYPE", help="A document type; may be given more than once.")
]
RootKeyFile = Annotated[
    Path | None, typer.Option("--root-key", metavar="FILE", help="The root's key, where it is kept offline.")
]
TRUST_FILE = "trust.json"


def signers(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """List the signers: which one signs now, which are still believed and until when, which were lost."""
    rooms: Rooms = context.obj
    ring, now = rooms.issuer_signers(folder), datetime.now(UTC)
    emit([_as_json(ring, one, now) for one in ring.signers], as_json=as_json, prose=lambda: _show(ring, now))


def rotate_signer(
    context: typer.Context,
    folder: Folder,
    *,
    types: Types = None,
    after_days: Annotated[
        int, typer.Option(help="Announce it in trust.json now, and sign only after so many days.", min=0, max=90)
    ] = 0,
    key: Key = None,
    root_key: RootKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a new signer for each type, or for those given. Documents signed before stay good until they expire."""
    rooms: Rooms = context.obj
    _say(rooms.rotate_signers(folder, types, after_days=after_days, key=key, root_key=root_key), folder, as_json)


def rotate_root(context: typer.Context, folder: Folder, key: Key = None, as_json: AsJson = False) -> None:
    """Make a new root, and new signers of every type under it. The old root is believed while its documents live."""
    rooms: Rooms = context.obj
    _say(rooms.rotate_root(folder, key=key), folder, as_json)


def emergency(
    context: typer.Context,
    folder: Folder,
    *,
    types: Types = None,
    all_types: Annotated[bool, typer.Option("--all", help="The signers of every type are lost.")] = False,
    root: Annotated[bool, typer.Option("--root", help="The root's key is lost, and with it every signer.")] = False,
    retired_too: Annotated[
        bool, typer.Option("--retired-too", help="Signers replaced before are lost too: somebody had their keys.")
    ] = False,
    key: Key = None,
    root_key: RootKeyFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """A signer's key is lost: give it up, sign with a new one, list what is to be approved again.

    After a kill or a failure, run it again: it goes on with what it began.
    """
    rooms: Rooms = context.obj
    if bool(types) == (all_types or root):
        raise FormatError("issuer.emergency_types", "which signers are lost? give --type TYPE, or --all, or --root")
    open_now = rooms.issuer_signers(folder).emergency
    if open_now is not None:
        progress(f"Going on with the emergency of {_day(open_now.lost_at)} ({', '.join(open_now.type_ids)}).")
    elif not yes:
        progress("Everything that the lost signers signed stops being believed, good documents too.")
        if not typer.confirm("Is the key lost?", err=True):
            raise Refused("issuer.not_confirmed", "nothing was changed")
    rings: list[Keyring] = []

    def told(ring: "Keyring") -> None:
        rings.append(ring)
        progress(
            f"New signers sign. Give everyone {folder / TRUST_FILE} now: until they have it, they believe the old."
        )

    try:
        found = rooms.issuer_emergency(
            folder,
            types,
            is_root_lost=root,
            retired_too=retired_too,
            key=key,
            root_key=root_key,
            told=told,
            progress=lambda share, count: progress(f"{share:4.0%} of the orders looked at, {count} to approve again"),
        )
    except DiptychError:
        if rooms.issuer_signers(folder).emergency is not None:
            progress(f"The lost signers are given up, and {folder / TRUST_FILE} says so. Run this again to go on.")
        raise
    ended = rings[0].emergency
    assert ended is not None  # it was open when `told` got it
    emit(
        {
            "lost_at": ended.lost_at.isoformat().replace("+00:00", "Z"),
            "types": list(ended.type_ids),
            "trust": str(folder / TRUST_FILE),
            "approve_again": {"count": found.count, "list": str(found.path)},
            "destroy_in_token": _left_in_tokens(rings[0]),
        },
        as_json=as_json,
        prose=lambda: typer.echo(
            f"Lost on {_day(ended.lost_at)}: {', '.join(ended.type_ids)}.\n"
            f"1. Wallets and verifiers take {folder / TRUST_FILE} at once; verifiers first.\n"
            "2. Short-lived proofs are renewed by the wallets themselves, under the new key.\n"
            f"3. Full documents need an officer's new approval: up to {found.count} orders, listed in {found.path}.\n"
            "   The list holds order numbers. Whose they are, and what was in them, this issuer cannot read: each\n"
            "   wallet tells its owner what no longer counts, and to come to the counter." + _advice(rings[0])
        ),
    )


def _say(ring: "Keyring", folder: Path, as_json: bool) -> None:
    now = datetime.now(UTC)
    emit(
        {
            "signers": [_as_json(ring, one, now) for one in ring.signers],
            "trust": str(folder / TRUST_FILE),
            "destroy_in_token": _left_in_tokens(ring),
        },
        as_json=as_json,
        prose=lambda: _show(ring, now, f"Wallets and verifiers take {folder / TRUST_FILE}." + _advice(ring)),
    )


def _show(ring: "Keyring", now: datetime, advice: str = "") -> None:
    for one in ring.signers:
        until = f"rotate before {_day(one.rotate_before)}"
        if one.lost_at is not None:
            until = f"on {_day(one.lost_at)}"
        elif one.accepted_until is not None:
            until = f"believed until {_day(one.accepted_until)}"
        where = one.key or "key destroyed"
        typer.echo(f"{one.type_id:<22}{ring.standing(one, now=now):<10}from {_day(one.signs_from)}, {until:<28}{where}")
    if advice:
        typer.echo(advice)


def _as_json(ring: "Keyring", one: "SignerKey", now: datetime) -> dict[str, object]:
    return {
        "type": one.type_id,
        "standing": ring.standing(one, now=now),
        "signs_from": _text(one.signs_from),
        "accepted_until": _text(one.accepted_until),
        "lost_at": _text(one.lost_at),
        "rotate_before": _text(one.rotate_before),
        "key": one.key,
        "fingerprint": one.fingerprint.hex(),
    }


def _left_in_tokens(ring: "Keyring") -> list[str]:
    """Keys in tokens that will not sign again: files are destroyed, these are not."""
    return [one.key for one in ring.idle_keys(now=datetime.now(UTC)) if one.key is not None]


def _advice(ring: "Keyring") -> str:
    return "".join(f"\nDestroy in its token, it will not sign again: {key}" for key in _left_in_tokens(ring))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
