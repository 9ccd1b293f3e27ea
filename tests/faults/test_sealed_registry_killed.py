"""Registry and trustee are killed at every write of enrolling, finding, opening, correcting and erasing.

The killed process is started again on what is on its disk, and the officer says again what was cut off: what was
acknowledged is there, a record is absent or whole, and no look-up and no opening is without its public act.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

import pytest

from diptych.adapters.log_files import FolderLogFiles
from diptych.errors import DiptychError, Refused
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.tlog.entry import ActType, parse_entry
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.policy import parse_policy
from diptych.private import Personal
from diptych.protocols.reading.files import entries_of, read_checkpoint
from diptych.roles.officer.counter import Enrolled, Erased, Found, Read, Reason
from diptych.roles.officer.workstation import Workstation
from tests.faults.gate import Gate
from tests.faults.records import numbers, record
from tests.faults.sealed_town import LICENCE, NAMES, SealedTown, entropy, now
from tests.faults.strace import Call
from tests.faults.town import Server, rows
from tests.registry_world import MARIE

MOST = 0
REASON = Reason("citizen_request", "what is written about me?", "2026-1")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedTown]:
    made = SealedTown(tmp_path_factory.mktemp("town"))
    try:
        made.found()
        yield made
    finally:
        made.stop()


@dataclass
class Counter:
    """What an officer says at the counter."""

    town: SealedTown
    station: Workstation
    born: Iterator[int]

    def person(self) -> CivilStatus:
        number = next(self.born)
        date = BirthDate(1900 + number % 100, 1 + number // 100 % 12, 1 + number // 1200)
        return replace(MARIE, birth_date=Personal(date))

    def look(self, status: CivilStatus) -> Found:
        return self.station.find(status, legal_basis="enrolment", now=now(), entropy=entropy)

    def find(self, status: CivilStatus) -> tuple[bytes, ...]:
        return self.look(status).matches

    def enrol(self, status: CivilStatus) -> Enrolled:
        return self.station.enrol(
            self.look(status),
            status=status,
            documents=(LICENCE,),
            references=(),
            document_type="driving-licence",
            now=now(),
            entropy=entropy,
        )

    def open(self, record_id: bytes) -> Read:
        self.town.wait_until_told()
        return self.read(record_id)

    def read(self, record_id: bytes) -> Read:
        return self.station.open(record_id, REASON, now=now(), entropy=entropy)

    def correct(self, read: Read, found: Found, right: CivilStatus) -> Enrolled:
        return self.station.correct(
            read,
            found,
            replace(read.content, civil_status=right),
            reason="the birth place was misread",
            document_type="driving-licence",
            now=now(),
            entropy=entropy,
        )

    def erase(self, record_id: bytes) -> Erased:
        return self.station.erase(record_id, legal_basis="citizen_request", case="2026-2", now=now())

    def told(self, enrolled: Enrolled | Read) -> list[ActType]:
        """What the record's citizen finds in the log; nothing stands behind a gap, where nobody would look."""
        files = FolderLogFiles(self.town.log.log / "public")
        checkpoint = read_checkpoint(files, policy=parse_policy(self.town.log.policy.read_bytes()))
        entries = [parse_entry(entry) for _, entry in entries_of(files, checkpoint, start=0)]
        logged = {entry.label: entry.act_type for entry in entries}
        chain = ChainElement(enrolled.content.chain)
        found = [logged.get(chain.at(number).label) for number in range(40)]
        known = [act for act in found if act is not None]
        assert found[: len(known)] == known
        return known


@pytest.fixture
def counter(town: SealedTown, born: Iterator[int]) -> Iterator[Counter]:
    with town.counter() as station:
        yield Counter(town, station, born)


@pytest.fixture(scope="module")
def born() -> Iterator[int]:
    """Whoever comes to the counter is somebody else each time."""
    return count()


@dataclass(frozen=True)
class Scene:
    """What is said, and how it goes on afterwards: `go_on` is told whether it was acknowledged."""

    say: Callable[[], object]
    go_on: Callable[[bool], None]


def enrolling(counter: Counter) -> Scene:
    status = counter.person()

    def go_on(is_done: bool) -> None:
        matches = counter.find(status)
        assert matches or not is_done
        if not matches:
            counter.enrol(status)
        (record_id,) = counter.find(status)
        read = counter.open(record_id)
        assert read.content.civil_status == status
        assert counter.told(read)[0] is ActType.ENROLLED

    return Scene(lambda: counter.enrol(status), go_on)


