"""The officer's way through one opening, a type for each state, from requested to opened, refused or expired.

A move takes a state and one message and gives the next. Nothing here sends or stores: the workstation forgets it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import PublicKey
from diptych.errors import Conflict, DiptychError, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.formats.record.content import RecordContent
from diptych.formats.record.sealed import SealedRecord
from diptych.formats.record.sealing import check_share, open_record
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.shown_act import ShownAct, verify_shown_act
from diptych.private import Secret
from diptych.protocols.opening.answer import AGENCY_INDEX, ShareAnswer, open_answer
from diptych.protocols.opening.request import OpeningRequest, request_act


@dataclass(frozen=True)
class Requested:
    """Signed, and not public yet. `reply` is the key made for this request alone; the record is its latest version."""

    request: UnverifiedStatement[OpeningRequest]
    record: SealedRecord
    trustees: TrusteeSet
    reply: Recipient
    expires_at: datetime


@dataclass(frozen=True)
class Published:
    """Public: holders may be asked. `shares` were checked, by index.

    `named` says of holders that lied or refused, by index, which check said so; 0 is the agency.
    """

    requested: Requested
    shares: Mapping[int, Secret] = field(default_factory=dict, repr=False)
    agency_half: Secret | None = None
    named: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quorate:
    """The agency's half and at least k true shares are there."""

    published: Published
    agency_half: Secret


@dataclass(frozen=True)
class Opened:
    """What was sealed, and whom the way there named."""

    content: RecordContent
    named: Mapping[int, str]


@dataclass(frozen=True)
class RefusedOpening:
    """No quorum can be reached any more, or the agency refused: `named` says by whom and why."""

    named: Mapping[int, str]


@dataclass(frozen=True)
class Expired:
    """Too late, by the log's time: another request has to be made, and is public too."""


def publish(requested: Requested, shown: ShownAct, *, policy: Policy) -> Published:
    """Published, once the receipt stands under the workstation's own policy and the act is this request's."""
    verified = verify_shown_act(shown, policy=policy, kept=None)
    if verified.act != request_act(requested.request, day=verified.act.day):
        raise VerificationError("opening.act", "the act that was logged is not that of this request")
    return Published(requested)


def receive(
    published: Published, answer: UnverifiedStatement[ShareAnswer], *, index: int, now: datetime
) -> Published | Quorate | RefusedOpening | Expired:
    """After the answer of the holder that was asked at `index`. A false one names it, and the others go on."""
    requested = published.requested
    if now > requested.expires_at:
        return Expired()
    holder_key = _holder_key(requested, index)
    try:
        secret = open_answer(
            answer,
            holder_key=holder_key,
            expected_request=requested.request,
            expected_index=index,
            reply=requested.reply,
            now=now,
        )
        if index != AGENCY_INDEX:
            check_share(requested.record, secret, index=index)
    except DiptychError as error:
        return refuse(published, index=index, check=error.check)
    if index == AGENCY_INDEX:
        return _settled(replace(published, agency_half=secret))
    return _settled(replace(published, shares={**published.shares, index: secret}))


def refuse(published: Published, *, index: int, check: str) -> Published | Quorate | RefusedOpening:
    """After a refusal, a false answer or a silence of the holder at `index`; `check` says which."""
    return _settled(replace(published, named={**published.named, index: check}))


def combine(quorate: Quorate) -> Opened:
    """The content. `VerificationError` "record.key" when the agency's half is false or the sealer lied."""
    published = quorate.published
    content = open_record(published.requested.record, shares=published.shares, agency_half=quorate.agency_half)
    return Opened(content, published.named)


def _settled(published: Published) -> Published | Quorate | RefusedOpening:
    quorum, shares = published.requested.record.quorum, published.shares
    # A holder whose true share came and who is named afterwards (a second, false answer) stays in the quorum.
    if published.agency_half is not None and len(shares) >= quorum.threshold:
        return Quorate(published, published.agency_half)
    holders = [trustee.index for trustee in published.requested.trustees.trustees]
    left = [index for index in holders if index in shares or index not in published.named]
    is_agency_lost = published.agency_half is None and AGENCY_INDEX in published.named
    if is_agency_lost or len(left) < quorum.threshold:
        return RefusedOpening(published.named)
    return published


def _holder_key(requested: Requested, index: int) -> PublicKey:
    if index == AGENCY_INDEX:
        return requested.trustees.agency_signer
    for trustee in requested.trustees.trustees:
        if trustee.index == index:
            return trustee.signer
    raise Conflict("opening.holder", "no trustee of this set has that index")
