"""The issuer is killed at every write of every request that changes something; asked again, it goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.private import Secret
from tests.faults import strace
from tests.faults.issuing import Citizen, Said
from tests.faults.records import chosen, is_every_write, record
from tests.faults.town import Town, attempt, rows

MOST = 4
RESTART_EACH = 6
"""Its child dies each time; the front, which keeps nothing, is killed with it now and then (in a whole run: always)."""


@pytest.fixture
def with_issuer(town: Town) -> Town:
    town.issuer.begin_anew()
    return town


def before_order(citizen: Citizen) -> Said:
    return citizen.order


def before_code(citizen: Citizen) -> Said:
    citizen.takes(citizen.order.send())
    return citizen.redeems()


def before_documents(citizen: Citizen) -> Said:
    citizen.takes(before_code(citizen).send())
    return citizen.wants("driving-licence")


def before_refresh(citizen: Citizen) -> Said:
    citizen.takes(before_documents(citizen).send())
    return citizen.refreshes()


def before_renewal(citizen: Citizen) -> Said:
    citizen.takes(before_refresh(citizen).send())
    return citizen.wants("proof-of-age")


ACTS: dict[str, tuple[Callable[[Citizen], Said], Callable[[Citizen], Said] | None]] = {
    "takes an order": (before_order, None),
    "gives tokens for a code": (before_code, Citizen.redeems),
    "issues documents": (before_documents, lambda citizen: citizen.wants("driving-licence")),
    "gives tokens for a refresh token": (before_refresh, Citizen.refreshes),
    "issues renewed documents": (before_renewal, lambda citizen: citizen.wants("proof-of-age")),
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("act", ACTS)
def test_killed_at_any_write_the_issuer_goes_on_where_it_was(with_issuer: Town, act: str, tmp_path: Path) -> None:
    town, log = with_issuer, tmp_path / "trace"
    prepare, again = ACTS[act]
    moments = writes_of(town, prepare, log)
    killed: list[strace.Call] = []
    for number, moment in enumerate(chosen(moments, MOST, kind=strace.kind_of_moment)):
        citizen = Citizen(town)
        said = prepare(citizen)
        point = kill(town, said, moment, log)
        if point is None:
            continue
        killed.append(point)
        if is_every_write() or number % RESTART_EACH == 0:
            town.issuer.restart()
        # What was sent is sent again, as it was: it counts once, whether it was saved before the end or not.
        answers = [answer for answer in (said.send(), said.send()) if answer is not None]
        assert len(answers) == 2, point
        taken = [answer for answer in answers if answer.is_success]
        if again is None:
            assert [answer.status_code for answer in answers] in ([200, 200], [201, 200]), point
            taken = [citizen.redeems().send()]
        else:
            assert len(taken) <= 1, point
            assert {answer.status_code for answer in answers} <= {200, 400, 401}, point
        citizen.takes(taken[0] if taken else again(citizen).send() if again else None)
        citizen.goes_on_to_the_end()
    the_issuer_is_whole(town)
    held = "asked again it answers; one request counts once; the journey ends; no incident"
    record("issuer", act, "kill -9", points=killed, of=len(moments), held=held)


@pytest.mark.timeout(3600)
def test_killed_while_it_counts_a_wrong_code_it_grants_no_more_guesses_than_allowed(
    with_issuer: Town, tmp_path: Path
) -> None:
    town, log = with_issuer, tmp_path / "trace"
    wrong = Secret(b"x" * 6)

    def prepare(citizen: Citizen) -> Said:
        citizen.takes(citizen.order.send())
        return citizen.redeems(wrong)

    moments = writes_of(town, prepare, log)
    killed: list[strace.Call] = []
    for moment in chosen(moments, 0, kind=strace.kind_of_moment):
        citizen = Citizen(town)
        said = prepare(citizen)
        point = kill(town, said, moment, log)
        if point is None:
            continue
        killed.append(point)
        # Nobody learned anything from the guess that was cut off: four more, and the right code still opens.
        for _ in range(3):
            answer = citizen.redeems(wrong).send()
            assert answer is not None
            assert answer.status_code == 400
        citizen.takes(citizen.redeems().send())
        citizen.goes_on_to_the_end()
    the_issuer_is_whole(town)
    record(
        "issuer",
        "counts a wrong transaction code",
        "kill -9",
        points=killed,
        of=len(moments),
        held="the right code still opens",
    )


def kill(town: Town, said: Said, moment: strace.Moment, log: Path) -> strace.Call | None:
    """The write at which the request's process was killed; None if this time there were fewer of its kind."""
    with strace.attached(town.issuer.pid, log, options=strace.killing(moment)):
        answer = said.send()
        if answer is None:
            return strace.wait_for_death(log)
    assert strace.killed_at(log) is None, moment
    return None


def writes_of(town: Town, prepare: Callable[[Citizen], Said], log: Path) -> list[strace.Moment]:
    """Every write that this request makes when nothing happens to it."""
    citizen = Citizen(town)
    said = prepare(citizen)
    with strace.attached(town.issuer.pid, log):
        assert said.send() is not None
    calls = strace.calls_in(log)
    (child,) = {call.thread for call in calls}
    return strace.moments([call for call in calls if call.thread == child])


def the_issuer_is_whole(town: Town) -> None:
    town.issuer.restart()
    assert rows(town.issuer.database, "SELECT count(*) FROM incidents") == [(0,)]
    assert attempt("issuer", "incidents", str(town.issuer.folder)).stdout.strip() in ("[]", '{"incidents": []}')
