"""`diptych wallet` on its own life: its passphrase, backups, a new device, a copy that came back, a lost passphrase.

The story behind each command is in docs/wallet.md; what it does is in `roles/wallet/leaving` and `returning`.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych import config
from diptych.cli import wallet_door as door
from diptych.cli.passphrases import Asked
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, Yes, emit, progress
from diptych.cli.wallet_door import Folder
from diptych.errors import DiptychError, Refused

if TYPE_CHECKING:
    from diptych.formats.strict_json import Json
    from diptych.roles.wallet.leaving import Written
    from diptych.roles.wallet.service import Renewed, Wallet

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup's file.", show_default=False)]
LOST = (
    "What only this wallet had: its keys, its history, and what is left of its single-use copies.",
    "Nobody can reset a passphrase: neither we nor the issuer ever had it.",
)
NOT_LOST = (
    "Your right to the documents. The office that approved them can approve them again.",
    "Your privacy. The file stays sealed, whoever has it, as well as the passphrase was chosen.",
    "A backup, if you made one: it opens with its own passphrase.",
)
NEXT = (
    "diptych wallet restore FILE          if you have a backup",
    "diptych wallet init --trust ...      else: a new wallet, and a new offer from the counter",
    "If the wallet may be in somebody else's hands, say so at the counter, so that nothing is renewed to it.",
)


def passphrase(context: typer.Context, folder: Folder = None, as_json: AsJson = False) -> None:
    """Change the passphrase. Interrupted at any moment, the old one opens the wallet, or the new one does."""
    rooms: Rooms = context.obj
    place = door.place(folder)
    change = door.asked().unlock(lambda old: rooms.passphrase_change(place, old), refusal="wallet.passphrase")
    new = Asked("The new passphrase", config.WALLET_LOCKED_BY, config.wallet_new_passphrase()).new()
    with door.working("Sealing everything anew"):
        change(new)
    emit(
        {"changed": True},
        as_json=as_json,
        prose=lambda: typer.echo(
            "The new passphrase opens the wallet from now on. Older copies of its file, and backups, keep theirs."
        ),
    )


def backup(context: typer.Context, file: File, folder: Folder = None, as_json: AsJson = False) -> None:
    """Write everything into one sealed file, with a passphrase of its own."""
    rooms: Rooms = context.obj
    opened = door.open_wallet(context, folder)
    sealed_by = _backup_passphrase("A passphrase for the backup").new()
    with door.working("Writing the backup, and opening it once"):
        written = opened.back_up(rooms.backup_place(file), sealed_by, hardness=rooms.hardness(), now=door.now())
    emit(
        _written_as_json(file, written),
        as_json=as_json,
        prose=lambda: typer.echo(
            f"{_documents(written)} in {file}. It renews documents until this wallet renews them next: make a new one"
            " then. `diptych wallet list` says when."
        ),
    )


def restore(
    context: typer.Context, file: File, folder: Folder = None, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Make a wallet from a backup, or from the file of a move. Never over a wallet that is there."""
    from diptych.cli import wallet_words as words

    rooms: Rooms = context.obj
    place = door.place(folder)
    rooms.expect_no_wallet(place)
    found = _backup_passphrase("The backup's passphrase").unlock(
        lambda secret: rooms.open_backup(file, secret), refusal="backup.passphrase"
    )
    if not found.is_move and not yes:
        progress(
            f"This backup was made on {found.made_at:%Y-%m-%d %H:%M} UTC. If the wallet that it was made of still"
            " works, the two would void each other: then use `diptych wallet move` there instead."
        )
        if not typer.confirm("Is that wallet gone?", err=True):
            raise Refused("wallet.not_agreed", "nothing was restored")
    opened = rooms.restore_wallet(place, door.asked_first().new(), found, door.now())
    renewed = _renew(opened)
    holdings = opened.list(now=door.now())

    def say() -> None:
        words.show_list(holdings)
        if found.is_move:
            typer.echo(f"The wallet lives here now. Destroy {file}: restored a second time, it would void this one.")
        else:
            typer.echo(
                "Single-use copies of a backup may have been shown already, and count as spent; what renews is renewed"
                " with fresh ones, and proofs can be given of everything."
            )

    emit(
        {
            "wallet": str(place),
            "made_at": _moment(found.made_at),
            "is_move": found.is_move,
            "documents": [words.holding_as_json(holding) for holding in holdings],
            "renewed": [] if renewed is None else [one.configuration_id for one in renewed.documents],
            "failed": []
            if renewed is None
            else [
                {"document": one.document.configuration_id, "check": one.check, "message": one.message}
                for one in renewed.failures
            ],
        },
        as_json=as_json,
        prose=say,
    )


