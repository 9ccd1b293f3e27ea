"""The drill as a page: one picture that a visitor understands at once, and every position beneath it.

Self-contained, one file a language, readable without scripts, by keyboard, by a screen reader and on a phone: the
picture is an SVG with a title and a description, and everything that it shows is also said in words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from diptych.drill import report
from diptych.drill.loot import Loot
from diptych.drill.position import Result
from diptych.drill.report import Report

FILES = {"en": "drill-en.html", "fr": "drill-fr.html"}
COLUMNS, LINES = 14, 12
"""People in each crowd of the picture; each stands for an equal share of the town."""
HERO = (4, 1)
"""The theft that the picture shows, if it was tried: the whole application server, else a copy of the databases."""
BAR_WIDTH = 100

WORDS = {
    "en": {
        "other": "En français",
        "title": "What a thief gets",
        "lead": "The same made-up town of {population} people, kept in three ways, and then stolen.",
        "hero": "{name}: {takes}.",
        "legend_read": "read or recognised by the thief",
        "legend_safe": "still sealed",
        "systems": ("A plain table", "Today's common practice", "Diptych"),
        "notes": (
            "names and dates as they are",
            "encrypted columns, searchable by blind index, keys in the application",
            "two keys and a quorum; no server can read",
        ),
        "table": "Every position, tried",
        "intro": (
            "Each thief attacks through files, memory and traffic, with every key found on the way. Each attack was"
            " first run against a Diptych with one defence removed, and had to win there."
        ),
        "thief": "The thief has",
        "weakened": "without {removed}",
        "held": "holds",
        "broken": "does not hold",
        "not": "Does not apply",
        "promise": "Must hold",
        "seen": "visible to others after {seconds} s",
        "limits": "What this does not show",
        "limits_text": (
            "Whoever steals an issuer's signing key can mint false documents. Whoever stays in a live server sees what"
            " passes. Times and volumes leak. Sessions over classical TLS can be read by a quantum computer later."
            " k trustees together with the agency can open records. The town is made up; nobody in it exists."
        ),
    },
    "fr": {
        "other": "In English",
        "title": "Ce qu'emporte un voleur",
        "lead": "La même ville imaginaire de {population} habitants, conservée de trois façons, puis volée.",
        "hero": "{name} : {takes}.",
        "legend_read": "lu ou reconnu par le voleur",
        "legend_safe": "toujours scellé",
        "systems": ("Une table en clair", "La pratique courante", "Diptych"),
        "notes": (
            "noms et dates tels quels",
            "colonnes chiffrées, recherche par index aveugle, clés dans l'application",
            "deux clés et un quorum ; aucun serveur ne peut lire",
        ),
        "table": "Chaque position, essayée",
        "intro": (
            "Chaque voleur attaque par les fichiers, la mémoire et le trafic, avec chaque clé trouvée en chemin. Chaque"
            " attaque a d'abord été menée contre un Diptych privé d'une défense, et devait y réussir."
        ),
        "thief": "Le voleur a",
        "weakened": "sans {removed}",
        "held": "tient",
        "broken": "ne tient pas",
        "not": "Sans objet",
        "promise": "Doit tenir",
        "seen": "visible par d'autres après {seconds} s",
        "limits": "Ce que cela ne montre pas",
        "limits_text": (
            "Qui vole la clé de signature d'un émetteur peut fabriquer de faux documents. Qui reste dans un serveur"
            " voit ce qui y passe. Heures et volumes se voient. Les sessions sous TLS classique pourront être lues"
            " par un ordinateur quantique. k dépositaires ensemble avec l'agence peuvent ouvrir des dossiers. La"
            " ville est imaginaire."
        ),
    },
}


@dataclass(frozen=True)
class Figure:
    """One person of a crowd: where they stand, and whether the thief knows them."""

    x: int
    y: int
    is_read: bool


@dataclass(frozen=True)
class Crowd:
    """What became of the town in one system."""

    system: str
    note: str
    says: str
    is_safe: bool
    figures: tuple[Figure, ...]


def write(folder: Path, found: Report) -> list[Path]:
    """The page in each language; where they lie."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("page.html")
    written: list[Path] = []
    for language, name in FILES.items():
        (other,) = (file for spoken, file in FILES.items() if spoken != language)
        text = template.render(
            language=language,
            other=other,
            words=WORDS[language],
            population=report.number(found.population, language),
            hero=hero_of(found),
            crowds=list(_crowds(found, language)),
            rows=[_row(result, found.population, language) for result in found.results],
            summary=found.summary(language),
            holds=found.holds,
            say=lambda text, spoken=language: report.say(text, spoken),
        )
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def hero_of(found: Report) -> Result | None:
    """The result that the picture shows."""
    applying = {result.position.number: result for result in found.results if result.applies}
    return next((applying[number] for number in (*HERO, *applying) if number in applying), None)


def _crowds(found: Report, language: str) -> Iterator[Crowd]:
    hero = hero_of(found)
    if hero is None:
        return
    words = WORDS[language]
    for system, note, loot in zip(words["systems"], words["notes"], (hero.plain, hero.common, hero.ours), strict=True):
        assert loot is not None
        part = report.share(loot, hero.position, found.population)
        yield Crowd(
            system,
            note,
            report.gets(loot, hero.position, found.population, language),
            part == 0,
            tuple(figures(part)),
        )


def figures(part: float, *, columns: int = COLUMNS, lines: int = LINES) -> Iterator[Figure]:
    """A crowd of which that part is read. Whoever is read shows, be it one in a million: it rounds against us."""
    count = columns * lines
    read = min(count, -int(-part * count // 1))
    for number in range(count):
        yield Figure(number % columns, number // columns, number < read)


def _row(result: Result, population: int, language: str) -> dict[str, object]:
    def cell(loot: Loot | None) -> dict[str, object]:
        assert loot is not None
        part = report.share(loot, result.position, population)
        return {"says": report.gets(loot, result.position, population, language), "bar": round(BAR_WIDTH * part, 1)}

    cells = (
        [cell(loot) for loot in (result.plain, result.common, result.ours, result.weakened)] if result.applies else []
    )
    after = None if result.ours is None else result.ours.seen_after
    seen = None if after is None else report.seconds(after, language)
    return {"result": result, "position": result.position, "cells": cells, "seen": seen}
