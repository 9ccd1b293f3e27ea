"""At the counter: somebody is found, enrolled, noticed the second time, opened with cause, whoever lies or is away."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto.signing import generate_signer
from diptych.errors import Conflict, DiptychError, Refused, Unavailable
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.record.content import Reference
from diptych.formats.tlog.entry import ActType, parse_entry
from diptych.formats.tlog.label import ChainElement
from diptych.private import Personal
from diptych.roles.officer.counter import Enrolled, Erased, Found, Read, Reason
from tests.officer_town import CalledRegistry, OfficerTown, starting_at
from tests.registry_world import BASIS, MARIE, content_of

TYPE = "driving-licence"
REASON = Reason(BASIS, "re-issue after a lost wallet, with the citizen present", "2026-4711")
LUCIEN = CivilStatus(
    Personal("Lefèvre"), Personal(("Lucien",)), None, Personal(BirthDate(1990, 2, None)), Personal("75112")
)


@pytest.fixture
def town() -> OfficerTown:
    return OfficerTown()


def find(town: OfficerTown, status: CivilStatus = MARIE, *, first: int = 1) -> Found:
    return town.workstation.find(status, legal_basis="enrolment", now=town.log.now, entropy=starting_at(first))


def enrol(town: OfficerTown, status: CivilStatus = MARIE, found: Found | None = None) -> Enrolled:
    return town.workstation.enrol(
        found or find(town, status),
        status=status,
        documents=content_of().documents,
        references=(Reference("document-number", Personal("X7RTPL4T1")),),
        document_type=TYPE,
        now=town.log.now,
        entropy=os.urandom,
    )


def read(town: OfficerTown, record_id: bytes, reason: Reason = REASON) -> Read:
    return town.workstation.open(record_id, reason, now=town.log.now, entropy=starting_at(1))


def test_somebody_who_is_enrolled_is_found_the_second_time_however_the_name_is_written(town: OfficerTown) -> None:
    assert find(town).matches == ()
    enrolled = enrol(town)
    married = replace(MARIE, family_name=Personal("LE GOFF DUPONT"), given_names=Personal(("Marie Noelle",)))
    assert find(town, married).matches == (enrolled.record_id,)
    assert find(town, LUCIEN).matches == ()


def test_what_is_opened_is_what_was_enrolled_and_the_citizen_finds_every_act(town: OfficerTown) -> None:
    enrolled = enrol(town)
    find(town)
    opened = read(town, enrolled.record_id)
    assert opened.content == enrolled.content
    assert opened.named == {}
    logged = {parse_entry(entry).label: parse_entry(entry).act_type for entry in town.log.entries}
    labels = [ChainElement(enrolled.content.chain).at(counter).label for counter in range(5)]
    assert [logged.get(label) for label in labels] == [
        ActType.ENROLLED,
        ActType.LOOKED_UP,
        ActType.OPENING_REQUESTED,
        ActType.OPENED,
        None,
    ]


def test_of_two_offices_one_is_told_and_finds_the_other_ones_record(town: OfficerTown) -> None:
    first, second = find(town), find(town)
    enrolled = enrol(town, found=first)
    with pytest.raises(Conflict, match=r"enrolment\.duplicate"):
        enrol(town, found=second)
    assert find(town).matches == (enrolled.record_id,)


def test_two_liars_and_silent_trustees_are_named_and_stop_nobody(town: OfficerTown) -> None:
    enrolled = enrol(town)
    town.holders.lying, town.holders.down = {1}, {4}
    found = find(town)
    assert set(found.named) == {1, 4}
    assert found.matches == (enrolled.record_id,)
    opened = read(town, enrolled.record_id)
    assert opened.content == enrolled.content
    assert set(opened.named) == {1, 4}


def asked(town: OfficerTown, path: str) -> list[int]:
    return [index for index, asked in town.holders.asked if asked == path]


@pytest.mark.parametrize(("first", "expected"), [(1, [1, 2, 3]), (4, [4, 5, 1])])
def test_no_more_trustees_look_up_than_it_takes_and_each_has_its_turn(
    town: OfficerTown, first: int, expected: list[int]
) -> None:
    assert find(town, first=first).named == {}
    assert asked(town, "lookups") == expected


class CountedLine:
    """The registry's line, and what was asked for."""

    def __init__(self, town: OfficerTown) -> None:
        self.line, self.paths = CalledRegistry(town), list[str]()

    @property
    def url(self) -> str:
        return self.line.url

    def send(self, path: str, body: bytes | None) -> bytes:
        self.paths.append(path)
        return self.line.send(path, body)


