"""A town larger than one process works on at once: nothing is lost between the parts, and nothing is done twice."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from diptych.adapters.canary_search import OVERLAP_BYTES
from diptych.drill.attacker.records import open_records
from diptych.drill.attacker.searching import PIECE_BYTES, Search, marks_of
from diptych.drill.attacker.tags import guess
from diptych.drill.cores import PART, Cores, parts
from diptych.drill.sealed_town import SealedTown
from diptych.drill.town.people import build_town

TOWN = build_town(PART + 20)
MARK = b"kerzouqbababa" + b"ba"


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> SealedTown:
    return SealedTown(tmp_path_factory.mktemp("drill") / "register", TOWN, cores=Cores(2))


def test_parts_are_everything_once() -> None:
    assert [place for some in parts(1234, 500) for place in some] == list(range(1234))
    assert parts(0) == []


def test_a_town_sealed_by_several_processes_has_everybody_once_in_every_database(register: SealedTown) -> None:
    assert sorted(register.truth.values()) == sorted(person.number for person in TOWN.people)
    assert sorted(row.truth for row in register.rows()) == sorted(register.truth.values())
    named = guess(register.database, [*register.trustees[:3], register.place("agency")], TOWN.people, register.cores)
    assert named == register.truth  # three trustees' shares and the agency's pepper find everybody
    register.cores.close()


def test_three_trustees_and_the_agency_open_everybody_and_two_nobody(register: SealedTown) -> None:
    agency, cores = register.place("agency"), Cores(2)
    assert len(open_records(register.database, [*register.trustees[2:], agency], cores)) == len(TOWN.people)
    assert open_records(register.database, [*register.trustees[:2], agency], cores) == []
    cores.close()


def test_a_canary_between_two_pieces_of_a_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(PIECE_BYTES - 5) + MARK + bytes(OVERLAP_BYTES))
    assert marks_of((file, 0)) == {MARK.decode()}


def test_a_file_that_has_changed_is_searched_again(tmp_path: Path) -> None:
    search, file = Search(Cores(1)), tmp_path / "small"
    file.write_bytes(b"nothing")
    assert search.below([tmp_path]) == set()
    file.write_bytes(b"nothing but " + MARK)
    assert search.below([tmp_path]) == {MARK.decode()}
    file.unlink()
    assert search.below([tmp_path]) == set()


DRILL = """
import os, sys
from diptych.drill.cores import Cores
if __name__ == "__main__":
    cores = Cores(2)
    list(cores.each(abs, [1, 2, 3, 4]))
    print(*cores._pool._processes, flush=True)
    sys.stdin.read()
"""


def test_the_processes_of_a_drill_that_is_killed_end(tmp_path: Path) -> None:
    script = tmp_path / "drill.py"
    script.write_text(DRILL)
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as drill:
        assert drill.stdout is not None
        workers = [Path("/proc") / number for number in drill.stdout.readline().split()]
        assert len(workers) == 2
        assert all(worker.exists() for worker in workers)
        drill.kill()
    deadline = time.monotonic() + 20
    while any(worker.exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
