"""`diptych wallet acts`: what was done about the holder, when, by whom, and what the public log proves of it.

In the person's language. What is read and compared is in `roles/wallet/acts`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych import config
from diptych.cli import wallet_door as door
from diptych.cli.log import moment, write_evidence
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit
from diptych.cli.wallet_act_words import BY, DONE, RESTS_ON, WHY
from diptych.cli.wallet_door import Folder, LogCopy
from diptych.formats.tlog.lines import encode_base64
from diptych.roles.wallet.acts import Acts, ShownAct

if TYPE_CHECKING:
    from diptych.protocols.reading.files import Contradicted
    from diptych.roles.wallet.model import Names
    from diptych.roles.wallet.service import Wallet


def acts(
    context: typer.Context,
    *,
    log: LogCopy = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Read the whole log, so that whoever serves it learns nothing from it.")
    ] = False,
    evidence: Annotated[Path, typer.Option(help="The folder that evidence of a contradiction is written to.")] = Path(),
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List what was done about you, and prove it, and that there was no other. Exit 1 if anything is wrong."""
    from diptych.protocols.reading.files import Contradicted

    rooms: Rooms = context.obj
    opened = door.open_wallet(context, folder)
    files = door.log_files(context, opened, log)
    try:
        with door.working(_in_language(("Reading the public log", "Lecture du journal public"))):
            found = opened.acts(files, whole=whole, tell=rooms.told_acts())
    except Contradicted as contradicted:
        raise _ended(contradicted, evidence, as_json=as_json) from contradicted
    names = _names(opened)
    emit(_as_json(found), as_json=as_json, prose=lambda: _tell(found, names))
    if not found.holds:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


def _ended(contradicted: "Contradicted", evidence: Path, *, as_json: bool) -> typer.Exit:
    """Said, with the evidence written down."""
    path = write_evidence(contradicted.evidence, evidence)
    emit(
        _contradiction_as_json(contradicted, path),
        as_json=as_json,
        prose=lambda: _tell_contradiction(contradicted, path),
    )
    return typer.Exit(EXIT_DOES_NOT_HOLD)


def _names(opened: "Wallet") -> dict[str, "Names"]:
    return {one.document.configuration_id: one.document.names for one in opened.list(now=door.now())}


def _as_json(found: Acts) -> dict[str, object]:
    checkpoint = found.checkpoint.checkpoint
    tree = found.tree
    return {
        "acts": [_act_as_json(one) for one in found.acts],
        "holds": found.holds,
        "absence_proven_until": None if tree is None else tree.day.isoformat(),
        "log": {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": encode_base64(checkpoint.root),
            "time": moment(found.checkpoint.time),
        },
        "contradiction": None,
    }


def _act_as_json(one: ShownAct) -> dict[str, object]:
    details = {} if one.act is None else dict(one.act.details.reveal())
    return {
        "act": one.act_type.word,
        "day": one.day.isoformat(),
        "actor": one.actor.word,
        "shown": one.shown.value,
        "index": one.index,
        "counter": one.counter,
        "order": one.grant_id,
        "details": {name: value.hex() if isinstance(value, bytes) else value for name, value in details.items()},
    }


def _contradiction_as_json(found: "Contradicted", path: Path | None) -> dict[str, object]:
    return {
        "acts": [],
        "holds": False,
        "absence_proven_until": None,
        "log": None,
        "contradiction": {
            "check": found.contradiction.check,
            "message": found.contradiction.message,
            "evidence_path": None if path is None else str(path),
        },
    }


def _tell_contradiction(found: "Contradicted", path: Path | None) -> None:
    typer.echo(
        _in_language(
            (
                "The public log contradicts itself. Tell your data protection authority, or an auditor.",
                "Le journal public se contredit. Dites-le à la CNIL, ou à un auditeur.",
            )
        )
    )
    typer.echo(f"  {found.contradiction.message}\n  ({found.contradiction.check})")
    if path is not None:
        typer.echo(
            _in_language(
                (
                    f"The evidence, which anyone can check with `diptych log evidence`: {path}",
                    f"La preuve, que chacun peut vérifier avec `diptych log evidence` : {path}",
                )
            )
        )


def _tell(found: Acts, names: dict[str, "Names"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not found.acts:
        console.print(_in_language(("Nothing was done about you yet.", "Rien n'a encore été fait à votre sujet.")))
    else:
        heads = _in_language(("Day|What was done|By|In the public log", "Jour|Ce qui a été fait|Par|Au journal public"))
        table = Table(*heads.split("|"), box=None, header_style="bold", pad_edge=False)
        for one in found.acts:
            english, french, style = RESTS_ON[one.shown]
            place = "" if one.index is None else f"  #{one.index}"
            table.add_row(
                one.day.isoformat(),
                Text(_what(one, names)),
                _in_language(BY[one.actor]),
                Text(_in_language((english, french)), style=style).append(place, style="dim"),
            )
        console.print(table)
    console.print(Text("\n" + _footer(found), style="dim"))


def _what(one: ShownAct, names: dict[str, "Names"]) -> str:
    from diptych.cli import wallet_words as words

    done = _in_language(DONE.get(one.act_type, (one.act_type.word, one.act_type.word)))
    if one.act is None:
        return done
    details = one.act.details.reveal()
    said: list[str] = []
    for name in ("type", "count", "reason", "purpose", "legal_basis"):
        match name, details.get(name):
            case _, int() as count:
                english, french = ("copy", "exemplaire") if count == 1 else ("copies", "exemplaires")
                said.append(f"{count} {_in_language((english, french))}")
            case "type", "order":
                said.append(_in_language(("everything of that offer", "tout ce que cette offre a donné")))
            case "type", str() as type_id:
                said.append(words.called(names[type_id]) if type_id in names else words.clean(type_id))
            case "reason", str() as reason if reason in WHY:
                said.append(_in_language(WHY[reason]))
            case _, str() as text:
                said.append(words.clean(text))
    colon = _in_language((": ", " : "))
    return f"{done}{colon}{', '.join(said)}" if said else done


def _footer(found: Acts) -> str:
    checkpoint, tree = found.checkpoint.checkpoint, found.tree
    lines = [
        _in_language(
            (
                f"The log has {checkpoint.size} entries, cosigned by its witnesses, and begins with everything that"
                " this wallet has seen of it.",
                f"Le journal compte {checkpoint.size} entrées, contresignées par ses témoins, et commence par tout ce"
                " que ce portefeuille en a vu.",
            )
        ),
        _in_language(
            (
                "Whether there are others can be proven once the log has closed a day: ask again tomorrow.",
                "L'absence d'autres actes se prouve une fois que le journal a clos un jour : redemandez demain.",
            )
            if tree is None
            else (
                f"Proven: until its list of {tree.day.isoformat()}, there is no other act about your documents.",
                f"Prouvé : jusqu'à sa liste du {tree.day.isoformat()}, il n'y a aucun autre acte sur vos documents.",
            )
        ),
    ]
    return "\n".join(lines)


def _in_language(both: tuple[str, str]) -> str:
    """English or French, as the person has it."""
    return both[1] if config.language() == "fr" else both[0]
