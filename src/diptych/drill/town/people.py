"""The town: so many people, with names and birth places as unevenly spread as real ones, so that counting pays.

A family name, a given name, a commune and a birth date are shared as in life (by relatives, homonyms and twins); an
address, an e-mail address, a document number and a portrait are one person's. Each carries a canary (`marks`).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import islice

from diptych.drill.town import vocabulary
from diptych.drill.town.dice import Dice, Weighted
from diptych.drill.town.marks import MARK, marks

FIRST_BIRTH, LAST_BIRTH = date(1930, 1, 1), date(2008, 6, 30)
_DAYS_IN_PROGRAMS = """
1944-02-07 1970-01-01 1987-06-05 1988-10-27 1994-02-03 1994-11-24 1995-01-02
1999-12-31 2000-01-01 2000-01-31 2005-01-26 2006-07-01 2007-05-27 2008-08-15
"""
DAYS_IN_PROGRAMS = frozenset(date.fromisoformat(day) for day in _DAYS_IN_PROGRAMS.split())
"""Days in the texts of libraries, so in every server's memory before it meets anybody: nobody is born then."""
RETENTION = ("ten-years", "fifteen-years")


@dataclass(frozen=True)
class Place:
    """A commune as it was called at the birth, with its code then and the code of what it has merged into since."""

    name: str
    code_at_birth: str
    code_today: str


@dataclass(frozen=True)
class Portrait:
    """A photograph, kept as what it is made of: a hundred thousand of them would not fit beside one another."""

    mark: bytes
    noise: bytes
    repeats: int
    rest: bytes

    def __bytes__(self) -> bytes:
        return b"\xff\xd8\xff\xe0" + self.mark + self.noise * self.repeats + self.rest + b"\xff\xd9"


@dataclass(frozen=True)
class Person:
    """One resident. `birth_date` holds what is written where the register knows no day, as the first of it."""

    number: int
    family_name: str
    used_name: str | None
    given_names: tuple[str, ...]
    birth_date: date
    knows_birth_day: bool
    place: Place
    address: str
    email: str
    document_number: str
    photograph: Portrait
    retention: str

    @property
    def portrait(self) -> bytes:
        """The photograph's bytes."""
        return bytes(self.photograph)

    @property
    def values(self) -> Mapping[str, str]:
        """Every attribute that carries a canary, as text."""
        return {
            "family_name": self.family_name,
            **({} if self.used_name is None else {"used_name": self.used_name}),
            "given_names": " ".join(self.given_names),
            "birth_date": self.birth_date.isoformat(),
            "birth_place": self.place.name,
            "address": self.address,
            "email": self.email,
            "document_number": self.document_number,
            "portrait": self.portrait.decode("latin-1"),
        }

    @cached_property
    def canaries(self) -> frozenset[str]:
        """What is found where anything of this person is."""
        return frozenset(
            match.decode() for text in self.values.values() for match in MARK.findall(text.encode().lower())
        )


@dataclass(frozen=True)
class Town:
    """Everybody, in the order in which an old register would list them: by name."""

    seed: str
    people: tuple[Person, ...]

    @cached_property
    def canaries(self) -> frozenset[str]:
        """Every planted value, once."""
        return frozenset(canary for person in self.people for canary in person.canaries)

    def arrivals(self) -> list[Person]:
        """The order in which they come to the counter, which follows from nothing that is known about them."""
        return Dice(self.seed, "arrivals").shuffled(self.people)


def build_town(population: int, seed: str = "Utopia-sur-Mer") -> Town:
    """The town of that size and seed; the same everywhere."""
    dice = Dice(seed, "people")
    words = _Words(population, seed)
    people: list[Person] = []
    for number in range(population):
        like = people[-1] if people else None
        if like is not None and dice.happens(60):
            person = words.twin(number, like, dice)
        elif like is not None and dice.happens(50):
            person = words.homonym(number, dice.pick(people), dice)
        else:
            person = words.person(number, dice)
        people.append(person)
    return Town(seed, tuple(sorted(people, key=lambda one: (folded(one.family_name), folded(one.given_names[0])))))


