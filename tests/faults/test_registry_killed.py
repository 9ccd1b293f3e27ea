"""Enrol, find, open, correct: whichever write fails, before or after it is saved, a record is absent or whole, and all
resumes. Registry, a trustee and the log fail in turn, once at each transaction, as a process that is killed there does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal

import pytest

from diptych.errors import DiptychError, Unavailable
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.tlog.entry import ActType, Entry, parse_entry
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import LogProof
from diptych.private import Personal
from diptych.protocols.lookup.decision import LookupPolicy
from diptych.protocols.opening.policy import HolderPolicy
from diptych.roles.officer.counter import Enrolled, Found, Read, Reason
from diptych.roles.registry.acts import record_waiting
from tests.officer_town import OfficerTown, starting_at
from tests.registry_world import MARIE, OWN_BASIS, content_of

Moment = Literal["before", "after"]
REASON = Reason(OWN_BASIS, "what is written about me?", "2026-1")
MOST_ACTS = 60


@dataclass
class Failing:
    """A store whose transaction number `at` fails, or a log whose submission does; all else is the real one's."""

    inner: Any  # a memory store or a called log: what is not named here is asked of it
    when: Moment
    at: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def transaction(self) -> Any:
        if self._is_now():
            self.inner.fail_once(self.when)
        return self.inner.transaction()

    def record(self, entries: Sequence[Entry]) -> Sequence[LogProof]:
        is_now = self._is_now()
        if is_now and self.when == "before":
            raise Unavailable("recorder.unreachable", "the log did not answer")
        receipts: Sequence[LogProof] = self.inner.record(entries)
        if is_now:
            raise Unavailable("recorder.unreachable", "the log did not answer")
        return receipts

    def _is_now(self) -> bool:
        self.at -= 1
        return self.at == 0


class BusyTown(OfficerTown):
    """Nobody's quota ends a story here."""

    def __init__(self) -> None:
        super().__init__()
        self.lookup_policy = LookupPolicy(frozenset({"enrolment"}), officer_quota=10_000, agency_quota=10_000)

    def policy(self) -> HolderPolicy:
        return replace(super().policy(), officer_quota=10_000, agency_quota=10_000)


@pytest.fixture(params=["before", "after"])
def when(request: pytest.FixtureRequest) -> Moment:
    moment: Moment = request.param
    return moment


@pytest.fixture(params=["registry", "trustee", "log"])
def place(request: pytest.FixtureRequest, when: Moment) -> tuple[OfficerTown, Failing]:
    """A town, and the part of it that is to fail."""
    town = BusyTown()
    if request.param == "registry":
        town.registry_store = failing = Failing(town.registry_store, when)  # type: ignore[assignment]
    elif request.param == "trustee":
        town.seats[1].store = failing = Failing(town.seats[1].store, when)  # type: ignore[assignment]
    else:
        town.called_log = failing = Failing(town.called_log, when)  # type: ignore[assignment]
    return town, failing


def at_every_write(
    town: OfficerTown, failing: Failing, act: Callable[[int], None], resume: Callable[[int], None]
) -> int:
    """`act` with a failure at its first write, its second, ... until there is none left; after each, `resume`."""
    for number in count(1):
        failing.at = number
        try:
            act(number)
        except DiptychError:
            assert failing.at <= 0
        is_over, failing.at = failing.at > 0, 0
        # What a registry does every few seconds, and when it starts.
        record_waiting(town.registry.store, town.registry.log)
        assert town.deliver() == 0
        resume(number)
        assert town.registry.store.unrecorded(most=1) == ()
        if is_over:
            return number - 1
    raise AssertionError


def person(number: int) -> CivilStatus:
    return replace(MARIE, birth_date=Personal(BirthDate(1900 + number, 5, 17)))


def look(town: OfficerTown, status: CivilStatus) -> Found:
    return town.workstation.find(status, legal_basis="enrolment", now=town.log.now, entropy=starting_at(2))


def find(town: OfficerTown, status: CivilStatus) -> tuple[bytes, ...]:
    return look(town, status).matches


