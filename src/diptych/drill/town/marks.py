"""The canaries: pronounceable letters that no real text holds, one for each planted value.

`kerzouq` and four syllables. Letters alone, so that a mark outlives every normalisation of a civil status: capitals,
accents, hyphens and digits may go, the mark stays. Dates cannot carry one; a birth date is its own.
"""

import re
from collections.abc import Iterator

STEM = "kerzouq"
SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprtv" for vowel in "aeiou")
MARK = re.compile(rb"kerzouq(?:[bdfgklmnprtv][aeiou]){4}|19[3-9]\d-[01]\d-[0-3]\d|200\d-[01]\d-[0-3]\d")
"""What a canary looks like in text without capitals: a mark, or a day on which somebody may have been born."""


def marks(seed_number: int) -> Iterator[str]:
    """Marks without end, none twice."""
    count = len(SYLLABLES) ** 4
    # An odd multiplier that no syllable count divides walks through all of them before it repeats.
    number = seed_number % count
    while True:
        number = (number + 7_654_321) % count
        yield STEM + "".join(SYLLABLES[number // len(SYLLABLES) ** place % len(SYLLABLES)] for place in range(4))
