"""Finding people: their lookup values, made by a quorum of trustees who learn nothing, and the records under them."""

from collections.abc import Mapping
from datetime import datetime

from diptych.crypto import lookup_prf
from diptych.crypto.entropy import Entropy
from diptych.errors import DiptychError, Refused, Unavailable, VerificationError
from diptych.formats.civil_status.inputs import SEARCHED, lookup_inputs
from diptych.formats.civil_status.model import CivilStatus
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.formats.tlog.proof import verify_receipt
from diptych.private import Secret
from diptych.protocols.depositing.prekey import NONCE_BYTES
from diptych.protocols.lookup.decision import verify_lookup_answer
from diptych.protocols.lookup.request import LOOKUP_ANSWER, LOOKUP_REQUEST, LookupRequest
from diptych.protocols.lookup.tags import TAG_REQUEST, TagRequest, parse_tag_answer
from diptych.roles.officer.counter import Found
from diptych.roles.officer.desk import Desk, expect, names
from diptych.roles.officer.quorum import ask_quorum

_SHARED_ANEW = "lookup.generation"


def find(desk: Desk, status: CivilStatus, *, legal_basis: str, now: datetime, entropy: Entropy) -> Found:
    """The records that may be this person's. Every hit is in the public log, where its citizen sees it."""
    now, trustees = now.replace(microsecond=0), desk.recent_trustees(now)
    values, named = _values(desk, status, trustees, legal_basis=legal_basis, now=now, entropy=entropy)
    request = TAG_REQUEST.sign(
        TagRequest(
            desk.own,
            desk.purpose,
            legal_basis,
            entropy(NONCE_BYTES),
            now,
            tuple(values[position] for position in SEARCHED),
        ),
        signer=desk.signer,
    )
    answer = parse_tag_answer(desk.registry.send("tags", request.encode()))
    if answer.request != request.digest:
        raise VerificationError("tag_answer.request", "the registry answers another request")
    for match in answer.matches:
        verify_receipt(match.receipt, policy=desk.log_policy)
    return Found(tuple(match.record_id for match in answer.matches), values, named)


def _values(
    desk: Desk, status: CivilStatus, trustees: TrusteeSet, *, legal_basis: str, now: datetime, entropy: Entropy
) -> tuple[tuple[Secret, ...], Mapping[int, str]]:
    key = next((key for key in trustees.purposes if key.purpose == desk.purpose), None)
    if key is None:
        raise Refused("lookup.purpose", "the trustees have no key for this lookup purpose")
    inputs = lookup_inputs(status, places=desk.places)
    blinded = lookup_prf.blind(inputs, purpose=desk.purpose, entropy=entropy)
    request = LOOKUP_REQUEST.sign(
        LookupRequest(desk.own, desk.purpose, legal_basis, key.generation, entropy(NONCE_BYTES), now, blinded.encode()),
        signer=desk.signer,
    )
    body = request.encode()
    quorum = ask_quorum(
        desk.holders,
        trustees,
        lambda trustee: (trustee.url, "lookups", body),
        threshold=key.threshold,
        entropy=entropy,
    )
    keys = {trustee.index: trustee.signer for trustee in trustees.trustees}
    points: dict[int, bytes] = {}
    for index, answer in quorum:
        try:
            points[index] = verify_lookup_answer(
                LOOKUP_ANSWER.parse(expect(answer)),
                trustee_key=keys[index],
                expected_request=request,
                expected_index=index,
                now=now,
            ).content.points
            if len(points) >= key.threshold:
                evaluated = lookup_prf.finish(blinded, points, key=key)
                return evaluated.derived, {**quorum.named, **evaluated.liars}
        except lookup_prf.TooFewAnswers as few:
            for liar, check in few.liars.items():
                del points[liar]
                quorum.fault(liar, check)
        except DiptychError as error:
            if error.check == _SHARED_ANEW:
                desk.forget_trustees()
            quorum.fault(index, error.check)
    raise _too_few(quorum.named, trustees)


def _too_few(named: Mapping[int, str], trustees: TrusteeSet) -> Unavailable:
    return Unavailable("lookup.too_few", f"too few trustees answer: {names(named, trustees)}")
