"""How a trustee decides on a lookup request: checks in their order, counts in, leave to evaluate out.

Pure. Multiplying the points is `crypto/lookup_prf`; counting, nonces and answers are kept by `roles/trustee`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diptych.crypto.signing import PublicKey
from diptych.errors import Conflict, Refused, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement, VerifiedStatement
from diptych.formats.mandate.officer import OfficerRevocation, Role
from diptych.protocols.certifying.officers import WAITING_TIME, HonouredOfficer, check_officer
from diptych.protocols.lookup.request import LOOKUP_ANSWER, LOOKUP_REQUEST, LookupAnswer, LookupRequest

TOLERANCE = timedelta(minutes=5)

_ROLES = frozenset((Role.FIND, Role.ENROL, Role.CORRECT))


@dataclass(frozen=True)
class LookupPolicy:
    """What one trustee allows for one purpose. Quotas are requests of a day."""

    legal_bases: frozenset[str]
    officer_quota: int
    agency_quota: int
    waiting_time: timedelta = WAITING_TIME


@dataclass(frozen=True)
class LookupCounts:
    """Requests of that purpose that were answered on that day: the officer's own, and all."""

    officer: int = 0
    agency: int = 0


@dataclass(frozen=True)
class LookupState:
    """What a trustee keeps that a request is held against.

    `seen` is the digest of the request that its nonce came with before, None for a new one.
    """

    policies: Mapping[str, LookupPolicy]
    generations: Mapping[str, int]
    officer: HonouredOfficer | None
    revocation: OfficerRevocation | None
    counts: LookupCounts = field(default_factory=LookupCounts)
    seen: bytes | None = None


def decide_lookup(
    request: UnverifiedStatement[LookupRequest], *, state: LookupState, now: datetime, log_time: datetime
) -> VerifiedStatement[LookupRequest]:
    """The request, to be evaluated and counted once, if all of this holds:

    1. there is a policy for the purpose, and a key share of that generation;
    2. the officer may look up, by the log's time; 3. and signed it;
    4. it was made within five minutes of now, by the trustee's clock, and its nonce came with no other request;
    5. the legal basis is allowed;
    6. the officer's and the agency's quotas are not used up, unless it is counted already.
    """
    content = request.unverified
    # 1.
    policy = state.policies.get(content.purpose)
    if policy is None:
        raise Refused("lookup.purpose", "no such lookup purpose here")
    if state.generations.get(content.purpose) != content.generation:
        raise Conflict("lookup.generation", "this purpose's key was shared anew since: fetch the trustee set")
    # 2.
    honoured = check_officer(
        state.officer, revocation=state.revocation, roles=_ROLES, now=log_time, waiting_time=policy.waiting_time
    )
    # 3.
    verified = LOOKUP_REQUEST.verify(request, honoured.certificate.officer_key, now=log_time)
    # 4.
    if abs(now - content.requested_at) > TOLERANCE:
        raise VerificationError("lookup.time", "the request is too old, or a clock is wrong")
    if state.seen is not None and state.seen != request.digest:
        raise Conflict("lookup.nonce", "another request had this nonce")
    # 5.
    if content.legal_basis not in policy.legal_bases:
        raise Refused("lookup.legal_basis", "no legal basis on which this trustee answers for that purpose")
    # 6.
    if state.seen is None:
        if state.counts.officer >= policy.officer_quota:
            raise Refused("lookup.quota_officer", "this officer's lookups of the day are used up")
        if state.counts.agency >= policy.agency_quota:
            raise Refused("lookup.quota_agency", "the agency's lookups of the day are used up")
    return verified


def verify_lookup_answer(
    answer: UnverifiedStatement[LookupAnswer],
    *,
    trustee_key: PublicKey,
    expected_request: UnverifiedStatement[LookupRequest],
    expected_index: int,
    now: datetime,
) -> VerifiedStatement[LookupAnswer]:
    """The answer, if this trustee signed it for this request. Whether its points are true is `crypto/lookup_prf`'s."""
    verified = LOOKUP_ANSWER.verify(answer, trustee_key, now=now)
    found, asked = verified.content, expected_request.unverified
    if (found.request, found.purpose, found.generation) != (expected_request.digest, asked.purpose, asked.generation):
        raise VerificationError("lookup_answer.request", "this answers another request")
    if found.index != expected_index:
        raise VerificationError("lookup_answer.index", "this answers with another trustee's share")
    return verified
