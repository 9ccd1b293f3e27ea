"""What was done, by whom, why, and what it rests on, in English and in French: the words of `diptych wallet acts`."""

from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.roles.wallet.acts import Shown

DONE = {
    ActType.ENROLLED: ("Enrolled", "Enregistré"),
    ActType.CORRECTED: ("Corrected", "Corrigé"),
    ActType.LOOKED_UP: ("Looked up", "Recherché"),
    ActType.ISSUED: ("Issued", "Délivré"),
    ActType.RENEWED: ("Renewed", "Renouvelé"),
    ActType.SUSPENDED: ("Suspended", "Suspendu"),
    ActType.REINSTATED: ("Reinstated", "Rétabli"),
    ActType.REVOKED: ("Revoked", "Révoqué"),
    ActType.OPENING_REQUESTED: ("Opening of the record requested", "Ouverture du dossier demandée"),
    ActType.OPENED: ("Record opened", "Dossier ouvert"),
    ActType.OPENING_REFUSED: ("Opening of the record refused", "Ouverture du dossier refusée"),
    ActType.OPENING_DEFERRED: ("Opening kept back for now", "Ouverture tenue secrète pour un temps"),
    ActType.OPENING_DISCLOSED: ("Earlier opening disclosed", "Ouverture antérieure révélée"),
    ActType.MASK_DELETED: ("Record erased at a trustee", "Dossier effacé chez un dépositaire"),
}
BY = {
    ActorClass.AGENCY: ("the agency", "l'agence"),
    ActorClass.OFFICER: ("an officer", "un agent"),
    ActorClass.ISSUER: ("the issuer", "l'émetteur"),
    ActorClass.REGISTRY: ("the registry", "le registre"),
    ActorClass.TRUSTEE: ("a trustee", "un dépositaire"),
    ActorClass.CITIZEN: ("you", "vous"),
    ActorClass.AUDITOR: ("an auditor", "un auditeur"),
    ActorClass.RIGHTS_DESK: ("the rights desk", "le guichet des droits"),
    ActorClass.LOG: ("the log", "le journal"),
    ActorClass.WITNESS: ("a witness", "un témoin"),
}
RESTS_ON = {
    Shown.PROVEN: ("in the log, proven", "au journal, prouvé", "green"),
    Shown.RECENT: ("in the log; its list comes at midnight", "au journal ; sa liste suit à minuit", "green"),
    Shown.UNTOLD: ("in the log; no details told", "au journal ; sans détails reçus", "yellow"),
    Shown.AWAITED: ("told; the log's list is older", "annoncé ; la liste du journal est plus ancienne", "yellow"),
    Shown.MISSING: ("TOLD, AND NOT IN THE LOG", "ANNONCÉ, ET ABSENT DU JOURNAL", "bold red"),
    Shown.OTHERWISE: ("THE LOG SAYS OTHERWISE", "LE JOURNAL DIT AUTRE CHOSE", "bold red"),
}
WHY = {
    "holder-request": ("at your request", "à votre demande"),
    "lost": ("reported lost", "déclaré perdu"),
    "stolen": ("reported stolen", "déclaré volé"),
    "found": ("found again", "retrouvé"),
    "entitlement-suspended": ("the right behind it is suspended", "le droit correspondant est suspendu"),
    "entitlement-restored": ("the right behind it is restored", "le droit correspondant est rétabli"),
    "entitlement-withdrawn": ("the right behind it was withdrawn", "le droit correspondant a été retiré"),
    "under-review": ("under review", "en cours d'examen"),
    "review-closed": ("the review is closed", "l'examen est clos"),
    "said-in-error": ("it had been said in error", "c'était une erreur"),
    "data-wrong": ("something in it was wrong", "une donnée était fausse"),
    "issued-in-error": ("it had been issued in error", "délivré par erreur"),
    "superseded": ("a newer one took its place", "remplacé par un plus récent"),
    "holder-deceased": ("its holder has died", "son titulaire est décédé"),
}
"""The reasons that an officer can give (docs/spec/order.md, "Standing")."""
