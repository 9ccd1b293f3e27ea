"""Which officers a holder honours: certificates that are public, waiting times, revocations.

Old value in, new value out; keeping them is left to the roles. What an honoured officer asks for is left to
`depositing`, `lookup` and `opening`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from diptych.crypto.signing import PublicKey
from diptych.errors import Refused, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.officer import (
    OFFICER_CERTIFICATE,
    OFFICER_REVOCATION,
    OfficerCertificate,
    OfficerRevocation,
    Role,
)
from diptych.formats.tlog.act import Act
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.shown_act import VerifiedShownAct

WAITING_TIME = timedelta(hours=48)


@dataclass(frozen=True)
class HonouredOfficer:
    """An officer whose certificate is public since `certified_at`, by the log's time in its receipt."""

    certificate: OfficerCertificate
    certified_at: datetime


def honour_officer(
    certificate: UnverifiedStatement[OfficerCertificate],
    shown: VerifiedShownAct,
    *,
    agency_key: PublicKey,
    known: HonouredOfficer | None,
    revocation: OfficerRevocation | None,
) -> HonouredOfficer:
    """What is kept of an officer once a certificate was shown:

    1. the agency signed it;
    2. the act is its publication;
    3. the key was never revoked;
    4. of two certificates the one that is valid from later counts, so that showing an old one again takes nothing back;
    5. whoever is known already, and may do no more than before, keeps the time since which that is so.
    """
    # 1.
    verified = OFFICER_CERTIFICATE.verify(certificate, agency_key, now=shown.kept.time)
    # 2.
    check_publication(shown.act, ActType.OFFICER_CERTIFIED, ActorClass.AGENCY, verified.digest)
    # 3.
    if revocation is not None:
        raise Refused("officer.revoked", "this officer's key was revoked: a new key needs a new certificate")
    # 4.
    if known is not None and verified.content.valid_from < known.certificate.valid_from:
        return known
    # 5.
    certified_at = shown.time
    if known is not None and verified.content.roles <= known.certificate.roles:
        certified_at = min(certified_at, known.certified_at)
    return HonouredOfficer(verified.content, certified_at)


def revoke_officer(
    revocation: UnverifiedStatement[OfficerRevocation], *, agency_key: PublicKey, now: datetime
) -> OfficerRevocation:
    """What is kept of a revocation that the agency signed. It needs no receipt: it only ever takes away."""
    return OFFICER_REVOCATION.verify(revocation, agency_key, now=now).content


def check_officer(
    honoured: HonouredOfficer | None,
    *,
    revocation: OfficerRevocation | None,
    roles: frozenset[Role],
    now: datetime,
    waiting_time: timedelta,
) -> HonouredOfficer:
    """The officer, if it may act now in one of these roles; else `Refused`, by name. `now` is the log's time."""
    if revocation is not None:
        raise Refused("officer.revoked", "this officer's key was revoked")
    if honoured is None:
        raise Refused("officer.unknown", "this officer's certificate was not shown here: show it first")
    if not honoured.certificate.stands_at(now):
        raise Refused("officer.expired", "this officer's certificate has expired, or is not valid yet")
    if now < honoured.certified_at + waiting_time:
        raise Refused("officer.waiting", "this officer's certificate is too new: its waiting time is not over")
    if roles.isdisjoint(honoured.certificate.roles):
        raise Refused("officer.role", f"this needs an officer with a role of {', '.join(sorted(roles))}")
    return honoured


def check_publication(act: Act, act_type: ActType, actor: ActorClass, digest: bytes) -> None:
    """`VerificationError` unless the act published the document of that digest."""
    if (act.act_type, act.actor) != (act_type, actor) or act.details.reveal().get("document") != digest:
        raise VerificationError("certifying.act", "the act that was shown is not the publication of this document")