def enrol(town: OfficerTown, status: CivilStatus) -> Enrolled:
    return town.workstation.enrol(
        look(town, status),
        status=status,
        documents=content_of().documents,
        references=(),
        document_type="driving-licence",
        now=town.log.now,
        entropy=starting_at(2),
    )


def opened(town: OfficerTown, record_id: bytes) -> Read:
    return town.workstation.open(record_id, REASON, now=town.log.now, entropy=starting_at(2))


def correct(town: OfficerTown, read: Read, found: Found, right: CivilStatus) -> None:
    town.workstation.correct(
        read,
        found,
        replace(read.content, civil_status=right),
        reason="the birth place was misread",
        document_type="driving-licence",
        now=town.log.now,
        entropy=starting_at(2),
    )


def told(town: OfficerTown, chain: ChainElement) -> list[ActType]:
    """What the record's citizen finds in the log; nothing stands behind a gap, where nobody would look."""
    logged = {parse_entry(entry).label: parse_entry(entry).act_type for entry in town.log.entries}
    found = [logged.get(chain.at(counter).label) for counter in range(MOST_ACTS)]
    known = [act for act in found if act is not None]
    assert found[: len(known)] == known
    return known


def test_an_enrolment_is_absent_or_whole(place: tuple[OfficerTown, Failing]) -> None:
    town, failing = place

    def resume(number: int) -> None:
        status = person(number)
        if not find(town, status):
            enrol(town, status)
        (record_id,) = find(town, status)
        read = opened(town, record_id)
        assert read.content.civil_status == status
        assert told(town, ChainElement(read.content.chain))[0] is ActType.ENROLLED

    assert at_every_write(town, failing, lambda number: void(enrol(town, person(number))), resume) >= 1


def test_what_was_found_is_found_again_and_no_look_up_is_hidden(place: tuple[OfficerTown, Failing]) -> None:
    town, failing = place
    marie = enrol(town, MARIE)
    chain = ChainElement(marie.content.chain)

    def resume(number: int) -> None:
        before = told(town, chain).count(ActType.LOOKED_UP)
        assert find(town, MARIE) == (marie.record_id,)
        assert told(town, chain).count(ActType.LOOKED_UP) == before + 1

    assert at_every_write(town, failing, lambda number: void(find(town, MARIE)), resume) >= 1


def test_an_opening_resumes_and_none_is_hidden(place: tuple[OfficerTown, Failing]) -> None:
    town, failing = place
    marie = enrol(town, MARIE)
    chain = ChainElement(marie.content.chain)

    def resume(number: int) -> None:
        assert opened(town, marie.record_id).content == marie.content
        acts = told(town, chain)
        assert acts.count(ActType.OPENING_REQUESTED) >= acts.count(ActType.OPENED) >= 1

    assert at_every_write(town, failing, lambda number: void(opened(town, marie.record_id)), resume) >= 1


def test_a_correction_is_not_made_or_made(place: tuple[OfficerTown, Failing]) -> None:
    town, failing = place
    records: dict[int, Enrolled] = {}

    def act(number: int) -> None:
        # The opening and the look-up before a correction have stories of their own.
        at, failing.at = failing.at, 0
        records[number] = enrol(town, person(number))
        read = opened(town, records[number].record_id)
        found = look(town, right(number))
        failing.at = at
        correct(town, read, found, right(number))

    def right(number: int) -> CivilStatus:
        return replace(person(number), birth_place=Personal("29232"))

    def resume(number: int) -> None:
        record_id = records[number].record_id
        read = opened(town, record_id)
        if read.number == 1:
            correct(town, read, look(town, right(number)), right(number))
            read = opened(town, record_id)
        assert (read.number, read.content.civil_status) == (2, right(number))
        assert told(town, ChainElement(records[number].content.chain)).count(ActType.CORRECTED) == 1

    assert at_every_write(town, failing, act, resume) >= 1


def void(_: object) -> None:
    """What an act answers is looked at after it resumed."""
