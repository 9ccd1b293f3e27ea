"""The odds of losing the quorum: the stated formula, against counting every case and the operator's page."""

from itertools import product
from math import ceil

import pytest

from diptych.errors import FormatError
from diptych.roles.trustee.odds import Risk, odds_of_loss, read_risk


def counted(trustees: int, threshold: int, each: float) -> float:
    """Every way in which too few are left, one by one."""
    total = 0.0
    for fate in product((True, False), repeat=trustees):
        if fate.count(True) < threshold:
            there = fate.count(True)
            total += (1 - each) ** there * each ** (trustees - there)
    return total


@pytest.mark.parametrize(("trustees", "threshold"), [(3, 2), (5, 3), (7, 4), (9, 3)])
def test_the_odds_are_what_counting_every_case_gives(trustees: int, threshold: int) -> None:
    risk = Risk(loss_percent_a_year=10, days_to_replace=45)
    odds = odds_of_loss(trustees=trustees, threshold=threshold, risk=risk)
    soon, window = 1 - 0.9 ** (45 / 365), 1 - 0.9 ** (90 / 365)
    assert list(odds.until_replaced) == list(range(trustees - threshold + 1))
    for gone, found in odds.until_replaced.items():
        assert found == pytest.approx(counted(trustees - gone, threshold, soon))
    assert odds.year_at_most == pytest.approx(ceil(365 / 45) * counted(trustees, threshold, window))


def test_the_numbers_of_the_operators_page() -> None:
    odds = odds_of_loss(trustees=5, threshold=3, risk=Risk())
    assert f"{odds.year_at_most:.1g}" == "8e-05"
    assert f"{odds.until_replaced[2]:.2g}" == "0.013"


def test_slower_replacement_and_more_loss_are_worse_and_certainty_is_the_end_of_it() -> None:
    def year(**changed: int) -> float:
        return odds_of_loss(trustees=5, threshold=3, risk=Risk(**changed)).year_at_most

    assert year(days_to_replace=7) < year() < year(days_to_replace=90)
    assert year(loss_percent_a_year=1) < year() < year(loss_percent_a_year=20)
    assert year(loss_percent_a_year=99, days_to_replace=365) == pytest.approx(1.0)


def test_assumptions_are_read_strictly() -> None:
    assert read_risk({}) == Risk()
    assert read_risk({"quorum": {"days_to_replace": 7}}) == Risk(5, 7)
    for wrong in ({"loss_percent_a_year": 0}, {"days_to_replace": 400}, {"loss": 5}):
        with pytest.raises(FormatError):
            read_risk({"quorum": wrong})
