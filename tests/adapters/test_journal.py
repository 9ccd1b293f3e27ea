"""The journal has no room for a person, and the counters are right whoever counts."""

import dataclasses
import json
import logging
import os
import signal
import threading
import time
import types
import typing
from collections.abc import Iterator
from enum import StrEnum

import pytest
from fastapi.routing import APIRoute

from diptych.adapters import counters as counting
from diptych.adapters.counters import Counters
from diptych.adapters.journal import (
    Check,
    Endpoint,
    Event,
    Fault,
    Journal,
    Library,
    Line,
    RequestId,
    Role,
    words_of_this_program,
)
from diptych.errors import Refused, Unavailable
from tests.issuing import Town

CANARY = "erika.mustermann"


class Written:
    """A journal and what was written to it."""

    def __init__(self) -> None:
        self._reads, self.writes = os.pipe()
        self.counters = Counters(64)
        self.journal = Journal(Role.ISSUER, self.counters, descriptor=self.writes)

    def lines(self) -> list[dict[str, object]]:
        os.set_blocking(self._reads, False)
        try:
            found = os.read(self._reads, 65536)
        except BlockingIOError:
            return []
        return [json.loads(line) for line in found.splitlines()]


@pytest.fixture
def written() -> Written:
    return Written()


def leaves(hint: object) -> Iterator[object]:
    if isinstance(hint, types.UnionType):
        for part in typing.get_args(hint):
            yield from leaves(part)
    else:
        yield hint


def test_no_member_of_a_line_is_text() -> None:
    allowed = {int, type(None), Check, Fault, RequestId, signal.Signals}
    for name, hint in typing.get_type_hints(Line).items():
        for leaf in leaves(hint):
            assert leaf in allowed or (isinstance(leaf, type) and issubclass(leaf, StrEnum)), name


def test_a_check_that_is_no_constant_of_this_program_is_not_written(written: Written) -> None:
    assert Check("storage").name == "storage"
    assert Check(CANARY).name == "other"
    # A name made at run time, in the shape of a check, out of what somebody sent.
    with pytest.raises(Refused) as refused:
        raise Refused("wallet." + CANARY, "no")
    written.journal.chore(refused.value)
    assert CANARY not in json.dumps(written.lines())
    assert CANARY not in written.counters.render().decode()


def test_the_words_of_this_program_are_names_of_checks_and_some_more() -> None:
    words = words_of_this_program()
    assert {"zk.proof", "order.id", "http.body_size", "presentation.unknown", "token.scheme"} <= words
    assert not [word for word in words if not word.isascii() or len(word) > 64]


def test_a_bug_is_its_type_and_place(written: Written) -> None:
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        written.journal.bug(error)
    (line,) = written.lines()
    assert line["fault"] == "KeyError"
    assert CANARY not in json.dumps(line)


def test_a_library_that_logs_is_reduced_to_its_name(written: Written) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        written.journal.take_over_logging()
        logging.getLogger("asyncio").error("SSL error from %s", ("192.0.2.1", 4711))
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("uvicorn.error").info("Started")
        logging.getLogger("erika").warning("Mustermann")
    finally:
        root.handlers[:], root.level = before[0], before[1]
    lines = written.lines()
    assert [(line["library"], line["loudness"]) for line in lines] == [
        ("asyncio", "error"),
        ("uvicorn", "warning"),
        ("other", "warning"),
    ]
    assert not [canary for canary in ("192.0.2.1", "erika", "Mustermann") if canary in json.dumps(lines)]


def test_a_journal_that_cannot_be_written_stops_nothing() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    Journal(Role.VERIFIER, descriptor=writes).event(Event.LISTENING)
    os.close(writes)


def test_every_endpoint_of_every_server_has_its_word() -> None:
    from diptych.roles.log.fakes import MemoryLogStore, MemoryTileStore
    from diptych.roles.log.overview import LogOverview
    from diptych.roles.witness.fakes import MemoryWitnessStore
    from diptych.roles.witness.service import Witness
    from diptych.web.issuer.server import build_server as build_issuer
    from diptych.web.log.page import LogPage
    from diptych.web.log.pool import Pool
    from diptych.web.log.server import build_server as build_log
    from diptych.web.verifier.server import build_server as build_verifier
    from diptych.web.witness.server import build_server as build_witness
    from tests import verifying
    from tests.log_world import POLICY, World

    town = Town()
    servers = [
        build_issuer(town.url, lambda: town.issuer, clock=lambda: town.now, entropy=town.entropy),
        build_verifier(
            verifying.Town().verifier, url="https://v.example", key_hash=b"", clock=lambda: town.now, on_close=list
        ),
        build_log(
            Pool(World().log, clock=lambda: town.now, seconds=0, journal=Journal(Role.LOG)),
            origin="log.example",
            writers={},
            files=MemoryTileStore(),
            clock=lambda: town.now,
            journal=Journal(Role.LOG),
            page=LogPage(LogOverview(MemoryLogStore(), MemoryTileStore(), POLICY), url="", clock=lambda: town.now),
        ),
        build_witness(
            Witness(signers=(), logs=(), store=MemoryWitnessStore()),
            clock=lambda: town.now,
            journal=Journal(Role.WITNESS),
        ),
    ]
    names = {route.name for server in servers for route in server.routes if isinstance(route, APIRoute)}
    assert names <= set(Endpoint)


