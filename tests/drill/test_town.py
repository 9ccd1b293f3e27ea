"""The drill's town: the same for the same seed, as uneven as life, and every value of it found again."""

import re
import subprocess
import sys
from collections import Counter

from diptych.adapters.canary_search import marks_in
from diptych.drill.attacker.memory import whole_memory
from diptych.drill.town.marks import MARK
from diptych.drill.town.people import DAYS_IN_PROGRAMS, build_town
from diptych.formats.civil_status.names import family_name, given_name

TOWN = build_town(500)


def test_the_same_seed_makes_the_same_town_and_another_makes_another() -> None:
    assert build_town(500) == TOWN
    assert build_town(500, "elsewhere").canaries != TOWN.canaries


def test_every_attribute_of_everybody_carries_a_canary_that_the_search_finds() -> None:
    for person in TOWN.people:
        for name, text in person.values.items():
            assert marks_in(text.encode(), MARK) & person.canaries, name


def test_canaries_outlive_the_normalisation_of_a_civil_status() -> None:
    for person in TOWN.people[:100]:
        normal = f"{family_name(person.family_name)} {given_name(person.given_names[0])}"
        assert marks_in(normal.encode(), MARK) <= person.canaries
        assert marks_in(normal.encode(), MARK)


def test_names_and_places_are_as_uneven_as_in_life() -> None:
    names = Counter(person.family_name for person in TOWN.people)
    ((_, most),) = names.most_common(1)
    assert most > 10
    assert sum(count == 1 for count in names.values()) > 20


def test_there_are_twins_homonyms_unknown_birth_days_and_merged_communes() -> None:
    born = Counter((person.family_name, person.birth_date, person.place) for person in TOWN.people)
    named = Counter((person.family_name, person.given_names) for person in TOWN.people)
    assert max(born.values()) > 1
    assert max(named.values()) > 1
    assert any(not person.knows_birth_day for person in TOWN.people)
    assert any(person.place.code_at_birth != person.place.code_today for person in TOWN.people)
    assert any(person.place.code_at_birth.startswith(("97", "98", "99", "2A", "2B")) for person in TOWN.people)


EVERYTHING = """
import importlib, pkgutil, sys, diptych
for module in pkgutil.walk_packages(diptych.__path__, "diptych."):
    if not module.name.startswith(("diptych.drill", "diptych.__main__")):
        importlib.import_module(module.name)
print("there", flush=True)
sys.stdin.read()
"""


def test_nobody_is_born_on_a_day_that_every_server_holds_before_it_meets_anybody() -> None:
    with subprocess.Popen([sys.executable, "-c", EVERYTHING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"there\n"
        held = marks_in(whole_memory(server.pid), MARK)
        server.kill()
    days = {day for day in held if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", day)}
    assert days <= {day.isoformat() for day in DAYS_IN_PROGRAMS}
    assert held.isdisjoint(build_town(5000).canaries)
