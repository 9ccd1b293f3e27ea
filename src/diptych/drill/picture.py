"""The drill's one picture as a file of its own, for pages that cannot have more: three crowds, and their fates."""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from diptych.drill import page, report

WIDTH, HEIGHT, CARD, GAP = 960, 400, 300, 30
TITLE = "What a thief of the application server gets: its database, its memory and all its keys"
PERSON = '<circle cx="8" cy="5" r="4"/><path d="M1.5 18.5v-3a6.5 5.5 0 0 1 13 0v3z"/>'
STYLE = (
    "text{font-family:Georgia,serif;fill:#2a2018}.note{font-family:system-ui,sans-serif;font-size:12.5px;"
    "fill:#6d5d4c}.card{fill:#fffdf8;stroke:#e2d7c4}.safe{stroke:#2f6b4f;stroke-width:2}.read{fill:#b3261e}"
    ".sealed{fill:none;stroke:#2f6b4f;stroke-width:1.3;opacity:.75}.lost{fill:#b3261e}.kept{fill:#2f6b4f}"
)


def picture(value: Mapping[str, Any]) -> str:
    """The picture for a drill's JSON, as an SVG file."""
    (hero,) = [one for one in value["positions"] if one["position"] == page.HERO[0]]
    loots = [hero[name] for name in ("baseline_plain", "baseline_common", "ours")]
    words = page.WORDS["en"]
    cards = [
        _card(place, str(system), str(note), loot, value["population"])
        for place, (system, note, loot) in enumerate(zip(words["systems"], words["notes"], loots, strict=True))
    ]
    said = "; ".join(
        f"{system}: {_says(loot, value['population'])}" for system, loot in zip(words["systems"], loots, strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d">'
        f'<title id="t">{escape(TITLE)}</title><desc id="d">{escape(said)}</desc><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="14" fill="#faf6ee"/>' + "".join(cards) + "</svg>\n"
    )


def _card(place: int, system: str, note: str, loot: Mapping[str, Any], population: int) -> str:
    left = 15 + place * (CARD + GAP / 2)
    part = min(1.0, loot["openings"] / population)
    is_safe = part == 0 and loot["canaries"] == 0
    return (
        f'<g transform="translate({left:.0f} 18)">'
        f'<rect class="card{" safe" if is_safe else ""}" width="{CARD}" height="364" rx="12"/>'
        f'<text x="18" y="34" font-size="18" font-weight="600">{escape(system)}</text>'
        + "".join(_lines(note))
        + f'<g transform="translate(10 84)">{"".join(_figures(part))}</g>'
        f'<text x="18" y="346" font-size="22" class="{"kept" if is_safe else "lost"}">'
        f"{escape(_says(loot, population))}</text></g>"
    )


def _lines(note: str) -> Iterator[str]:
    words, line, height = note.split(), "", 54
    for word in [*words, ""]:
        if not word or len(line) + len(word) > 44:
            yield f'<text class="note" x="18" y="{height}">{escape(line.strip())}</text>'
            line, height = "", height + 16
        line += f"{word} "


def _figures(part: float) -> Iterator[str]:
    for one in page.figures(part, columns=14, lines=10):
        kind = "read" if one.is_read else "sealed"
        yield f'<g class="{kind}" transform="translate({one.x * 20} {one.y * 23})">{PERSON}</g>'


def _says(loot: Mapping[str, Any], population: int) -> str:
    if loot["openings"] >= population:
        return f"all {report.number(population, 'en')} people"
    if loot["openings"] or loot["canaries"]:
        return f"{report.number(loot['openings'] or loot['canaries'], 'en')} read"
    return "nobody"
