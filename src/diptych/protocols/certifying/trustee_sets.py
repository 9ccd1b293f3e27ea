"""Which trustee set a workstation seals to: one that the agency signed and that is public."""

from diptych.crypto.signing import PublicKey
from diptych.errors import VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import TRUSTEE_SET, TrusteeSet
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.shown_act import VerifiedShownAct
from diptych.protocols.certifying.officers import check_publication


def accept_trustee_set(
    trustee_set: UnverifiedStatement[TrusteeSet],
    shown: VerifiedShownAct,
    *,
    agency_key: PublicKey,
    latest: TrusteeSet | None,
) -> TrusteeSet:
    """The set, once the agency signed it, the act is its publication, and no later epoch is known."""
    verified = TRUSTEE_SET.verify(trustee_set, agency_key, now=shown.kept.time)
    first = verified.content.epoch == 1
    act_type = ActType.KEY_CEREMONY if first else ActType.TRUSTEE_SET_CHANGED
    check_publication(shown.act, act_type, ActorClass.AGENCY, verified.digest)
    if latest is not None and verified.content.epoch < latest.epoch:
        raise VerificationError("trustee_set.epoch", "a later trustee set is known: shares of this one are dead")
    return verified.content
