"""`diptych registry restored`: an old copy of the database was put back, and there is no newer one."""

from pathlib import Path
from typing import Annotated

import typer

from diptych import config
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, Yes, emit
from diptych.errors import Refused

_WORDS = {
    "en": {
        "ask": "Is there no newer database than this? What was recorded since then is missing from it for good.",
        "done": (
            "The next start goes on from what the public log shows.\n"
            "Since the copy was made, records may have come, and be missing; erased ones may be back; revoked officers"
            " may be answered again. Erase and revoke again what the log shows since then."
        ),
    },
    "fr": {
        "ask": "N'existe-t-il pas de base plus récente ? Ce qui a été enregistré depuis y manque définitivement.",
        "done": (
            "Le prochain démarrage repart de ce que montre le journal public.\n"
            "Depuis la copie, des dossiers ont pu arriver, et manquent ; d'autres, effacés, ont pu revenir ; des agents"
            " révoqués peuvent recevoir à nouveau des réponses. Effacez et révoquez à nouveau ce que le journal montre"
            " depuis."
        ),
    },
}


def restored(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The registry's folder.", show_default=False)],
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Say that the database has come back from a copy, and that there is no newer: else `serve registry` refuses it."""
    words = _WORDS[config.language()]
    if not yes and not typer.confirm(words["ask"], err=True):
        raise Refused("restore.not_agreed", "nothing was changed")
    rooms: Rooms = context.obj
    rooms.declare_registry_restored(folder)
    emit({"restored": str(folder)}, as_json=as_json, prose=lambda: typer.echo(words["done"]))
