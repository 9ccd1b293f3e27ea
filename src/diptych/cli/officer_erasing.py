"""`diptych officer erase`: a record dies everywhere, and its citizen gets the trustees' word for it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.officer_counter import RecordId, as_named, as_record_id, write_private
from diptych.cli.officer_standing import OfficerFolder
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, emit, progress

if TYPE_CHECKING:
    from diptych.roles.officer.counter import Erased

MEANING = {
    "en": "Each of these trustees signed that it deleted what it needs to help open your record. With so many of them "
    "deleted, the others together cannot open it, nor any older copy. These are statements, and no proof: nobody can "
    "prove that something is gone. They do not reach what was read in an opening before. Each stands in the public "
    "log by its digest; your wallet finds it there with your copy: diptych wallet acts.",
    "fr": "Chacun de ces dépositaires a signé avoir effacé ce qu'il lui faut pour aider à ouvrir votre dossier. Avec "
    "autant d'effacements, les autres ensemble ne peuvent plus l'ouvrir, ni aucune copie ancienne. Ce sont des "
    "déclarations, pas des preuves : personne ne peut prouver qu'une chose n'existe plus. Elles n'atteignent pas ce "
    "qui a été lu lors d'une ouverture passée. Chacune figure au journal public par son empreinte ; votre portefeuille "
    "l'y trouve avec votre copie : diptych wallet acts.",
}


def erase(
    context: typer.Context,
    record: RecordId,
    *,
    basis: Annotated[str, typer.Option("--basis", help="The legal basis of the erasure.", show_default=False)],
    case: Annotated[str, typer.Option(help="The case reference.", show_default=False)],
    to: Annotated[Path | None, typer.Option(help="Write the trustees' statements here, for the citizen.")] = None,
    folder: OfficerFolder = Path("officer"),
    as_json: AsJson = False,
) -> None:
    """Erase a record for good: its masks at the trustees, its ciphertext and tags at the registry. Exit 1 if not.

    Whoever did not answer is named; call it again until nobody is.
    """
    rooms: Rooms = context.obj
    with rooms.workstation(folder) as workstation:
        progress("Asking every trustee to delete its masks, then the registry to overwrite the record ...")
        erased = workstation.erase(as_record_id(record), legal_basis=basis, case=case, now=datetime.now(UTC))
    statements = _statements(erased)
    if to is not None:
        order = {"order": erased.order.digest.hex(), "meaning": MEANING, "statements": statements}
        write_private(to, {"record": record, **order})
    shown = {"erased": record, "statements": statements, "named": as_named(erased.named)}
    emit(shown, as_json=as_json, prose=lambda: _show(record, erased, to))


def _statements(erased: "Erased") -> list[dict[str, str]]:
    return [
        {
            "trustee": name,
            "key": statement.unverified.trustee.hex(),
            "deleted_at": statement.unverified.deleted_at.isoformat(),
            "digest": statement.digest.hex(),
            "statement": statement.encode().hex(),
        }
        for name, statement in erased.statements.items()
    ]


def _show(record: str, erased: "Erased", to: Path | None) -> None:
    typer.echo(f"Erased: {record}")
    for name, statement in erased.statements.items():
        typer.echo(f"  {name} says that it deleted its masks, {statement.unverified.deleted_at:%Y-%m-%d %H:%M} UTC")
    for who, check in as_named(erased.named).items():
        typer.echo(f"  {who} did not ({check}): call this again later")
    if to is not None:
        typer.echo(f"For the citizen: {to}")
    typer.echo("These are statements, and no proof. What was read in an opening before, they do not reach.")