def test_the_trustee_set_is_shown_again_after_a_minute_and_before_anything_is_sealed_or_opened(
    town: OfficerTown,
) -> None:
    line = CountedLine(town)
    workstation = replace(town.workstation, registry=line)
    for _ in range(2):
        workstation.find(MARIE, legal_basis="enrolment", now=town.log.now, entropy=starting_at(1))
    assert line.paths.count("trustee-set") == 1
    town.log.now += timedelta(minutes=1)
    workstation.find(MARIE, legal_basis="enrolment", now=town.log.now, entropy=starting_at(1))
    assert line.paths.count("trustee-set") == 2
    with pytest.raises(Refused, match=r"registry\.record"):
        workstation.open(bytes(16), REASON, now=town.log.now, entropy=starting_at(1))
    assert line.paths.count("trustee-set") == 3


def test_who_looks_up_under_an_old_key_is_told_and_shown_the_new_set_the_next_time(town: OfficerTown) -> None:
    line = CountedLine(town)
    workstation = replace(town.workstation, registry=line)

    def look_up() -> Found:
        return workstation.find(MARIE, legal_basis="enrolment", now=town.log.now, entropy=starting_at(1))

    look_up()
    believed = workstation.believed.trustees
    assert believed is not None
    (key,) = believed.purposes
    workstation.believed.trustees = replace(believed, purposes=(replace(key, generation=key.generation + 1),))
    with pytest.raises(Unavailable, match=r"lookup\.generation"):
        look_up()
    assert look_up().named == {}
    assert line.paths.count("trustee-set") == 2


def test_a_slow_trustee_is_named_and_delays_nobody(town: OfficerTown) -> None:
    enrolled = enrol(town)
    town.holders.asked.clear()
    town.holders.slow = {2}
    found = find(town)
    assert found.matches == (enrolled.record_id,)
    assert found.named == {2: "holder.slow"}
    assert asked(town, "lookups") == [1, 2, 3, 4]
    opened = read(town, enrolled.record_id)
    assert opened.content == enrolled.content
    assert opened.named == {2: "holder.slow"}
    assert asked(town, "openings") == [0, 1, 3, 4]
    assert town.holders.waited_for == []


def test_a_slow_trustee_is_waited_for_where_there_is_no_other(town: OfficerTown) -> None:
    enrolled = enrol(town)
    town.holders.slow, town.holders.down = {2}, {4, 5}
    found = find(town)
    assert found.matches == (enrolled.record_id,)
    assert found.named == {2: "holder.slow", 4: "holder.unreachable", 5: "holder.unreachable"}
    assert read(town, enrolled.record_id).content == enrolled.content
    assert town.holders.waited_for == [2, 2, 2]


def test_a_liar_among_the_first_is_replaced(town: OfficerTown) -> None:
    """Its answer is signed and made of points, and is not its share's: only the others show that."""
    enrolled = enrol(town)
    town.holders.asked.clear()
    town.holders.guessing = {2}
    found = find(town)
    assert found.matches == (enrolled.record_id,)
    assert found.named == {2: "lookup_prf.partial"}
    assert asked(town, "lookups") == [1, 2, 3, 4]


def test_more_liars_than_can_be_replaced_stop_the_look_up_and_are_named(town: OfficerTown) -> None:
    town.holders.guessing = {1, 2, 3}
    with pytest.raises(Unavailable, match=r"lookup\.too_few.*Trustee 1.*Trustee 2.*Trustee 3"):
        find(town)
    assert asked(town, "lookups") == [1, 2, 3, 4, 5]


def test_a_slow_agency_is_waited_for_and_no_trustee_is_asked_in_its_place(town: OfficerTown) -> None:
    enrolled = enrol(town)
    town.holders.slow = {0}
    opened = read(town, enrolled.record_id)
    assert opened.content == enrolled.content
    assert asked(town, "openings") == [1, 2, 3, 0]


def test_an_officer_who_is_too_new_is_told_to_try_later(town: OfficerTown) -> None:
    enrolled = enrol(town)
    town.officer_signer = generate_signer()
    town.admit(town.officer_signer)
    with pytest.raises(Unavailable, match=r"lookup\.too_few.*try later"):
        find(town)
    with pytest.raises(Refused, match=r"opening\.refused.*try later"):
        read(town, enrolled.record_id)


def test_below_the_quorum_nothing_opens_and_that_is_public_too(town: OfficerTown) -> None:
    enrolled = enrol(town)
    town.holders.down = {1, 2, 3}
    with pytest.raises(Refused, match=r"opening\.refused"):
        read(town, enrolled.record_id)
    assert [parse_entry(entry).act_type for entry in town.log.entries][-1] is ActType.OPENING_REFUSED


def test_the_trustees_without_the_agency_open_nothing(town: OfficerTown) -> None:
    enrolled = enrol(town)
    town.holders.down = {0}
    with pytest.raises(Refused, match=r"opening\.refused"):
        read(town, enrolled.record_id)


def test_a_trustee_that_takes_no_mask_stops_an_enrolment_before_anything_is_stored(town: OfficerTown) -> None:
    found = find(town)
    town.holders.down = {5}
    with pytest.raises(Unavailable, match="Trustee 5"):
        enrol(town, found=found)
    town.holders.down = set()
    assert find(town).matches == ()


