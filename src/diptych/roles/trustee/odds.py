"""The odds of losing the quorum: of more than n - k trustees gone at once, so that no record opens any more.

    q(t)  = 1 - (1 - p)^(t / 365)                    one trustee is lost within t days; p: within a year
    now   = P(Bin(m, q(D)) >= m - k + 1)             of m that are there, before those that are gone are replaced
    year <= ceil(365 / D) * P(Bin(n, q(2D)) >= n - k + 1)

Assumed: trustees are lost independently of one another, at the same rate all year, and each is replaced within D days.
The bound: n - k + 1 are gone at once only if they were lost within D days of one another, and then within one of the
windows of 2D days that begin every D days. What p is, nobody knows: the operator says it, and sees it with the odds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, comb

from diptych.formats.strict_toml import TomlTable, number, only, table_of

DAYS = 365
MEMBERS = ("quorum",)


@dataclass(frozen=True)
class Risk:
    """What is assumed: how many of a hundred trustees are lost in a year, and how long a replacement takes at most."""

    loss_percent_a_year: int = 5
    days_to_replace: int = 30


@dataclass(frozen=True)
class Odds:
    """The odds of losing the quorum. `until_replaced`: by how many are gone already, before they are replaced."""

    year_at_most: float
    until_replaced: Mapping[int, float]


def odds_of_loss(*, trustees: int, threshold: int, risk: Risk) -> Odds:
    """Of `trustees`, of whom any `threshold` open a record."""
    spared = trustees - threshold
    windows = ceil(DAYS / risk.days_to_replace)
    in_window = _at_least(spared + 1, of=trustees, each=_lost_within(2 * risk.days_to_replace, risk))
    soon = _lost_within(risk.days_to_replace, risk)
    return Odds(
        min(1.0, windows * in_window),
        {gone: _at_least(spared - gone + 1, of=trustees - gone, each=soon) for gone in range(spared + 1)},
    )


def read_risk(table: TomlTable) -> Risk:
    """The assumptions in a policy file's table, or `FormatError` that says what to mend."""
    quorum = table_of(table, "quorum")
    only(quorum, ("loss_percent_a_year", "days_to_replace"), "quorum")
    default = Risk()
    return Risk(
        number(quorum, "loss_percent_a_year", most=99, default=default.loss_percent_a_year),
        number(quorum, "days_to_replace", most=DAYS, default=default.days_to_replace),
    )


def _lost_within(days: int, risk: Risk) -> float:
    return float(1.0 - (1.0 - risk.loss_percent_a_year / 100) ** (days / DAYS))


def _at_least(least: int, *, of: int, each: float) -> float:
    return sum(comb(of, lost) * each**lost * (1.0 - each) ** (of - lost) for lost in range(least, of + 1))
