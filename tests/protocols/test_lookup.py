"""Two offices look up one person and come to the same values, through trustees that learn nothing; refusals by name."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto import lookup_prf
from diptych.crypto.lookup_prf import BlindedRequest, KeyShare, PurposeKey
from diptych.errors import DiptychError, FormatError, VerificationError
from diptych.formats.civil_status.inputs import COUNT, INDEXED, SEARCHED, lookup_inputs
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.civil_status.places import Places
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.officer import OfficerRevocation, Role
from diptych.formats.mandate.trustee_set import TRUSTEE_SET
from diptych.formats.tlog.act import Act
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.proof import LogProof
from diptych.private import Personal, Secret
from diptych.protocols.lookup.decision import (
    TOLERANCE,
    LookupCounts,
    LookupPolicy,
    LookupState,
    decide_lookup,
    verify_lookup_answer,
)
from diptych.protocols.lookup.request import LOOKUP_ANSWER, LOOKUP_REQUEST, LookupAnswer, LookupRequest
from diptych.protocols.lookup.tags import Match, TagAnswer, parse_tag_answer, verify_tag_answer
from tests.crypto.lookup_prf.setting import new_ceremony, run
from tests.formats.tlog_specimen import POLICY
from tests.registry_world import MARIE, World, enrolled_act

WORLD = World()
PURPOSE = "identity"


def ceremony() -> tuple[PurposeKey, Mapping[int, KeyShare]]:
    outcomes = {index: state.outcome for index, state in run(new_ceremony(PURPOSE)).items()}
    shares = {index: outcome.share for index, outcome in outcomes.items() if outcome and outcome.share}
    return next(outcome.key for outcome in outcomes.values() if outcome), shares


KEY, SHARES = ceremony()
STATE = LookupState(
    policies={PURPOSE: LookupPolicy(frozenset(("fr.enrolment",)), officer_quota=10, agency_quota=100)},
    generations={PURPOSE: KEY.generation},
    officer=WORLD.officer,
    revocation=None,
)


def asked(status: CivilStatus = MARIE, **changed: object) -> tuple[BlindedRequest, UnverifiedStatement[LookupRequest]]:
    inputs = lookup_inputs(status, places=Places())
    blinded = lookup_prf.blind(inputs, purpose=PURPOSE, entropy=os.urandom)
    request = LookupRequest(
        WORLD.officer.certificate.officer,
        PURPOSE,
        "fr.enrolment",
        KEY.generation,
        os.urandom(16),
        WORLD.log.now,
        blinded.encode(),
    )
    signed = LOOKUP_REQUEST.sign(replace(request, **changed), signer=WORLD.officer_signer)  # type: ignore[arg-type]
    return blinded, signed


def answered(asked_for: UnverifiedStatement[LookupRequest], at: int, **changed: object) -> bytes:
    """One trustee's answer, as the officer takes it."""
    decided = decide_lookup(asked_for, state=STATE, now=WORLD.log.now, log_time=WORLD.log.now)
    trustee = WORLD.trustees[at - 1]
    points = lookup_prf.evaluate(SHARES[at], decided.content.points)
    answer = LookupAnswer(trustee.name, decided.digest, PURPOSE, KEY.generation, at, points)
    statement = LOOKUP_ANSWER.sign(replace(answer, **changed), signer=trustee.signer)  # type: ignore[arg-type]
    return verify_lookup_answer(
        LOOKUP_ANSWER.parse(statement.encode()),
        trustee_key=trustee.signer.public_key,
        expected_request=asked_for,
        expected_index=at,
        now=WORLD.log.now,
    ).content.points


def looked_up(status: CivilStatus, trustees: tuple[int, ...] = (1, 2, 3)) -> tuple[Secret, ...]:
    blinded, request = asked(status)
    return lookup_prf.finish(blinded, {index: answered(request, index) for index in trustees}, key=KEY).derived


def refused(request: UnverifiedStatement[LookupRequest], state: LookupState = STATE, **clock: object) -> str:
    times = {"now": WORLD.log.now, "log_time": WORLD.log.now, **clock}
    with pytest.raises(DiptychError) as caught:
        decide_lookup(request, state=state, **times)  # type: ignore[arg-type]
    return caught.value.check


