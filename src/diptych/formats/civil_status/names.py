"""Names in the form in which they are compared: letters A to Z, without what offices write differently.

For comparing only: documents show names as their civil-status act does. Which names a person has is left to `model`.
"""

import re
import unicodedata

from diptych.errors import FormatError

MAX_CHARACTERS = 200

# Letters that Unicode does not decompose, as ICAO 9303-3 section 6.A writes them or, where it offers two, the shorter.
_SPECIAL_LETTERS = str.maketrans(
    {
        "Æ": "AE", "æ": "AE", "Œ": "OE", "œ": "OE", "ß": "SS", "ẞ": "SS", "Ø": "O", "ø": "O", "Đ": "D", "đ": "D",
        "Ð": "D", "ð": "D", "Ł": "L", "ł": "L", "Ħ": "H", "ħ": "H", "ı": "I", "Þ": "TH", "þ": "TH", "Ŋ": "NG",
        "ŋ": "NG", "ĸ": "K", "Ŧ": "T", "ŧ": "T", "Ə": "A", "ə": "A",
    }
)  # fmt: skip
_SEPARATORS = frozenset("'’‘ʼʹ′`´.,·")
_EXPANDED = {"ST": "SAINT", "STE": "SAINTE"}
_MARRIED = frozenset(("EPOUSE", "EP", "EPX", "VEUVE", "VVE"))
_PLACEHOLDERS = re.compile(r"X+|INCONNUE?|SANSNOM|SNP|NONRENSEIGNE")
_DIGRAPHS = re.compile(r"([AOU])E|AA")


def family_name(name: str) -> str:
    """All words of a family or usage name, joined; `FormatError` for none, a placeholder or two names in one."""
    words = _words(name)
    if len(words) > 1:
        if not _MARRIED.isdisjoint(words):
            raise FormatError("civil_status.two_names", "two names in one: the married name goes into usage_name")
        words = [_EXPANDED.get(word, word) for word in words]
    joined = "".join(words)
    if not joined or _PLACEHOLDERS.fullmatch(joined):
        raise FormatError("civil_status.family_name", "a family name is needed, and no placeholder for one")
    return _without_digraphs(joined)


def given_name(name: str) -> str:
    """The first word of a given name; empty for a placeholder."""
    words = _words(name)
    if not words or _PLACEHOLDERS.fullmatch("".join(words)):
        return ""
    return _without_digraphs(words[0])


def _words(name: str) -> list[str]:
    if len(name) > MAX_CHARACTERS:
        raise FormatError("civil_status.length", f"a name has at most {MAX_CHARACTERS} characters")
    letters: list[str] = []
    for character in unicodedata.normalize("NFKD", name):
        category = unicodedata.category(character)
        # Controls, formatting (direction marks, zero-width joiners), surrogates, private use: two names that look
        # alike would differ.
        if category.startswith("C"):
            raise FormatError("civil_status.character", "an invisible or unassigned character: type the name anew")
        if category.startswith("M"):
            continue
        is_separator = character in _SEPARATORS or category == "Pd" or category.startswith("Z")
        letters.append(" " if is_separator else character)
    upper = "".join(letters).translate(_SPECIAL_LETTERS).upper()
    for character in upper:
        if character != " " and not "A" <= character <= "Z":
            if character.isalpha():
                raise FormatError(
                    "civil_status.script",
                    "a letter of another script: write it as in the act of birth or its translation",
                )
            raise FormatError("civil_status.character", "a digit, bracket or sign in a name")
    return upper.split()


def _without_digraphs(word: str) -> str:
    """Müller is Mueller, and Bjørn is Bjoern: whoever was written one way is found under the other."""
    shorter = _DIGRAPHS.sub(lambda found: found[1] or "A", word)
    return shorter if shorter == word else _without_digraphs(shorter)
