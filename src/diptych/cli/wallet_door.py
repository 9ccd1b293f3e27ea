"""The wallet's door: which folder, whose passphrase, and what is due before any command is run.

What the commands do is in `wallet` and `wallet_life`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych import config
from diptych.cli.passphrases import Asked
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import progress
from diptych.errors import DiptychError, FormatError

if TYPE_CHECKING:
    from diptych.protocols.reading.files import LogFiles
    from diptych.roles.wallet.service import Renewed, Wallet

Folder = Annotated[
    Path | None,
    typer.Option("--wallet", metavar="FOLDER", help="The wallet's folder; else DIPTYCH_WALLET, or your own."),
]

LogCopy = Annotated[
    str | None,
    typer.Option("--log", metavar="PATH|URL", help="A copy of the log to read, if not where its policy says."),
]


def place(folder: Path | None) -> Path:
    """The wallet's folder."""
    return folder or config.wallet_folder()


def asked() -> Asked:
    """The wallet's passphrase."""
    return Asked("Passphrase", config.WALLET_UNLOCKED_BY, config.wallet_passphrase())


def asked_first() -> Asked:
    """The passphrase of a wallet that is made now."""
    return Asked("A passphrase for the wallet", config.WALLET_UNLOCKED_BY, config.wallet_passphrase())


def open_wallet(context: typer.Context, folder: Path | None, *, renews: bool = True) -> "Wallet":
    """The wallet, unlocked; what is due is renewed on the way, and a failure of that stops nothing."""
    rooms: Rooms = context.obj
    opened = asked().unlock(lambda passphrase: rooms.wallet(place(folder), passphrase), refusal="wallet.passphrase")
    if renews and opened.due(now=now()):
        with working("Renewing what is due"):
            try:
                say_renewed(opened.renew_due(now=now()), progress)
            except DiptychError as error:
                progress(f"Not renewed now: {error.message} ({error.check})")
    return opened


def log_files(context: typer.Context, opened: "Wallet", log: str | None) -> "LogFiles":
    """The files of the public log that the wallet believes: a copy at `log`, or where its policy says."""
    rooms: Rooms = context.obj
    address = log or next((one.url for one in opened.log_policy().logs if one.url is not None), None)
    if address is None:
        raise FormatError("wallet.log_address", "the log's policy does not say where it is: give --log PATH|URL")
    return rooms.log_files(address)


def say_renewed(renewed: "Renewed", say: Callable[[str], None], *, otherwise: str | None = None) -> None:
    """What a round of renewals did, a line each."""
    from diptych.cli import wallet_words as words

    for document in renewed.documents:
        say(f"Renewed: {words.called(document.names)}, good until {document.valid_until:%Y-%m-%d}")
    for failure in renewed.failures:
        say(f"Not renewed: {words.called(failure.document.names)}: {failure.message} ({failure.check})")
    if otherwise is not None and not renewed.documents and not renewed.failures:
        say(otherwise)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Something that may take longer than a second, shown on stderr."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(f"{what} ..."):
            yield
    else:
        progress(f"{what} ...")
        yield


def now() -> datetime:
    """The clock of every command."""
    return datetime.now(UTC)
