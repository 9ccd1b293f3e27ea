"""Answers that come together are verified together; a bad one is named, and nobody waits for ever."""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from diptych.adapters.fast_queue import MOST_AT_ONCE, FastQueue
from diptych.errors import DiptychError, Unavailable, VerificationError
from diptych.private import Personal
from diptych.roles.verifier.fast_answer import ExpectedFast, verify_fast_batch
from diptych.roles.verifier.model import State
from tests.fast_play import FastPlay
from tests.formats.bbs_specimen import new_holder
from tests.roles.test_fast_answer import answer, expected

Revealed = Mapping[str, Personal[bytes]]


@dataclass
class Desk:
    """Verifies nothing: remembers batches, says the presentation back, and refuses `bad`."""

    batches: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    fails: bool = False

    def __post_init__(self) -> None:
        self.gate.set()

    def __call__(self, batch: Sequence[tuple[bytes, ExpectedFast]]) -> Sequence[Revealed | DiptychError]:
        self.batches.append(len(batch))
        assert self.gate.wait(30)
        if self.fails:
            raise ZeroDivisionError
        return [VerificationError("bad", "no") if one == b"bad" else {"said": Personal(one)} for one, _ in batch]


def said(found: Revealed) -> bytes:
    return found["said"].reveal()


def test_one_alone_is_verified_after_the_wait() -> None:
    desk = Desk()
    assert said(FastQueue(desk, seconds=0.001)(b"one", expected())) == b"one"
    assert desk.batches == [1]


def test_those_that_come_while_one_batch_is_verified_are_the_next() -> None:
    many = 20
    desk = Desk()
    queue = FastQueue(desk, seconds=0)
    desk.gate.clear()
    with ThreadPoolExecutor(many + 1) as threads:
        first = threads.submit(queue, b"first", expected())
        while not desk.batches:
            time.sleep(0.001)
        others = [threads.submit(queue, bytes([number]), expected()) for number in range(many)]
        while len(queue._waiting) < many:
            time.sleep(0.001)
        desk.gate.set()
        assert said(first.result(30)) == b"first"
        assert [said(one.result(30)) for one in others] == [bytes([number]) for number in range(many)]
    assert desk.batches == [1, many]


def test_a_full_batch_does_not_wait_any_longer_and_none_is_larger() -> None:
    desk = Desk()
    queue = FastQueue(desk, seconds=600)
    with ThreadPoolExecutor(MOST_AT_ONCE) as threads:
        found = [threads.submit(queue, b"one", expected()) for _ in range(MOST_AT_ONCE)]
        assert all(said(one.result(30)) == b"one" for one in found)
    assert desk.batches == [MOST_AT_ONCE]


def test_too_many_are_told_to_come_again() -> None:
    desk = Desk()
    queue = FastQueue(desk, seconds=0, most_waiting=2)
    desk.gate.clear()
    with ThreadPoolExecutor(3) as threads:
        found = [threads.submit(queue, b"first", expected())]
        while not desk.batches:
            time.sleep(0.001)
        found += [threads.submit(queue, b"one", expected()) for _ in range(2)]
        while len(queue._waiting) < 2:
            time.sleep(0.001)
        with pytest.raises(Unavailable) as refused:
            queue(b"one", expected())
        assert refused.value.check == "presentation.queue"
        desk.gate.set()
        assert all(said(one.result(30)) for one in found)


def test_a_bug_is_everybodys_and_the_queue_goes_on() -> None:
    desk = Desk(fails=True)
    queue = FastQueue(desk, seconds=0.2)
    with ThreadPoolExecutor(3) as threads:
        found = [threads.submit(queue, b"one", expected()) for _ in range(3)]
        for one in found:
            with pytest.raises(ZeroDivisionError):
                one.result(30)
    desk.fails = False
    assert said(queue(b"one", expected())) == b"one"


def test_a_bad_answer_is_named_and_spoils_no_other() -> None:
    wanted = [expected(transcript=bytes([number])) for number in range(8)]
    answers = [answer(one, new_holder()) for one in wanted]
    answers[2] = answers[2][:-1] + bytes([answers[2][-1] ^ 1])
    answers[5] = answers[6]  # somebody else's
    answers[7] = b"no answer at all"
    seen: list[int] = []

    def verify(batch: Sequence[tuple[bytes, ExpectedFast]]) -> Sequence[Revealed | DiptychError]:
        seen.append(len(batch))
        return verify_fast_batch(batch, entropy=os.urandom)

    queue = FastQueue(verify, seconds=1.0)
    with ThreadPoolExecutor(8) as threads:
        found = [threads.submit(queue, one, to) for one, to in zip(answers, wanted, strict=True)]
        checks = []
        for one in found:
            try:
                checks.append(len(one.result(60)))
            except DiptychError as error:
                checks.append(error.check)
    assert checks == [2, 2, "fast_suite.presentation", 2, 2, "fast_suite.presentation", 2, checks[7]]
    assert str(checks[7]).startswith("cbor")
    assert sum(seen) == 8
    assert max(seen) > 1


def test_a_verifier_takes_answers_through_its_queue(tmp_path: Path) -> None:
    play = FastPlay(tmp_path)
    play.receive()
    play.verifier._fast_check = FastQueue(partial(verify_fast_batch, entropy=os.urandom), seconds=0.001)
    assert play.answered("age_on_the_day")[1].state is State.ACCEPTED