def move(
    context: typer.Context,
    *,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file that the wallet goes into.")],
    cancel: Annotated[bool, typer.Option("--cancel", help="Undo a move that was interrupted.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Write another file: the first was lost before it was restored.")
    ] = False,
    folder: Folder = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Move the wallet to another device: into one sealed file, after which it shows and renews nothing here."""
    rooms: Rooms = context.obj
    opened = door.open_wallet(context, folder, renews=not cancel)
    place = rooms.backup_place(to)
    if cancel:
        opened.cancel_move(place, hardness=rooms.hardness())
        emit(
            {"life": opened.standing().life.value},
            as_json=as_json,
            prose=lambda: typer.echo("The wallet stays here. Nothing was moved."),
        )
        return
    if not yes and not typer.confirm("From now on this wallet shows and renews nothing here. Go on?", err=True):
        raise Refused("wallet.not_agreed", "nothing was moved")
    sealed_by = _backup_passphrase("A passphrase for the file").new()
    with door.working("Writing the file, and opening it once"):
        written = opened.move(place, sealed_by, hardness=rooms.hardness(), now=door.now(), again=again)
    emit(
        {**_written_as_json(to, written), "life": opened.standing().life.value},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"{_documents(written)} in {to}. On the new device: diptych wallet restore {to.name}. Then destroy the"
            f" file, and the folder {door.place(folder)}."
        ),
    )


def adopt(
    context: typer.Context,
    *,
    newest: Annotated[
        bool, typer.Option("--newest", help="Nothing was done with this wallet elsewhere since it was copied.")
    ] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a wallet whose file was copied or put back. Its single-use copies count as spent, unless --newest."""
    opened = door.open_wallet(context, folder, renews=False)
    opened.adopt(is_newest=newest, now=door.now())
    _renew(opened)
    emit(
        {"adopted": True, "is_newest": newest},
        as_json=as_json,
        prose=lambda: typer.echo(
            "The wallet goes on from here. Use no other copy of it: the two would void each other."
        ),
    )


def forgotten(context: typer.Context, folder: Folder = None, yes: Yes = False, as_json: AsJson = False) -> None:
    """The passphrase is lost: what that means, and how to start again. The sealed wallet is set aside, not deleted."""
    rooms: Rooms = context.obj
    place = door.place(folder)
    if not as_json:
        _say_all("Lost", LOST)
        _say_all("Not lost", NOT_LOST)
    if not yes and not typer.confirm("Set the sealed wallet aside and start again?", err=True):
        raise Refused("wallet.not_agreed", "nothing was changed")
    aside = rooms.set_wallet_aside(place, f"{place.resolve().name}-forgotten-{door.now():%Y%m%dT%H%M%SZ}")

    def say() -> None:
        typer.echo(f"It is in {aside} now. If the passphrase comes back to you, it opens there: --wallet {aside}")
        _say_all("Next", NEXT)

    emit(
        {"set_aside": str(aside), "lost": list(LOST), "not_lost": list(NOT_LOST), "next": list(NEXT)},
        as_json=as_json,
        prose=say,
    )


def standing_as_json(opened: "Wallet") -> "dict[str, Json]":
    """What is unusual about where a wallet stands, and its last backup; nothing for one that was never backed up."""
    standing = opened.standing()
    found: dict[str, Json] = {}
    if opened.store.is_copied():
        found["is_copied"] = True
    if standing.since is not None:
        found["life"] = standing.life.value
        found["since"] = _moment(standing.since)
    if standing.backed_up_at is not None:
        found["backup"] = {"made_at": _moment(standing.backed_up_at), "is_old": opened.is_backup_old()}
    return found


def show_standing(opened: "Wallet") -> None:
    """The same in plain words."""
    from diptych.roles.wallet.model import Life

    standing = opened.standing()
    if opened.store.is_copied():
        typer.echo("This wallet was copied or put back from somewhere: run `diptych wallet adopt` before it is used.")
    if standing.life is Life.MOVED:
        typer.echo(f"This wallet was moved on {standing.since:%Y-%m-%d}: it shows and renews nothing here.")
    elif standing.life is not Life.LIVE:
        typer.echo("A move of this wallet was interrupted: finish it with the same `diptych wallet move --to FILE`.")
    elif standing.backed_up_at is not None and opened.is_backup_old():
        typer.echo(f"The backup of {standing.backed_up_at:%Y-%m-%d} is older than what is here: make a new one.")


def _renew(opened: "Wallet") -> "Renewed | None":
    """Fresh copies at once, if the issuers answer; else with the next command."""
    if not opened.due(now=door.now()):
        return None
    with door.working("Renewing what is due"):
        try:
            renewed = opened.renew_due(now=door.now())
        except DiptychError as error:
            progress(f"Not renewed now: {error.message} ({error.check})")
            return None
        door.say_renewed(renewed, progress)
        return renewed


def _backup_passphrase(prompt: str) -> Asked:
    return Asked(prompt, config.BACKUP_UNLOCKED_BY, config.backup_passphrase())


def _written_as_json(file: Path, written: "Written") -> "dict[str, Json]":
    return {
        "file": str(file),
        "made_at": _moment(written.made_at),
        "bytes": written.size,
        "documents": written.documents,
    }


def _documents(written: "Written") -> str:
    return "1 document is" if written.documents == 1 else f"{written.documents} documents are"


def _say_all(title: str, lines: tuple[str, ...]) -> None:
    typer.echo(f"{title}:")
    for line in lines:
        typer.echo(f"  - {line}")


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
