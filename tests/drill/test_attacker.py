"""The thief's tools do what is said of them: what they do not find has to mean something."""

import os
from dataclasses import replace

import pytest

from diptych.drill.attacker.joining import Row, join
from diptych.drill.attacker.linking import linked, recognised
from diptych.drill.attacker.odds import interval
from diptych.drill.baselines.table import COLUMNS
from diptych.drill.town.dice import Dice
from diptych.drill.town.people import build_town

TOWN = build_town(400)


def rows(order: str) -> list[Row]:
    """The town as rows of one size, in the register's order or in no order that means anything."""
    people = list(TOWN.people) if order == "register" else Dice("test", "rows").shuffled(TOWN.people)
    return [Row(truth=person.number, position=place, time=place, size=1) for place, person in enumerate(people)]


# Clopper and Pearson 1934, table values for 95 %: 0 of 10, 5 of 10, 1 of 100.
@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129), (1, 100, 0.0003, 0.0545), (10, 10, 0.6915, 1.0)],
)
def test_the_interval_is_clopper_and_pearson_s(hits: int, trials: int, low: float, high: float) -> None:
    assert interval(hits, trials, alpha=0.05) == pytest.approx((low, high), abs=0.0001)


def test_rows_that_say_nothing_are_named_no_better_than_by_guessing() -> None:
    assert not join(rows("shuffled"), TOWN, COLUMNS).is_above_chance


def test_rows_in_the_order_of_the_old_register_are_all_named() -> None:
    found = join(rows("register"), TOWN, COLUMNS)
    assert found.is_above_chance
    assert found.advantage > 0.99


def test_index_values_alone_name_most_rows_by_how_often_they_occur() -> None:
    people = {person.number: person for person in TOWN.people}
    salt = os.urandom(8)
    tagged = [
        replace(
            row,
            tags={
                name: str(hash((salt, name, value))).encode()
                for name, column in COLUMNS.items()
                if name != "email" and (value := column(people[row.truth])) is not None
            },
        )
        for row in rows("shuffled")
    ]
    found = join(tagged, TOWN, COLUMNS)
    assert found.way == "frequency"
    assert found.advantage > 0.5


def test_sizes_kept_to_the_byte_name_rows() -> None:
    size = {person.number: sum(len(text.encode()) for text in person.values.values()) for person in TOWN.people}
    found = join([replace(row, size=size[row.truth]) for row in rows("shuffled")], TOWN, COLUMNS)
    assert found.way == "size"
    assert found.is_above_chance


def test_messages_with_something_that_no_third_has_are_linked_and_others_are_not() -> None:
    key = {person: os.urandom(32) for person in (1, 2)}
    same = [(person, b"a docType and a certificate" + key[person] + os.urandom(64)) for person in (1, 1, 2, 2)]
    fresh = [(person, b"a docType and a certificate" + os.urandom(96)) for person in (1, 1, 2, 2)]
    assert linked(same) == 4
    assert linked(fresh) == 0
    assert recognised(same, list(key.items())) == 4
    assert recognised(fresh, list(key.items())) == 0


def test_one_salt_is_a_link_and_the_first_bytes_of_a_length_are_none() -> None:
    salt = {person: os.urandom(16) for person in (1, 2)}
    salted = [(person, os.urandom(64) + salt[person] + os.urandom(64)) for person in (1, 1, 2, 2)]
    assert linked(salted) == 4
    lengths = [(1, b"\x05\x82"), (1, b"\x05\x82"), (2, b"\x05\x81"), (2, b"\x05\x80")]
    assert linked([(person, b"a format's own bytes" + size + os.urandom(64)) for person, size in lengths]) == 0


def test_what_every_message_has_names_nobody_though_it_stand_in_one_persons_documents() -> None:
    same_day = b"signed on 2026-11-28T00:00:00Z"
    messages = [(person, same_day + os.urandom(64)) for person in (1, 1, 2, 2)]
    assert recognised(messages, [(1, same_day), (2, b"signed on another day")]) == 0
