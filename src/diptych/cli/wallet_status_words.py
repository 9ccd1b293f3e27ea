"""What the wallet says of documents that do not stand, in French and English."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from diptych import config
from diptych.roles.wallet.model import Holding
from diptych.roles.wallet.statuses import DocumentStatus

_SHORT = {
    "en": {
        DocumentStatus.REVOKED: "revoked",
        DocumentStatus.SUSPENDED: "suspended",
        DocumentStatus.UNKNOWN: "status not known now",
    },
    "fr": {
        DocumentStatus.REVOKED: "révoqué",
        DocumentStatus.SUSPENDED: "suspendu",
        DocumentStatus.UNKNOWN: "statut inconnu pour l'instant",
    },
}
_LONG = {
    "en": {
        DocumentStatus.REVOKED: (
            "{name} was revoked by its issuer: nobody accepts it any more, and it does not come back. Ask at the"
            " counter why, and for a new one."
        ),
        DocumentStatus.SUSPENDED: (
            "{name} is suspended by its issuer: nobody accepts it meanwhile. It may stand again; ask at the counter."
        ),
        DocumentStatus.UNKNOWN: (
            "Whether {name} still stands cannot be known now: its issuer's list is not within reach, or is not to be"
            " believed. Look again later."
        ),
    },
    "fr": {
        DocumentStatus.REVOKED: (
            "{name} : révoqué par son émetteur. Plus personne ne l'accepte, et c'est définitif. Demandez pourquoi au"
            " guichet, et un nouveau document."
        ),
        DocumentStatus.SUSPENDED: (
            "{name} : suspendu par son émetteur. Personne ne l'accepte entre-temps. Il peut être rétabli ; demandez au"
            " guichet."
        ),
        DocumentStatus.UNKNOWN: (
            "{name} : impossible de savoir pour l'instant s'il est toujours valable. La liste de son émetteur est hors"
            " d'atteinte ou n'est pas digne de foi. Regardez plus tard."
        ),
    },
}


def short(status: DocumentStatus) -> Text | None:
    """The word for a line of a list; None for what stands."""
    word = _SHORT[config.language()].get(status)
    return None if word is None else Text(word, style="yellow" if status is DocumentStatus.UNKNOWN else "bold red")


def show(holdings: Sequence[Holding], statuses: Mapping[str, DocumentStatus], called: Mapping[str, str]) -> None:
    """A sentence for each document that does not stand; `called` names them by id. A lost signer says more already."""
    for holding in holdings:
        status = statuses.get(holding.document.id, DocumentStatus.STANDS)
        if status is not DocumentStatus.STANDS and holding.lost_at is None:
            style = "yellow" if status is DocumentStatus.UNKNOWN else "bold red"
            sentence = _LONG[config.language()][status].format(name=called[holding.document.id])
            Console(highlight=False).print(Text(sentence, style=style))