def finding(counter: Counter) -> Scene:
    status = counter.person()
    enrolled = counter.enrol(status)

    def go_on(is_done: bool) -> None:
        assert counter.find(status) == (enrolled.record_id,)
        before = counter.told(enrolled).count(ActType.LOOKED_UP)
        assert before >= 1 + is_done
        assert counter.find(status) == (enrolled.record_id,)
        assert counter.told(enrolled).count(ActType.LOOKED_UP) == before + 1

    return Scene(lambda: counter.find(status), go_on)


def opening(counter: Counter) -> Scene:
    enrolled = counter.enrol(counter.person())
    counter.town.wait_until_told()

    def go_on(is_done: bool) -> None:
        assert counter.open(enrolled.record_id).content == enrolled.content
        acts = counter.told(enrolled)
        assert acts.count(ActType.OPENING_REQUESTED) >= acts.count(ActType.OPENED) >= 1 + is_done

    return Scene(lambda: counter.read(enrolled.record_id), go_on)


def correcting(counter: Counter) -> Scene:
    status = counter.person()
    right = replace(status, birth_place=Personal("29232"))
    enrolled = counter.enrol(status)
    read, found = counter.open(enrolled.record_id), counter.look(right)

    def go_on(is_done: bool) -> None:
        again = counter.open(enrolled.record_id)
        assert again.number == 2 or not is_done
        if again.number == 1:
            counter.correct(again, counter.look(right), right)
            again = counter.open(enrolled.record_id)
        assert (again.number, again.content.civil_status) == (2, right)
        assert counter.told(enrolled).count(ActType.CORRECTED) == 1

    return Scene(lambda: counter.correct(read, found, right), go_on)


def erasing(counter: Counter) -> Scene:
    status = counter.person()
    enrolled = counter.enrol(status)
    counter.town.wait_until_told()

    def go_on(is_done: bool) -> None:
        assert not is_done or counter.find(status) == ()
        assert set(counter.erase(enrolled.record_id).statements) == set(NAMES)
        assert counter.find(status) == ()
        with pytest.raises(Refused) as refused:
            counter.read(enrolled.record_id)
        assert refused.value.check == "registry.erased"
        assert counter.told(enrolled).count(ActType.MASK_DELETED) == len(NAMES)

    return Scene(lambda: counter.erase(enrolled.record_id), go_on)


ACTS: dict[str, Callable[[Counter], Scene]] = {
    "enrols": enrolling,
    "finds": finding,
    "opens": opening,
    "corrects": correcting,
    "erases": erasing,
}


@pytest.fixture(params=["registry", "trustee"])
def victim(request: pytest.FixtureRequest, town: SealedTown, each_write: Gate) -> Iterator[Server]:
    """Who is to be killed, writing through the gate."""
    found = town.registry if request.param == "registry" else town.trustees[0]
    found.kill()
    found.gate = each_write
    found.start()
    yield found
    if found.process is not None:
        found.kill()
    found.gate = None
    found.start()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("act", ACTS)
def test_killed_at_any_write_it_goes_on_where_it_was(
    town: SealedTown, counter: Counter, victim: Server, each_write: Gate, act: str
) -> None:
    scene = ACTS[act](counter)
    writes, killed = each_write.seen_while(scene.say), list[Call]()
    scene.go_on(True)
    for number in numbers(writes, MOST):
        scene = ACTS[act](counter)
        each_write.kill_at(number)
        is_done = is_acknowledged(scene)
        point = each_write.killed()
        if point is None:
            assert is_done
        else:
            killed.append(point)
            victim.ended()
            victim.start()
        scene.go_on(is_done)
    everything_is_public(town)
    held = "what was acknowledged is there; said again, it is done once; every act is public"
    record(victim.role, act, "kill -9", points=killed, of=len(writes), held=held)


def is_acknowledged(scene: Scene) -> bool:
    """Whether what was said was answered as done."""
    try:
        scene.say()
    except DiptychError:
        return False
    return True


def everything_is_public(town: SealedTown) -> None:
    """Nothing waits for the log, or for being shown; and the log is one history, and holds."""
    town.wait_until_told()
    assert rows(town.registry.database, "SELECT count(*) FROM acts WHERE NOT is_recorded") == [(0,)]
    assert town.log.verified()["ok"] is True
