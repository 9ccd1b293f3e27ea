"""Whether an audit stands: public attestations, by auditors that the holder accepts, and the grace after a lapse.

Auditing is left to `roles/auditor`.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from diptych.crypto.signing import PublicKey
from diptych.errors import Refused, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.attestation import AUDIT_ATTESTATION, AuditAttestation
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.shown_act import VerifiedShownAct
from diptych.protocols.certifying.officers import check_publication


def accept_attestation(
    attestation: UnverifiedStatement[AuditAttestation],
    shown: VerifiedShownAct,
    *,
    auditors: Mapping[bytes, PublicKey],
    latest: AuditAttestation | None,
) -> AuditAttestation:
    """The attestation that stands from now on: this one, or one that is known and stands longer.

    1. It is of an auditor that is accepted here (else `Refused`), who signed it.
    2. The act is its publication.
    3. It speaks of this log, and of no more than there is.
    """
    # 1.
    auditor = auditors.get(attestation.unverified.auditor)
    if auditor is None:
        raise Refused("audit.auditor", "no auditor that is accepted here")
    verified = AUDIT_ATTESTATION.verify(attestation, auditor, now=shown.kept.time)
    # 2.
    check_publication(shown.act, ActType.AUDIT_ATTESTED, ActorClass.AUDITOR, verified.digest)
    # 3.
    found, checkpoint = verified.content, shown.kept.checkpoint
    if found.origin != checkpoint.origin or found.size > checkpoint.size:
        raise VerificationError("audit.checkpoint", "it attests another log, or more than was ever in it")
    if found.size == checkpoint.size and found.root != checkpoint.root:
        raise VerificationError("audit.fork", "it attests another history of this log")
    return found if latest is None or found.expires >= latest.expires else latest


def check_audit(latest: AuditAttestation | None, *, since: date, grace: timedelta, now: datetime) -> None:
    """`Refused` "audit.lapsed" unless an attestation stands, or the grace period after its end.

    `since`: the day from which the grace runs while there has never been one.
    """
    lapsed = since if latest is None else latest.expires
    if now.date() > lapsed + grace:
        raise Refused("audit.lapsed", "no audit attestation stands, and the grace period is over")
