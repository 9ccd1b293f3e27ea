"""What came of a drill: as JSON, and in a few words that a visitor understands."""

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.drill.loot import Loot
from diptych.drill.position import Position, Result, Words

SYSTEMS = ("baseline_plain", "baseline_common", "ours", "weakened")


@dataclass(frozen=True)
class Report:
    """Every position that was taken. `server_paths` are the folders of the servers, for whoever wants to look."""

    population: int
    server_paths: Sequence[str]
    results: Sequence[Result]

    @property
    def holds(self) -> bool:
        """Whether every position that applies holds."""
        return all(result.holds for result in self.results if result.applies)

    def as_json(self) -> dict[str, object]:
        """As `--json` prints it."""
        return {
            "population": self.population,
            "server_paths": list(self.server_paths),
            "positions": [_as_json(result) for result in self.results],
        }

    def summary(self, language: str) -> str:
        """One line."""
        taken = [result for result in self.results if result.applies]
        held = sum(result.holds is True for result in taken)
        if language == "fr":
            people = number(self.population, language)
            return f"{held} positions sur {len(taken)} tiennent, dans une ville de {people} habitants."
        return f"{held} of {len(taken)} positions hold, in a town of {number(self.population, language)} people."


def seconds(measured: float, language: str) -> str:
    """As many digits as say something."""
    said = f"{measured:.1f}" if measured >= 1 else f"{measured:.2f}"
    return said.replace(".", ",") if language == "fr" else said


def _as_json(result: Result) -> dict[str, object]:
    loots = (result.plain, result.common, result.ours, result.weakened)
    return {
        "position": result.position.number,
        "name": result.position.name.en,
        "applies": result.applies,
        "reason": result.reason,
        **{system: None if loot is None else _counts(loot) for system, loot in zip(SYSTEMS, loots, strict=True)},
        "holds": result.holds,
        "visible_after_seconds": None if result.ours is None else result.ours.seen_after,
        "advantage_intervals": {
            system: [round(loot.joined.low, 6), round(loot.joined.high, 6)]
            for system, loot in zip(SYSTEMS, loots, strict=True)
            if loot is not None
        },
    }


def _counts(loot: Loot) -> dict[str, object]:
    # What the thief surely has: the lower end of the interval, so that luck in a small town is not called a leak.
    return {"canaries": loot.canaries, "advantage": round(loot.joined.low, 6), "openings": loot.openings}


def say(words: Words, language: str) -> str:
    """In the reader's language."""
    return words.fr if language == "fr" else words.en


def number(count: int, language: str) -> str:
    """A count as it is written in the reader's language."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if language == "fr" else f"{count:,}"


def share(loot: Loot, position: Position, population: int) -> float:
    """How much of what there was to take: 0 nothing, 1 everything."""
    if position.is_one_person:
        return float(loot.canaries + loot.openings > 0)
    named = loot.joined.advantage if loot.joined.is_above_chance else 0.0
    read = max(loot.openings / population, float(loot.canaries > 0) / population)
    return min(1.0, max(named, read))


def gets(loot: Loot | None, position: Position, population: int, language: str) -> str:
    """What the thief has in the end, in a few words."""
    if loot is None:
        return ""
    french = language == "fr"
    if position.is_one_person:
        if loot.canaries + loot.openings == 0:
            return "rien" if french else "nothing"
        return say(position.wins, language)
    if loot.openings >= population:
        return (
            f"les {number(population, language)} personnes" if french else f"all {number(population, language)} people"
        )
    if loot.joined.is_above_chance and loot.openings == 0:
        named = int(100 * loot.joined.advantage)  # not more than there are
        return f"{named} % des lignes attribuées" if french else f"{named}% of rows named"
    if loot.openings:
        people = ("personne" if french else "person") if loot.openings == 1 else ("personnes" if french else "people")
        return f"{number(loot.openings, language)} {people}"
    if loot.canaries:
        return f"{number(loot.canaries, language)} {'données' if french else 'attributes'}"
    return "rien" if french else "nothing"
