"""What may be asked of a fast-suite credential, in words that a policy, a registration and a query share.

`age >= 18`, `valid`, `not revoked` and `same pseudonym` are proved and nothing else is said; an attribute's name asks
for its value. A question becomes the statements of `crypto/fast_suite` the same way on both sides, so what was asked
is what is proved. Bounds are never the verifier's free choice: it names an age and a day, and who chose its own bounds
could search for a birth date.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from diptych.crypto.fast_suite.credential import Kind, Layout, Value, day_number, latest_birth_date
from diptych.crypto.fast_suite.statements import Statement
from diptych.crypto.fast_suite.statements.disclosure import Disclosure
from diptych.crypto.fast_suite.statements.not_revoked import NotRevoked
from diptych.crypto.fast_suite.statements.possession import Possession
from diptych.crypto.fast_suite.statements.pseudonym import Pseudonym
from diptych.crypto.fast_suite.statements.range import Range
from diptych.crypto.fast_suite.tokens import EpochKey, PublicSet
from diptych.errors import FormatError, Refused

VALID = "valid"
NOT_REVOKED = "not revoked"
SAME_PSEUDONYM = "same pseudonym"
BIRTH_DATE, VALID_UNTIL, REVOCATION_ID = "birth_date", "valid_until", "revocation_id"
MAX_PHRASES = 8
MAX_DISCLOSED = 32
MAX_AGE = 150
DAY_SKEW = timedelta(days=1)
"""Between the verifier's day and the wallet's: midnight is not everywhere at once."""

_AGE = re.compile(r"age >= ([1-9][0-9]{0,2})")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True)
class Question:
    """Phrases to prove and attributes to disclose, of one document type, on one day."""

    document_type: str
    phrases: tuple[str, ...]
    disclosed: tuple[str, ...]
    on: date

    @property
    def asks_not_revoked(self) -> bool:
        return NOT_REVOKED in self.phrases

    @property
    def asks_pseudonym(self) -> bool:
        return SAME_PSEUDONYM in self.phrases


@dataclass(frozen=True)
class Keys:
    """With which public keys a question is asked: all of them from the trust file and the epoch, none of one person's.

    `epoch` is None where nothing is asked about revocation.
    """

    issuer_key: bytes
    layout: Layout
    digits: PublicSet
    epoch: EpochKey | None = field(default=None)


def check_phrase(text: str) -> str:
    """`text` if it is a phrase; `FormatError` that lists what can be asked."""
    if text in (VALID, NOT_REVOKED, SAME_PSEUDONYM) or age_of(text) is not None:
        return text
    raise FormatError(
        "question.phrase",
        f"what can be proved is 'age >= 18' (any age), '{VALID}', '{NOT_REVOKED}', '{SAME_PSEUDONYM}'",
    )


def age_of(phrase: str) -> int | None:
    """The age in `age >= N`; None for another phrase."""
    found = _AGE.fullmatch(phrase)
    age = None if found is None else int(found[1])
    return age if age is not None and age <= MAX_AGE else None


def check_question(question: Question) -> None:
    """`FormatError` for what is no question: nothing asked, or something twice."""
    if not question.phrases and not question.disclosed:
        raise FormatError("question.empty", "a question asks something")
    if len(question.phrases) > MAX_PHRASES or len(question.disclosed) > MAX_DISCLOSED:
        raise FormatError("question.size", f"at most {MAX_PHRASES} phrases and {MAX_DISCLOSED} attributes")
    for asked in (question.phrases, question.disclosed):
        if len(set(asked)) != len(asked):
            raise FormatError("question.repeated", "the same is asked twice")
    if question.on.year <= MAX_AGE:
        raise FormatError("question.day", "the day of a question is one of this calendar's later years")
    for phrase in question.phrases:
        check_phrase(phrase)
    for name in question.disclosed:
        if not _NAME.fullmatch(name) or name == REVOCATION_ID:
            raise FormatError("question.attribute", "an attribute is named by letters, digits and underscores")


def check_day(question: Question, today: date) -> None:
    """`Refused` for a question about another day: asked for many days, an answer would give a birth date away."""
    if abs(question.on - today) > DAY_SKEW:
        raise Refused("question.day", "the question is about another day than today", code="access_denied")


def statements(question: Question, keys: Keys, disclosed: Mapping[str, Value]) -> tuple[Statement, ...]:
    """The statements in the one order that both sides use: possession, disclosures, then the phrases as asked.

    `disclosed` has the value of each attribute asked for. `FormatError` where the document type has no such
    attribute, or an epoch is missing.
    """
    check_question(question)
    if keys.layout.document_type != question.document_type or set(disclosed) != set(question.disclosed):
        raise FormatError("question.layout", "the layout or the disclosed values are another question's")
    possession = Possession(0, keys.issuer_key, keys.layout)
    found: list[Statement] = [possession]
    for name in question.disclosed:
        attribute = possession.attribute(name)
        found.append(Disclosure(attribute, keys.layout.kind(attribute.position), disclosed[name]))
    found += [_statement(phrase, question, keys, possession) for phrase in question.phrases]
    return tuple(found)


def can_ask(layout: Layout, phrases: Sequence[str], disclosed: Sequence[str]) -> bool:
    """Whether documents of this layout say anything about all of this."""
    kinds = {one.name: one.kind for one in layout.fields}
    needs = {VALID: (VALID_UNTIL, Kind.DATE), NOT_REVOKED: (REVOCATION_ID, Kind.IDENTIFIER)}
    for phrase in phrases:
        needed = (BIRTH_DATE, Kind.DATE) if age_of(phrase) is not None else needs.get(phrase)
        if needed is not None and kinds.get(needed[0]) is not needed[1]:
            return False
    return all(kinds.get(name) not in (None, Kind.IDENTIFIER) for name in disclosed)


def _statement(phrase: str, question: Question, keys: Keys, possession: Possession) -> Statement:
    age = age_of(phrase)
    if age is not None:
        bound = day_number(latest_birth_date(age=age, on=question.on))
        return Range(possession.attribute(BIRTH_DATE), keys.digits, at_most=bound)
    if phrase == VALID:
        return Range(possession.attribute(VALID_UNTIL), keys.digits, at_least=day_number(question.on))
    if phrase == NOT_REVOKED:
        if keys.epoch is None:
            raise FormatError("question.epoch", "a question about revocation names an epoch")
        return NotRevoked(possession.attribute(REVOCATION_ID), keys.epoch)
    return Pseudonym(possession.holder_secret)
