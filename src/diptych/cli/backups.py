"""`backup`, `restore` and `restored` of an issuer, a verifier, an officer: one implementation, said once for each role.

What goes into an archive is in `adapters/backup`, what must not come back to life in `adapters/storage/coming_back`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych import config
from diptych.cli.passphrases import Asked
from diptych.cli.terminal import AsJson, Yes, emit, progress
from diptych.errors import Refused
from diptych.private import Secret

if TYPE_CHECKING:
    from diptych.adapters.backup import Manifest
    from diptych.adapters.storage.coming_back import Voided

Folder = Annotated[Path, typer.Argument(help="The role's folder.", show_default=False)]
Archive = Annotated[Path, typer.Argument(help="The archive's file.", show_default=False)]
WithKeys = Annotated[
    bool, typer.Option("--with-keys", help="Private keys too; the archive is sealed under a passphrase then.")
]
KeepRenewals = Annotated[
    bool,
    typer.Option(
        "--keep-renewals", help="Let wallets renew what they have. Orders made void since the backup come back with it."
    ),
]

POSTGRESQL_SAYS = "The database is PostgreSQL and not in it: back it up with pg_dump, at the same time."


def attach(commands: typer.Typer, role: str) -> None:
    """Give a role's commands their `backup` and `restore`."""

    @commands.command()
    def backup(
        context: typer.Context, folder: Folder, archive: Archive, with_keys: WithKeys = False, as_json: AsJson = False
    ) -> None:
        """Copy the folder into one file, while the role runs. Without --with-keys it holds no private key."""
        _back_up(role, folder, archive, with_keys=with_keys, as_json=as_json)

    if role == "issuer":

        @commands.command()
        def restore(
            context: typer.Context,
            archive: Archive,
            folder: Folder,
            keep_renewals: KeepRenewals = False,
            as_json: AsJson = False,
        ) -> None:
            """Put a backup back where nothing is. Every order in it becomes void: officers approve again."""
            _restore(role, archive, folder, keep_renewals=keep_renewals, as_json=as_json)

        @commands.command()
        def restored(
            context: typer.Context,
            folder: Folder,
            keep_renewals: KeepRenewals = False,
            yes: Yes = False,
            as_json: AsJson = False,
        ) -> None:
            """Say that the database has come back from a copy (pg_restore): every order in it becomes void."""
            location = config.read_issuer(folder).database or folder / _database_name(role)
            if not yes and not typer.confirm("Make the orders in this database void?", err=True):
                raise Refused("restore.not_agreed", "nothing was changed")
            _say_voided(_void(location, keep_renewals=keep_renewals), as_json)

    else:

        @commands.command("restore")
        def restore_other(context: typer.Context, archive: Archive, folder: Folder, as_json: AsJson = False) -> None:
            """Put a backup back where nothing is."""
            _restore(role, archive, folder, keep_renewals=False, as_json=as_json)


def _back_up(role: str, folder: Path, archive: Path, *, with_keys: bool, as_json: bool) -> None:
    import os

    from diptych.adapters import backup
    from diptych.adapters.storage.coming_back import forget_live
    from diptych.crypto.passphrase import DEFAULT_HARDNESS

    location = _database(role, folder)
    passphrase = _asked().new() if with_keys else None
    progress("Copying ...")
    made = backup.back_up(
        folder,
        archive,
        role=role,
        database=location if isinstance(location, Path) and location.exists() else None,
        forget=lambda copy: forget_live(role, copy),
        passphrase=passphrase,
        hardness=DEFAULT_HARDNESS,
        now=datetime.now(UTC),
        entropy=os.urandom,
    )

    def prose() -> None:
        typer.echo(f"{len(made.files)} files are in {archive}.")
        if made.left_out:
            typer.echo(f"Not in it: {', '.join(made.left_out)}")
        if not with_keys:
            typer.echo("It holds no private key: a role restored from it needs its keys from elsewhere.")
        if isinstance(location, Secret):
            typer.echo(POSTGRESQL_SAYS)

    emit(
        {
            "archive": str(archive),
            "files": list(made.files),
            "left_out": list(made.left_out),
            "has_keys": with_keys,
            "has_database": made.has_database,
        },
        as_json=as_json,
        prose=prose,
    )


def _restore(role: str, archive: Path, folder: Path, *, keep_renewals: bool, as_json: bool) -> None:
    from diptych.adapters import backup
    from diptych.adapters.storage.coming_back import end_questions

    voided: list[Voided] = []

    def finish(beside: Path, manifest: "Manifest") -> None:
        if manifest.database is None:
            return
        if role == "issuer":
            voided.append(_void(beside / manifest.database, keep_renewals=keep_renewals))
        if role == "verifier":
            end_questions(beside / manifest.database)

    def put_back(passphrase: Secret | None) -> "Manifest":
        return backup.restore(archive, folder, role=role, passphrase=passphrase, finish=finish)

    if backup.needs_passphrase(archive):
        manifest = _asked().unlock(put_back, refusal="backup.passphrase")
    else:
        manifest = put_back(None)

    def prose() -> None:
        typer.echo(f"{folder} is as it was on {manifest.made_at:%Y-%m-%d %H:%M} UTC.")
        if not manifest.has_keys:
            typer.echo("Private keys were not in it: put them back before the role starts.")
        if manifest.database is None and role != "officer":
            typer.echo("No database was in it." + (" Then: diptych issuer restored" if role == "issuer" else ""))
        for one in voided:
            _tell_voided(one)
        typer.echo(f"Look it over with: diptych doctor {folder}")

    emit(
        {
            "folder": str(folder),
            "made_at": manifest.made_at.isoformat().replace("+00:00", "Z"),
            "has_keys": manifest.has_keys,
            "has_database": manifest.database is not None,
            **({"voided": voided[0].orders, "renewable": voided[0].renewable} if voided else {}),
        },
        as_json=as_json,
        prose=prose,
    )


def _void(location: "Path | Secret", *, keep_renewals: bool) -> "Voided":
    from diptych.adapters.storage.coming_back import make_void

    return make_void(location, keep_renewals=keep_renewals, now=datetime.now(UTC))


def _say_voided(voided: "Voided", as_json: bool) -> None:
    emit(
        {"voided": voided.orders, "renewable": voided.renewable},
        as_json=as_json,
        prose=lambda: _tell_voided(voided),
    )


def _tell_voided(voided: "Voided") -> None:
    typer.echo(
        f"{voided.orders} order(s) are void: their citizens need a new one (`diptych issuer incidents` lists them). "
        f"{voided.renewable} can still be renewed."
    )


def _database(role: str, folder: Path) -> "Path | Secret | None":
    """Where the role remembers; the folder must be the role's."""
    if role == "officer":
        config.read_officer(folder)
        return None
    read: Callable[[Path], config.IssuerSettings | config.VerifierSettings]
    read = config.read_issuer if role == "issuer" else config.read_verifier
    return read(folder).database or folder / _database_name(role)


def _database_name(role: str) -> str:
    from diptych.adapters import issuer_folder, verifier_folder

    return {"issuer": issuer_folder.DATABASE, "verifier": verifier_folder.DATABASE}[role]


def _asked() -> Asked:
    return Asked("The backup's passphrase", config.BACKUP_UNLOCKED_BY, config.backup_passphrase())
