"""What an accepted answer showed is given once, whoever holds it and however many processes ask."""

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters.shared_outcomes import OutcomeKeeper, SharedOutcomes
from diptych.adapters.storage.verifier import open_verifier_store
from diptych.errors import Refused, Unavailable
from diptych.formats import base64url
from diptych.private import Personal, Secret
from diptych.roles.verifier.outcomes import MAX_OUTCOMES, Measured, MemoryOutcomes, Outcome
from diptych.roles.verifier.policy import Mechanism
from diptych.roles.verifier.ports import Outcomes
from tests.verifying import PERSON, Town, shown

NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
SHOWN = {"family_name": Personal("Mustermann-Canary-4711"), "age": Personal(42), "resident": Personal(True)}
OUTCOME = Outcome(Measured(Mechanism.MDOC, 12, 3456), SHOWN, Secret(b"a response code"), NOW)


def keep(keeper: OutcomeKeeper, line: socket.socket) -> None:
    while keeper.answer(line):
        pass


@contextmanager
def keeping() -> Iterator[SharedOutcomes]:
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=keep, args=(OutcomeKeeper(), ours))
    thread.start()
    yield SharedOutcomes(theirs)
    theirs.close()
    thread.join()
    ours.close()


@pytest.fixture(params=["memory", "shared"])
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    if request.param == "memory":
        yield MemoryOutcomes()
    else:
        with keeping() as shared:
            yield shared


def test_what_was_remembered_is_found_as_it_was(outcomes: Outcomes) -> None:
    assert outcomes.find("a") is None
    outcomes.remember("a", OUTCOME)
    assert outcomes.find("a") == outcomes.find("a") == OUTCOME
    without = Outcome(Measured(Mechanism.LONGFELLOW, 700, 361_000), {}, None, NOW + timedelta(microseconds=1))
    outcomes.remember("b", without)
    assert outcomes.find("b") == without


def test_what_was_shown_is_handed_over_once(outcomes: Outcomes) -> None:
    outcomes.remember("a", OUTCOME)
    assert outcomes.hand_over("a") == SHOWN
    assert outcomes.hand_over("a") == {}
    found = outcomes.find("a")
    assert found is not None
    assert (found.measured, found.revealed, found.response_code) == (OUTCOME.measured, {}, OUTCOME.response_code)
    assert outcomes.hand_over("never was") == {}


def test_of_many_who_ask_at_once_one_gets_it(outcomes: Outcomes) -> None:
    for number in range(20):
        outcomes.remember(str(number), OUTCOME)
        with ThreadPoolExecutor(8) as askers:
            got = list(askers.map(outcomes.hand_over, [str(number)] * 8))
        assert [one for one in got if one] == [SHOWN]


def test_what_is_past_its_time_is_let_go_of(outcomes: Outcomes) -> None:
    outcomes.remember("a", OUTCOME)
    outcomes.forget_expired(NOW - timedelta(seconds=1))
    assert outcomes.find("a") is not None
    outcomes.forget_expired(NOW)
    assert outcomes.find("a") is None


def test_of_too_many_the_oldest_is_forgotten(outcomes: Outcomes) -> None:
    for number in range(MAX_OUTCOMES + 1):
        outcomes.remember(str(number), OUTCOME)
    assert outcomes.find("0") is None
    assert outcomes.find("1") is not None


def test_another_process_finds_it_too() -> None:
    with keeping() as shared:
        shared.remember("a", OUTCOME)
        child = os.fork()
        if child == 0:
            os._exit(0 if shared.hand_over("a") == SHOWN else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert shared.hand_over("a") == {}


@pytest.mark.parametrize("return_uri", [None, "https://shop.example/back"])
def test_what_one_process_checked_another_tells_once(tmp_path: Path, return_uri: str | None) -> None:
    town = Town(store=open_verifier_store(tmp_path / "verifier.db"))
    lines, keeper = [socket.socketpair() for _ in range(2)], OutcomeKeeper()
    keeping = [threading.Thread(target=keep, args=(keeper, ours)) for ours, _ in lines]
    for thread in keeping:
        thread.start()
    one, other = (copy(town.verifier) for _ in lines)
    for verifier, (_, theirs) in zip((one, other), lines, strict=True):
        verifier._outcomes = SharedOutcomes(theirs)
    town.verifier = one
    asked = town.ask("identity_name", return_uri=return_uri)
    back = town.post(asked, shown(town.fetch(asked), PERSON, "family_name", "given_name"))
    town.verifier = other
    code = None
    if back is not None:
        with pytest.raises(Refused, match=r"presentation\.response_code"):
            town.result(asked)
        code = Secret(base64url.decode(back.partition("response_code=")[2]))
    revealed = town.result(asked, response_code=code).revealed
    assert {name: value.reveal() for name, value in revealed.items()} == {
        "family_name": "Mustermann",
        "given_name": "Erika",
    }
    town.verifier = one
    assert town.result(asked, response_code=code).revealed == {}
    assert b"Mustermann" not in (tmp_path / "verifier.db").read_bytes()
    for thread, (ours, theirs) in zip(keeping, lines, strict=True):
        theirs.close()
        thread.join()
        ours.close()


def test_without_the_keeper_nothing_is_accepted_and_nothing_mixed_up() -> None:
    ours, theirs = socket.socketpair()
    shared = SharedOutcomes(theirs)
    ours.close()
    with pytest.raises(Unavailable, match=r"verifier\.outcomes"):
        shared.remember("a", OUTCOME)
    with pytest.raises(Unavailable, match=r"verifier\.outcomes"):
        shared.find("a")


def test_a_worker_that_talks_nonsense_is_let_go() -> None:
    for nonsense in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc", b""):
        ours, theirs = socket.socketpair()
        theirs.sendall(nonsense)
        theirs.shutdown(socket.SHUT_WR)
        assert OutcomeKeeper().answer(ours) is False
        ours.close()
        theirs.close()


def test_an_outcome_too_large_to_be_held_is_not_accepted() -> None:
    with keeping() as shared:
        large = Outcome(OUTCOME.measured, {"portrait": Personal("x" * 2_000_000)}, None, NOW)
        with pytest.raises(Unavailable, match="more than can be held"):
            shared.remember("a", large)
        shared.remember("a", OUTCOME)
        assert shared.find("a") == OUTCOME