def test_what_is_written_is_counted(written: Written) -> None:
    for status, check in ((200, None), (200, None), (400, "order.id")):
        written.journal.write(
            Line(
                Event.REQUEST,
                endpoint=Endpoint.ORDERS,
                status=status,
                milliseconds=30,
                check=None if check is None else Check(check),
            )
        )
    written.journal.chore(Unavailable("storage", "later"))
    written.journal.write(Line(Event.REQUEST_KILLED, signal=signal.SIGALRM))
    text = written.counters.render().decode()
    for line in (
        'diptych_requests_total{role="issuer",endpoint="orders",status="200",check=""} 2',
        'diptych_requests_total{role="issuer",endpoint="orders",status="400",check="order.id"} 1',
        'diptych_request_seconds_bucket{role="issuer",endpoint="orders",le="0.025"} 0',
        'diptych_request_seconds_bucket{role="issuer",endpoint="orders",le="0.05"} 3',
        'diptych_request_seconds_bucket{role="issuer",endpoint="orders",le="+Inf"} 3',
        'diptych_request_seconds_sum{role="issuer",endpoint="orders"} 0.09',
        'diptych_request_seconds_count{role="issuer",endpoint="orders"} 3',
        'diptych_events_total{role="issuer",event="chore",reason="storage"} 1',
        'diptych_events_total{role="issuer",event="request_killed",reason="SIGALRM"} 1',
    ):
        assert line in text.splitlines()


def test_the_text_is_what_prometheus_reads(written: Written) -> None:
    written.journal.write(Line(Event.REQUEST, endpoint=Endpoint.TOKEN, status=200, milliseconds=3))
    told: set[str] = set()
    for line in written.counters.render().decode().splitlines():
        if line.startswith("# TYPE "):
            told.add(line.split()[2])
        elif not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            family = name.partition("{")[0]
            assert family in told or family.rsplit("_", 1)[0] in told
            assert float(value) >= 0


def test_children_count_in_the_same_place() -> None:
    shared = Counters()
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            for _ in range(200):
                shared.event(Role.ISSUER, Event.CHORE, "")
                shared.event(Role.ISSUER, Event.BUG, str(number))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    text = shared.render().decode()
    assert 'diptych_events_total{role="issuer",event="chore",reason=""} 1600' in text
    assert text.count('event="bug"') == 8


def test_threads_count_in_the_same_place() -> None:
    shared = Counters()

    def count() -> None:
        for _ in range(200):
            shared.event(Role.VERIFIER, Event.CHORE, "")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 'event="chore",reason=""} 1600' in shared.render().decode()


def test_a_child_killed_while_it_counts_takes_the_lock_with_it() -> None:
    shared = Counters()
    for _ in range(10):
        child = os.fork()
        if child == 0:
            while True:
                shared.event(Role.ISSUER, Event.CHORE, "")
        time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    shared.event(Role.ISSUER, Event.BUSY, "")
    assert 'event="busy",reason=""} 1' in shared.render().decode()


def test_when_no_slot_is_left_that_is_counted() -> None:
    few = Counters(4)
    for event in (Event.CHORE, Event.BUSY, Event.BUG, Event.STOPPED, Event.LISTENING):
        few.event(Role.ISSUER, event, "")
    few.event(Role.ISSUER, Event.CHORE, "")
    text = few.render().decode()
    assert 'event="chore",reason=""} 2' in text
    assert "diptych_counters_dropped_total 2" in text


def test_every_label_fits_its_slot() -> None:
    longest = max(words_of_this_program(), key=len)
    endpoint, role = max(Endpoint, key=len), max(Role, key=len)
    key = f'{counting.REQUESTS}{{role="{role}",endpoint="{endpoint}",status="200",check="{longest}"}}'
    assert len(key) <= counting.KEY_BYTES - 2


def test_lines_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Line(Event.BUG).library = Library.OTHER  # type: ignore[misc]