def test_two_offices_that_ask_different_trustees_come_to_the_same_values_for_one_person() -> None:
    elsewhere = replace(MARIE, family_name=Personal("LE GOFF DUPONT"), given_names=Personal(("Marie Noelle",)))
    here, there = looked_up(MARIE), looked_up(elsewhere, (5, 3, 4))
    assert [here[at] == there[at] for at in range(COUNT)] == [True] * COUNT
    other = looked_up(replace(MARIE, birth_date=Personal(BirthDate(1984, 5, 18))))
    assert not {here[at].reveal() for at in SEARCHED} & {other[at].reveal() for at in INDEXED}


def test_the_same_person_asked_for_twice_shows_the_trustees_two_unlike_requests() -> None:
    (_, first), (_, second) = asked(), asked()
    points = first.unverified.points, second.unverified.points
    cut = [{data[at : at + 48] for at in range(0, len(data), 48)} for data in points]
    assert len(cut[0] | cut[1]) == 2 * COUNT


def test_a_trustee_that_lies_about_one_point_is_named_by_its_own_signed_answer() -> None:
    blinded, request = asked()
    answers = {index: answered(request, index) for index in (1, 2, 3, 4)}
    lie = answers[2][:48] + answers[2][:48] + answers[2][96:]
    found = lookup_prf.finish(blinded, {**answers, 2: answered(request, 2, points=lie)}, key=KEY)
    assert found.liars == {2: "lookup_prf.partial"}
    assert found.derived == lookup_prf.finish(blinded, answers, key=KEY).derived


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"purpose": "other"}, "lookup.purpose"),
        ({"generation": 7}, "lookup.generation"),
        ({"legal_basis": "fr.curiosity"}, "lookup.legal_basis"),
        ({"requested_at": WORLD.log.now - TOLERANCE - timedelta(seconds=1)}, "lookup.time"),
        ({"requested_at": WORLD.log.now + TOLERANCE + timedelta(seconds=1)}, "lookup.time"),
    ],
    ids=lambda case: case if isinstance(case, str) else next(iter(case)),
)
def test_another_purpose_generation_basis_or_time_is_refused(change: dict[str, object], check: str) -> None:
    assert refused(asked(**change)[1]) == check


def test_the_officer_is_known_has_a_role_has_waited_and_signed() -> None:
    _, request = asked()
    honoured = WORLD.officer
    revocation = OfficerRevocation(bytes(32), honoured.certificate.officer, WORLD.log.now)
    opener = replace(honoured, certificate=replace(honoured.certificate, roles=frozenset((Role.OPEN, Role.ERASE))))
    too_new = replace(honoured, certified_at=WORLD.log.now - timedelta(hours=47))
    forged = replace(request, signature=replace(request.signature, signature=bytes(63) + b"\x01"))
    assert refused(request, replace(STATE, officer=None)) == "officer.unknown"
    assert refused(request, replace(STATE, revocation=revocation)) == "officer.revoked"
    assert refused(request, replace(STATE, officer=opener)) == "officer.role"
    assert refused(request, replace(STATE, officer=too_new)) == "officer.waiting"
    assert refused(request, log_time=WORLD.log.now + timedelta(days=900)) == "officer.expired"
    assert refused(forged) == "signature"


def test_quotas_are_of_the_officer_and_of_the_agency_and_a_request_counts_once() -> None:
    _, request = asked()
    assert refused(request, replace(STATE, counts=LookupCounts(officer=10))) == "lookup.quota_officer"
    assert refused(request, replace(STATE, counts=LookupCounts(agency=100))) == "lookup.quota_agency"
    again = replace(STATE, counts=LookupCounts(10, 100), seen=request.digest)
    assert decide_lookup(request, state=again, now=WORLD.log.now, log_time=WORLD.log.now).digest == request.digest
    assert refused(request, replace(STATE, seen=bytes(32))) == "lookup.nonce"


@pytest.mark.parametrize(
    "points",
    [
        bytes(288),
        b"\xc0" + bytes(47) + bytes(240),
        b"\xff" * 288,
        # On the curve and outside of the subgroup: x = 4.
        (b"\x80" + bytes(46) + b"\x04") * 6,
    ],
    ids=["zeros", "identity", "ones", "another subgroup"],
)
def test_points_that_would_tell_something_about_a_share_are_not_multiplied(points: bytes) -> None:
    _, request = asked(points=points)
    decided = decide_lookup(request, state=STATE, now=WORLD.log.now, log_time=WORLD.log.now)
    with pytest.raises(FormatError):
        lookup_prf.evaluate(SHARES[1], decided.content.points)


