"""The verifier is killed at every write of every request that changes something; one answer counts once."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from diptych.adapters.storage.verifier import open_verifier_store
from diptych.config import variable
from tests.faults.answering import Asking, Holder
from tests.faults.gate import Gate
from tests.faults.issuing import LINE
from tests.faults.records import numbers, record
from tests.faults.strace import Call
from tests.faults.town import Server, Town, family, living, rows

MOST = 4


@pytest.fixture(scope="module")
def holder(town: Town) -> Holder:
    town.issuer.start()
    return Holder(town)  # the issuer stays: it is asked whether the documents still stand


@pytest.fixture
def verifier(town: Town, each_write: Gate) -> Iterator[Server]:
    town.verifier.gate = each_write
    town.verifier.environment = {**os.environ, variable("verifier", "provers"): "1"}
    town.verifier.begin_anew()
    yield town.verifier
    town.verifier.kill()


Act = Callable[[Asking], Callable[[], object]]


def before_asking(asking: Asking) -> Callable[[], object]:
    return lambda: asking.ask() or None


def before_fetching(asking: Asking) -> Callable[[], object]:
    assert asking.ask()
    return asking.fetch().said.send


def before_answering(asking: Asking) -> Callable[[], object]:
    assert asking.ask()
    asking.fetch_now()
    return asking.answer().send


def before_declining(asking: Asking) -> Callable[[], object]:
    assert asking.ask()
    asking.fetch_now()
    return asking.decline().send


ACTS: dict[str, Act] = {
    "asks": before_asking,
    "serves a request": before_fetching,
    "takes an answer and concludes": before_answering,
    "takes a refusal": before_declining,
}
ENDS: dict[str, set[str]] = {
    "asks": {"asked"},
    "serves a request": {"asked", "fetched"},
    "takes an answer and concludes": {"fetched", "answered", "accepted"},
    "takes a refusal": {"fetched", "refused"},
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("act", ACTS)
def test_killed_at_any_write_the_verifier_keeps_what_it_said(
    town: Town, holder: Holder, verifier: Server, each_write: Gate, act: str
) -> None:
    known = Asking(town, holder)
    assert known.to_the_end().accepted
    writes, killed = each_write.seen_while(ACTS[act](Asking(town, holder))), list[Call]()
    for number in numbers(writes, MOST):
        asking = Asking(town, holder)
        say = ACTS[act](asking)
        everybody = family(verifier.pid) if killed else with_its_workers(verifier)
        each_write.kill_at(number)
        answer = say()
        point = each_write.killed()
        if point is None:
            assert answer is not None
            continue
        killed.append(point)
        verifier.ended()
        assert living(everybody) == [], f"workers outlive their verifier, killed at {point}"
        verifier.start()
        # What was known stays known, and what was cut off is as if never said, or as if said once.
        assert known.outcome().accepted, point
        if asking.question is not None:
            assert asking.outcome().state in ENDS[act], point
            replayed = [found for found in (say(), say()) if getattr(found, "status_code", None) == 200]
            assert len(replayed) <= (0 if answer is not None else 1), point
            assert asking.outcome().state in ENDS[act], point
        fresh = Asking(town, holder)
        assert fresh.to_the_end().accepted, point
    verifier.kill()
    nothing_is_left_open(town)
    verifier.start()
    assert known.outcome().accepted
    held = "verdicts read before stay; one answer counts once; no worker is left; asked anew, the journey ends"
    record("verifier", act, "kill -9", points=killed, of=len(writes), held=held)


def with_its_workers(verifier: Server) -> list[int]:
    """All its processes; those that check proofs start when somebody asks whether it is ready."""
    answer = LINE.get(verifier.url + "/ready")
    assert answer.status_code == 200, answer.text
    found = family(verifier.pid)
    assert len(found) > 1
    return found


def nothing_is_left_open(town: Town) -> None:
    """Whatever was cut off expires, and its key with it."""
    store = open_verifier_store(town.verifier.database)
    store.forget_expired(datetime.now(UTC) + timedelta(minutes=30))
    assert rows(town.verifier.database, "SELECT id FROM presentation WHERE key IS NOT NULL") == []
    assert rows(town.verifier.database, "SELECT id FROM presentation WHERE state <> 'expired'") == []
