"""The issuer is killed at every write of every request that changes something; asked again, it goes on."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from diptych.private import Secret
from tests.faults.gate import Gate
from tests.faults.issuing import Citizen, Said
from tests.faults.records import numbers, record
from tests.faults.strace import Call
from tests.faults.town import Town, attempt, rows

MOST = 4
RESTART_EACH = 12
"""Its child dies each time; the front, which keeps nothing, is killed with it now and then."""


@pytest.fixture
def with_issuer(town: Town, each_write: Gate) -> Iterator[Town]:
    town.issuer.gate = each_write
    town.issuer.begin_anew()
    yield town
    town.issuer.kill()


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


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("act", ACTS)
def test_killed_at_any_write_the_issuer_goes_on_where_it_was(with_issuer: Town, each_write: Gate, act: str) -> None:
    town, (prepare, again) = with_issuer, ACTS[act]
    writes, killed = each_write.seen_while(prepare(Citizen(town)).send), list[Call]()
    for number in numbers(writes, MOST):
        citizen = Citizen(town)
        said = prepare(citizen)
        first, point = killed_at(each_write, number, said)
        if point is None:
            continue
        killed.append(point)
        if number % RESTART_EACH == 0:
            town.issuer.restart()
        # What was sent is sent again, as it was: it counts once, whether it was saved before the end or not.
        answers = [answer for answer in (said.send(), said.send()) if answer is not None]
        assert len(answers) == 2, point
        taken = [answer for answer in (first, *answers) if answer is not None and answer.is_success]
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
    record("issuer", act, "kill -9", points=killed, of=len(writes), held=held)


@pytest.mark.timeout(1800)
def test_killed_while_it_counts_a_wrong_code_it_grants_no_more_guesses_than_allowed(
    with_issuer: Town, each_write: Gate
) -> None:
    town, wrong = with_issuer, Secret(b"x" * 6)

    def prepare(citizen: Citizen) -> Said:
        citizen.takes(citizen.order.send())
        return citizen.redeems(wrong)

    writes, killed = each_write.seen_while(prepare(Citizen(town)).send), list[Call]()
    for number in numbers(writes, 0):
        citizen = Citizen(town)
        answer, point = killed_at(each_write, number, prepare(citizen))
        if point is None:
            continue
        killed.append(point)
        assert answer is None or answer.status_code == 400, point
        # Nobody learned anything from the guess that was cut off: at most one counts, and the right code still opens.
        for _ in range(3):
            answer = citizen.redeems(wrong).send()
            assert answer is not None
            assert answer.status_code == 400
        citizen.takes(citizen.redeems().send())
        citizen.goes_on_to_the_end()
    the_issuer_is_whole(town)
    held = "the right code still opens"
    record("issuer", "counts a wrong transaction code", "kill -9", points=killed, of=len(writes), held=held)


def killed_at(gate: Gate, number: int, said: Said) -> tuple[httpx.Response | None, Call | None]:
    """The answer, if one left, and the write at which the request's process was killed, if it made so many."""
    gate.kill_at(number)
    answer = said.send()
    point = gate.killed()
    assert answer is not None or point is not None
    return answer, point


def the_issuer_is_whole(town: Town) -> None:
    town.issuer.restart()
    assert rows(town.issuer.database, "SELECT count(*) FROM incidents") == [(0,)]
    assert attempt("issuer", "incidents", str(town.issuer.folder)).stdout.strip() in ("[]", '{"incidents": []}')
