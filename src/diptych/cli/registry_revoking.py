"""`diptych registry revoke`: an officer's standing is withdrawn, and nobody answers that key any more."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych import config
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, Yes, emit, progress
from diptych.errors import FormatError, Refused

if TYPE_CHECKING:
    from diptych.roles.registry.revoking import Revoked

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_WORDS = {
    "en": {
        "ask": "Withdraw the standing of officer {officer}, for good?",
        "done": "Revoked, for good: {officer}. The key service answers it no more.",
        "told": "Told: {names}.",
        "waiting": (
            "Not told yet: {names}. They answer this officer until they are: a registry that runs goes on trying, and"
            " this command can be given again."
        ),
        "unknown": "No certificate of this key was shown here. Is it the right key? If so, it cannot be certified now.",
        "else": "Where an issuer honours this officer's orders, take the key out of its officers folder too.",
    },
    "fr": {
        "ask": "Retirer définitivement son habilitation à l'agent {officer} ?",
        "done": "Révoqué, définitivement : {officer}. Le service de clés ne lui répond plus.",
        "told": "Informés : {names}.",
        "waiting": (
            "Pas encore informés : {names}. Ils répondent à cet agent jusque-là ; un registre en marche continue"
            " d'essayer, et cette commande peut être répétée."
        ),
        "unknown": (
            "Aucun certificat de cette clé n'a été présenté ici. Est-ce la bonne clé ? Si oui, elle ne peut plus être"
            " certifiée."
        ),
        "else": "Si un émetteur honore les ordres de cet agent, retirez aussi la clé de son dossier officers.",
    },
}


def revoke(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The registry's folder.", show_default=False)],
    officer: Annotated[
        str,
        typer.Argument(
            metavar="OFFICER",
            help="The officer's public key (officer.pub.pem), or the fingerprint that `certify` printed.",
            show_default=False,
        ),
    ],
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Withdraw an officer's standing: the agency's key service and every trustee refuse the key from now on, for good.

    A new key needs a new certificate, and waits again.
    """
    fingerprint = _fingerprint(officer)
    words = _WORDS[config.language()]
    if not yes and not typer.confirm(words["ask"].format(officer=fingerprint.hex()), err=True):
        raise Refused("registry.not_confirmed", "nothing was revoked")
    rooms: Rooms = context.obj
    revoked = rooms.revoke_officer(folder, fingerprint, progress=progress)
    emit(
        {
            "officer": revoked.officer.hex(),
            "was_known": revoked.was_known,
            "told": list(revoked.told),
            "waiting": list(revoked.waiting),
        },
        as_json=as_json,
        prose=lambda: _say(revoked),
    )


def _say(revoked: "Revoked") -> None:
    words = _WORDS[config.language()]
    typer.echo(words["done"].format(officer=revoked.officer.hex()))
    if not revoked.was_known:
        typer.echo(words["unknown"])
    for word, names in (("told", revoked.told), ("waiting", revoked.waiting)):
        if names:
            typer.echo(words[word].format(names=", ".join(names)))
    typer.echo(words["else"])


def _fingerprint(officer: str) -> bytes:
    """Of a key in a file, or as it was typed."""
    from diptych.adapters.keys import file
    from diptych.crypto.signing import fingerprint

    if _FINGERPRINT.fullmatch(officer):
        return bytes.fromhex(officer)
    if not Path(officer).is_file():
        raise FormatError("registry.officer", "give the officer's public key file, or its fingerprint: 64 hex digits")
    return fingerprint(file.read_public_key(Path(officer)))
