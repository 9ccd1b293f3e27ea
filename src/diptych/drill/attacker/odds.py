"""How sure one can be that a thief did better than guessing.

Clopper and Pearson's exact interval for a share, from the beta distribution by its continued fraction (Numerical
Recipes 6.4 names the method; Lentz evaluates it). Exact, because what matters here is one hit more or less.
"""

import math

STEPS = 300
ALPHA = 0.001
"""How often a thief who only guesses is called better than that, over all the ways of joining tried together."""


def interval(hits: int, trials: int, *, alpha: float = ALPHA) -> tuple[float, float]:
    """Between what shares the true one lies, wrong `alpha` of the time. (0, 1) where nothing was tried."""
    if trials == 0:
        return 0.0, 1.0
    low = 0.0 if hits == 0 else _beta_quantile(alpha / 2, hits, trials - hits + 1)
    high = 1.0 if hits == trials else _beta_quantile(1 - alpha / 2, hits + 1, trials - hits)
    return low, high


def _beta_quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta(middle, a, b) < share else (low, middle)
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    return front * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    found = d
    for m in range(1, STEPS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d or tiny)
            c = 1 + numerator / c or tiny
            found *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return found