def test_a_correction_takes_the_place_of_what_was_wrong(town: OfficerTown) -> None:
    enrolled = enrol(town)
    opened = read(town, enrolled.record_id)
    right = replace(MARIE, birth_place=Personal("29232"))
    corrected = town.workstation.correct(
        opened,
        find(town, right),
        replace(opened.content, civil_status=right),
        reason="the birth place was misread",
        document_type=TYPE,
        now=town.log.now,
        entropy=os.urandom,
    )
    assert corrected.number == 2
    assert read(town, enrolled.record_id).content.civil_status == right
    assert find(town, right).matches == (enrolled.record_id,)
    assert find(town, MARIE).matches == ()


@pytest.mark.parametrize("basis", ["fr.old", "fr.nothing"])
def test_a_reason_that_the_law_does_not_give_opens_nothing(town: OfficerTown, basis: str) -> None:
    enrolled = enrol(town)
    with pytest.raises(DiptychError, match=r"opening\.legal_basis"):
        read(town, enrolled.record_id, replace(REASON, legal_basis=basis))


def erase(town: OfficerTown, record_id: bytes, case: str = "2026-4712") -> Erased:
    return town.workstation.erase(record_id, legal_basis="retention", case=case, now=town.log.now)


def test_what_is_erased_is_found_and_opened_no_more_and_each_deletion_is_the_citizens_to_find(
    town: OfficerTown,
) -> None:
    enrolled = enrol(town)
    with town.registry_store.transaction() as state:
        before = state.record(enrolled.record_id)
    erased = erase(town, enrolled.record_id)
    assert list(erased.statements) == [trustee.name for trustee in town.trustee_set.trustees]
    assert erased.named == {}
    assert find(town).matches == ()
    with pytest.raises(Refused, match=r"registry\.erased"):
        read(town, enrolled.record_id)
    with town.registry_store.transaction() as state:
        after = state.record(enrolled.record_id)
    assert before is not None
    assert after is not None
    assert (after.record_hash, after.is_erased) == (before.record_hash, True)
    assert after.encoded == erased.order.encode()
    logged = {parse_entry(entry).label: parse_entry(entry).act_type for entry in town.log.entries}
    labels = [ChainElement(enrolled.content.chain).at(counter).label for counter in range(1, 7)]
    assert [logged.get(label) for label in labels] == [ActType.MASK_DELETED] * 5 + [None]


def test_who_was_away_is_named_and_deletes_when_it_is_called_again_and_nothing_is_logged_twice(
    town: OfficerTown,
) -> None:
    enrolled = enrol(town)
    town.holders.down, town.holders.lying = {4}, {2}
    first = erase(town, enrolled.record_id)
    assert set(first.named) == {2, 4}
    assert len(first.statements) == 3
    town.holders.down, town.holders.lying = set(), set()
    second = erase(town, enrolled.record_id, case="another")
    again = erase(town, enrolled.record_id)
    assert second.order.digest == first.order.digest == again.order.digest
    assert second.named == {}
    assert [one.encode() for one in again.statements.values()] == [one.encode() for one in second.statements.values()]
    acts = [parse_entry(entry).act_type for entry in town.log.entries]
    assert acts.count(ActType.MASK_DELETED) == 5


def test_below_n_minus_k_plus_one_the_registry_keeps_the_record_and_the_officer_is_told_whom_to_call(
    town: OfficerTown,
) -> None:
    enrolled = enrol(town)
    town.holders.down = {1, 2, 3}
    with pytest.raises(Refused, match=r"erasure\.too_few.*Trustee 1"):
        erase(town, enrolled.record_id)
    town.holders.down = set()
    assert find(town).matches == (enrolled.record_id,)
    assert len(erase(town, enrolled.record_id).statements) == 5


def test_another_officer_goes_on_with_what_one_began(town: OfficerTown) -> None:
    enrolled = enrol(town)
    town.holders.down = {5}
    first = erase(town, enrolled.record_id)
    town.holders.down = set()
    town.officer_signer = generate_signer()
    town.admit(town.officer_signer)
    town.log.now += timedelta(days=3)
    town.attest()
    second = erase(town, enrolled.record_id)
    assert second.order.digest != first.order.digest
    assert len(second.statements) == 5


def test_while_the_log_is_away_nobody_is_told_that_it_is_erased(town: OfficerTown) -> None:
    enrolled = enrol(town)
    town.called_log.is_down = True
    with pytest.raises(Unavailable):
        erase(town, enrolled.record_id)
    town.called_log.is_down = False
    assert len(erase(town, enrolled.record_id).statements) == 5
    acts = [parse_entry(entry).act_type for entry in town.log.entries]
    assert acts.count(ActType.MASK_DELETED) == 5


def test_a_record_that_nobody_knows_is_not_erased(town: OfficerTown) -> None:
    with pytest.raises(Refused, match=r"registry\.record"):
        erase(town, bytes(16))
