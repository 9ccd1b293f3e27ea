"""What the log's page says, in French and English. The two say the same; a test compares their keys."""

from collections.abc import Mapping

from diptych.formats.tlog.entry import ActorClass, ActType

LANGUAGES = ("en", "fr")

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "The public log",
        "skip": "Skip to the content",
        "other_language": "Français",
        "lead": "Every sensitive act on somebody's documents stands here, without saying whose. Nothing can be changed "
        "or removed without its witnesses noticing.",
        "checkpoint": "Latest checkpoint",
        "origin": "Log",
        "size": "Acts",
        "root": "Root hash",
        "time": "As of",
        "cosigned": "Signed by",
        "name": "Name",
        "algorithm": "Algorithm",
        "when": "When",
        "undated": "not dated",
        "is_log": "the log itself",
        "per_day": "Acts per day",
        "chart": "Stacked bars: acts of each type, for each of the last {days} days.",
        "none": "No acts in these days.",
        "as_table": "The same as a table",
        "day": "Day",
        "others": "other acts",
        "search": "Look up a receipt",
        "search_help": "Paste a receipt (c2sp.org/tlog-proof). Whoever runs this page sees what you paste; "
        "your wallet verifies its receipts without asking anybody.",
        "receipt": "Receipt",
        "submit": "Look it up",
        "found": "The receipt holds.",
        "not_found": "The receipt does not hold.",
        "act": "Act",
        "actor": "By",
        "index": "Entry",
        "read_on": "Verify everything yourself: diptych log verify {url} --policy FILE",
    },
    "fr": {
        "title": "Le journal public",
        "skip": "Aller au contenu",
        "other_language": "English",
        "lead": "Tout acte sensible sur les documents de quelqu’un figure ici, sans dire de qui. Rien ne peut être "
        "modifié ni retiré sans que ses témoins s’en aperçoivent.",
        "checkpoint": "Dernier point de contrôle",
        "origin": "Journal",
        "size": "Actes",
        "root": "Empreinte racine",
        "time": "À la date du",
        "cosigned": "Signé par",
        "name": "Nom",
        "algorithm": "Algorithme",
        "when": "Quand",
        "undated": "sans date",
        "is_log": "le journal lui-même",
        "per_day": "Actes par jour",
        "chart": "Barres empilées : les actes de chaque type, pour chacun des {days} derniers jours.",
        "none": "Aucun acte pendant ces jours.",
        "as_table": "La même chose en tableau",
        "day": "Jour",
        "others": "autres actes",
        "search": "Chercher un reçu",
        "search_help": "Collez un reçu (c2sp.org/tlog-proof). Qui tient cette page voit ce que vous collez ; "
        "votre portefeuille vérifie ses reçus sans rien demander à personne.",
        "receipt": "Reçu",
        "submit": "Chercher",
        "found": "Le reçu est valable.",
        "not_found": "Le reçu n’est pas valable.",
        "act": "Acte",
        "actor": "Par",
        "index": "Entrée",
        "read_on": "Vérifiez tout vous-même : diptych log verify {url} --policy FICHIER",
    },
}

ACTS: Mapping[str, Mapping[ActType, str]] = {
    "en": {act_type: act_type.word.replace("_", " ") for act_type in ActType},
    "fr": {
        ActType.KEY_CEREMONY: "cérémonie de clés",
        ActType.TRUSTEE_SET_CHANGED: "changement de dépositaires",
        ActType.OFFICER_CERTIFIED: "agent certifié",
        ActType.POLICY_CHANGED: "changement de politique",
        ActType.DOCUMENT_TYPE_REGISTERED: "type de document enregistré",
        ActType.VERIFIER_REGISTERED: "vérificateur enregistré",
        ActType.AUDIT_ATTESTED: "attestation d’audit",
        ActType.ROLE_STATE: "état d’un service",
        ActType.BREACH_NOTICE: "avis de violation",
        ActType.SECURITY_ADVISORY: "avis de sécurité",
        ActType.SOFTWARE_RELEASE: "version du logiciel",
        ActType.LABEL_TREE: "arbre des étiquettes",
        ActType.ENROLLED: "inscription",
        ActType.CORRECTED: "rectification",
        ActType.LOOKED_UP: "recherche aboutie",
        ActType.ISSUED: "délivrance",
        ActType.RENEWED: "renouvellement",
        ActType.SUSPENDED: "suspension",
        ActType.REINSTATED: "rétablissement",
        ActType.REVOKED: "révocation",
        ActType.OPENING_REQUESTED: "ouverture demandée",
        ActType.OPENED: "ouverture",
        ActType.OPENING_REFUSED: "ouverture refusée",
        ActType.OPENING_DEFERRED: "ouverture à annoncer plus tard",
        ActType.OPENING_DISCLOSED: "ouverture annoncée",
        ActType.MASK_DELETED: "masque effacé",
        ActType.EPOCH_PUBLISHED: "époque publiée",
    },
}

ACTORS: Mapping[str, Mapping[ActorClass, str]] = {
    "en": {actor: actor.word.replace("_", " ") for actor in ActorClass},
    "fr": {
        ActorClass.AGENCY: "l’agence",
        ActorClass.OFFICER: "un agent",
        ActorClass.ISSUER: "l’émetteur",
        ActorClass.REGISTRY: "le registre",
        ActorClass.TRUSTEE: "un dépositaire",
        ActorClass.CITIZEN: "un citoyen",
        ActorClass.AUDITOR: "un auditeur",
        ActorClass.RIGHTS_DESK: "le guichet des droits",
        ActorClass.LOG: "le journal",
        ActorClass.WITNESS: "un témoin",
    },
}


def language_of(asked: str | None, accepted: str) -> str:
    """The language asked for by name, or the first of an Accept-Language that is spoken here, or English."""
    if asked in LANGUAGES:
        return asked
    for part in accepted.split(","):
        tag = part.partition(";")[0].strip().lower().partition("-")[0]
        if tag in LANGUAGES:
            return tag
    return LANGUAGES[0]