def folded(name: str) -> str:
    """The letters that an alphabet sorts by."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if letter.isalpha())


class _Words:
    """The names and places of one town, each with its mark, and how likely each is."""

    def __init__(self, population: int, seed: str) -> None:
        dice = Dice(seed, "words")
        self._marks = marks(dice.below(10**6))
        families, givens, places = 30 + population // 5, 25 + population // 12, 25 + population // 15
        self._family = [self._family_name(number, dice) for number in range(families)]
        self._given = [f"{vocabulary.GIVEN[number % len(vocabulary.GIVEN)]}-{self._mark()}" for number in range(givens)]
        self._places = [self._place(number, dice) for number in range(places)]
        self._family_odds = Weighted(families, head=4, slope=1.0)
        self._given_odds = Weighted(givens, head=3, slope=1.0)
        self._place_odds = Weighted(places, head=2, slope=1.1)

    def person(self, number: int, dice: Dice) -> Person:
        return self._with_own(
            number,
            dice,
            family_name=self._family[self._family_odds.draw(dice)],
            given_names=tuple(self._given[self._given_odds.draw(dice)] for _ in range(1 + dice.below(3))),
            birth_date=_birth_date(dice),
            place=self._places[self._place_odds.draw(dice)],
        )

    def twin(self, number: int, like: Person, dice: Dice) -> Person:
        return self._with_own(
            number,
            dice,
            family_name=like.family_name,
            given_names=(self._given[self._given_odds.draw(dice)],),
            birth_date=like.birth_date,
            place=like.place,
        )

    def homonym(self, number: int, like: Person, dice: Dice) -> Person:
        return self._with_own(
            number,
            dice,
            family_name=like.family_name,
            given_names=like.given_names,
            birth_date=_birth_date(dice),
            place=like.place,
        )

    def _with_own(
        self,
        number: int,
        dice: Dice,
        *,
        family_name: str,
        given_names: tuple[str, ...],
        birth_date: date,
        place: Place,
    ) -> Person:
        knows_birth_day = not dice.happens(80)
        return Person(
            number=number,
            family_name=family_name,
            used_name=self._family[self._family_odds.draw(dice)] if dice.happens(4) else None,
            given_names=given_names,
            birth_date=birth_date if knows_birth_day else birth_date.replace(day=1),
            knows_birth_day=knows_birth_day,
            place=place,
            address=f"{1 + dice.below(120)} {dice.pick(vocabulary.STREETS)}, {self._mark()}",
            email=f"{self._mark().lower()}@courriel.example",
            document_number=f"UT-{self._mark().upper()}",
            photograph=self._photograph(dice),
            retention=dice.pick(RETENTION),
        )

    def _family_name(self, number: int, dice: Dice) -> str:
        name, mark = vocabulary.FAMILY[number % len(vocabulary.FAMILY)], self._mark()
        if dice.happens(9):
            return dice.pick(vocabulary.PARTICLES) + mark
        joint = dice.pick(("-", "-", "-", " "))
        return f"{name}{joint}{mark}"

    def _place(self, number: int, dice: Dice) -> Place:
        mark, rest = self._mark(), f"{1 + dice.below(899):03}"
        if number % 17 == 16:
            name, code = dice.pick(vocabulary.ABROAD)
            return Place(f"{name}-{mark}", code, code)
        if number % 11 == 10:
            name, start = dice.pick(vocabulary.OVERSEAS)
            code = start + rest[1:]
        else:
            name, start = vocabulary.COMMUNES[number % len(vocabulary.COMMUNES)]
            code = start + rest
        merged = code[:-2] + f"{(int(code[-2:]) + 7) % 100:02}" if number % 13 == 12 else code
        return Place(f"{name}-{mark}", code, merged)

    def _photograph(self, dice: Dice) -> Portrait:
        # Faces differ in size; where sizes are kept to the byte, that alone names people.
        noise, repeats = dice.bytes(64), 8 + dice.below(64)
        return Portrait(self._mark().encode(), noise, repeats, dice.bytes(dice.below(64)))

    def _mark(self) -> str:
        return next(islice(self._marks, 1)).capitalize()


def _birth_date(dice: Dice) -> date:
    found = FIRST_BIRTH + timedelta(days=dice.below((LAST_BIRTH - FIRST_BIRTH).days + 1))
    while not DAYS_IN_PROGRAMS.isdisjoint({found, found.replace(day=1)}):  # the first, where no day is known
        found += timedelta(days=1)
    return found