@pytest.mark.parametrize("points", [b"", bytes(240), bytes(289)], ids=len)
def test_a_request_has_six_points(points: bytes) -> None:
    with pytest.raises(FormatError):
        asked(points=points)


def test_an_answer_for_another_request_index_or_from_another_key_is_refused() -> None:
    (_, request), (_, other) = asked(), asked()
    for change in ({"request": other.digest}, {"purpose": "other"}, {"generation": 9}):
        with pytest.raises(VerificationError, match=r"lookup_answer\.request"):
            answered(request, 1, **change)
    with pytest.raises(VerificationError, match=r"lookup_answer\.index"):
        answered(request, 1, index=2)
    with pytest.raises(VerificationError, match=r"statement\.signer"):
        answered(request, 1, trustee=bytes(32))


def test_a_lookup_key_that_is_shared_among_others_is_no_part_of_a_trustee_set() -> None:
    TRUSTEE_SET.sign(replace(WORLD.trustee_set, purposes=(KEY,)), signer=WORLD.agency)
    fewer = replace(WORLD.trustee_set, purposes=(KEY,), threshold=2)
    for wrong in (fewer, replace(WORLD.trustee_set, purposes=(KEY, KEY))):
        with pytest.raises(FormatError, match=r"trustee_set\.purposes"):
            TRUSTEE_SET.sign(wrong, signer=WORLD.agency)


def test_matches_are_ascending_each_once_and_bounded() -> None:
    receipt = WORLD.log.show(
        *WORLD.logged(WORLD.request(WORLD.sealed(), reply=WORLD.agency_recipient), b"1" * 32)
    ).receipt
    good = TagAnswer(bytes(32), (Match(b"\x01" * 16, receipt), Match(b"\x02" * 16, receipt)))
    assert parse_tag_answer(good.encode()) == good
    for wrong in (tuple(reversed(good.matches)), good.matches[:1] * 2):
        with pytest.raises(FormatError, match=r"tag_answer\.matches"):
            parse_tag_answer(TagAnswer(bytes(32), wrong).encode())
    with pytest.raises(FormatError, match=r"tag_answer\.version"):
        parse_tag_answer(good.encode().replace(b"version\x01", b"version\x02"))


def hit(label: bytes, act_type: ActType = ActType.LOOKED_UP) -> LogProof:
    """The receipt of a look-up, under some record's label."""
    details = {"purpose": PURPOSE, "legal_basis": "fr.enrolment"}
    act = Act(ActType.LOOKED_UP, WORLD.log.now.date(), ActorClass.OFFICER, Personal(details))
    if act_type is not ActType.LOOKED_UP:
        act = enrolled_act(WORLD.sealed().signed, day=WORLD.log.now.date())
    return WORLD.log.show(*WORLD.log.record(act, label)).receipt


def test_a_match_counts_once_its_own_citizen_can_see_the_look_up() -> None:
    first, second = hit(b"\x01" * 32), hit(b"\x02" * 32)

    def ids(*receipts: LogProof, request: bytes = bytes(32), policy: Policy = POLICY) -> tuple[bytes, ...]:
        matches = tuple(Match(bytes([number]) * 16, receipt) for number, receipt in enumerate(receipts, 1))
        return verify_tag_answer(TagAnswer(request, matches), expected_request=bytes(32), policy=policy)

    assert ids() == ()
    assert ids(first, second) == (b"\x01" * 16, b"\x02" * 16)
    with pytest.raises(VerificationError, match=r"tag_answer\.request"):
        ids(first, request=b"\x01" * 32)
    for receipts in ((first, first), (hit(b"\x03" * 32, ActType.ENROLLED),)):
        with pytest.raises(VerificationError, match=r"tag_answer\.act"):
            ids(*receipts)
    forged = replace(first, path=(bytes(32), *first.path[1:]))
    with pytest.raises(VerificationError, match=r"tlog\."):
        ids(forged)
