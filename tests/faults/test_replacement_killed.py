"""A trustee is replaced while everything fails: whichever write of registry, helper or newcomer fails, before or after
it is saved, and whichever answer is lost, the same command goes on and ends; no record is lost, no set is half.
"""

from itertools import count
from typing import Any

import pytest

from diptych.errors import DiptychError, Unavailable
from diptych.formats.mandate.trustee_set import Trustee
from diptych.roles.registry import changing
from tests.changing_town import ChangingTown
from tests.faults.records import chosen, is_every_write
from tests.faults.test_registry_killed import Failing, Moment
from tests.registry_town import CalledTrustees

PLACES = ("registry", "helper", "newcomer", "log")
MOST_POINTS = 2
ANSWERS_APART = 9
MOST_TRIES = 6


class ForgetfulTrustees(CalledTrustees):
    """The answer to call number `at` is lost on its way."""

    at = 0

    def ask(self, trustee: Trustee, path: str, body: bytes) -> bytes:
        answer = super().ask(trustee, path, body)
        self.at -= 1
        if self.at == 0:
            raise Unavailable("trustee.unreachable", "the trustee did not answer")
        return answer


@pytest.fixture(params=["before", "after"])
def when(request: pytest.FixtureRequest) -> Moment:
    moment: Moment = request.param
    return moment


@pytest.mark.parametrize("place", PLACES)
def test_a_replacement_that_failed_anywhere_goes_on_and_ends(place: str, when: Moment) -> None:
    total = writes(place, when)
    assert total > 0
    for number in chosen(range(1, total + 1), MOST_POINTS, kind=lambda number: number in (1, total)):
        town, failing = ready(place, when)
        marie = town.enrol_person(1)
        failing.at = number
        until_over(town, town.called_trustees)
        assert failing.at <= 0, "nothing failed"
        failing.at = 0
        assert whole(town, marie.record_id, marie.content)


def test_a_replacement_whose_answers_are_lost_goes_on_and_ends() -> None:
    for number in count(1, 1 if is_every_write() else ANSWERS_APART):
        town = ChangingTown()
        town.begin({3: town.newcomer(6)})
        town.propose()
        town.agree()
        marie = town.enrol_person(1)
        trustees = ForgetfulTrustees(town)
        trustees.at = number
        until_over(town, trustees)
        assert whole(town, marie.record_id, marie.content)
        if trustees.at > 0:
            break
    assert number > 2 * ANSWERS_APART


def ready(place: str, when: Moment) -> tuple[ChangingTown, Failing]:
    """A town in which everyone agreed, and the part of it that is to fail."""
    town = ChangingTown()
    town.begin({3: town.newcomer(6)})
    town.propose()
    town.agree()
    failing: Any
    if place == "registry":
        town.registry_store = failing = Failing(town.registry_store, when)  # type: ignore[assignment]
    elif place == "log":
        town.called_log = failing = Failing(town.called_log, when)  # type: ignore[assignment]
    else:
        seat = town.seats[1 if place == "helper" else 5]
        seat.store = failing = Failing(seat.store, when)  # type: ignore[assignment]
    return town, failing


def writes(place: str, when: Moment) -> int:
    """How many there are where nothing fails."""
    town, failing = ready(place, when)
    town.enrol_person(1)
    failing.at = before = 1_000_000
    town.carry_out()
    return before - failing.at


def until_over(town: ChangingTown, trustees: CalledTrustees) -> None:
    """The command, run again until it says that nothing is left: as an operator does after a kill."""
    for _ in range(MOST_TRIES):
        try:
            if town.carry_out(trustees).is_over:
                return
        except DiptychError as error:
            if error.check == "change.none":
                return  # it had ended, and the answer was lost
    raise AssertionError("it never ends")


def whole(town: ChangingTown, record_id: bytes, content: object) -> bool:
    assert town.deliver() == 0  # what a registry does every few seconds: who failed while it was told is told
    assert changing.under_way(town.registry) is None
    assert [trustee.index for trustee in town.set_now.trustees] == [1, 2, 4, 5, 6]
    assert town.set_now.epoch == 2
    for silent in ((1, 2), (4, 5)):
        assert town.open_record(record_id, without=silent).content == content
    assert town.look(town.open_record(record_id).content.civil_status).matches == (record_id,)
    return True
