"""Polynomials over the scalars of BLS12-381, and over points: what shares of a key are made of.

Arithmetic modulo r on secrets is Python's own here, not constant-time. It happens in key ceremonies alone, a few times
in a key's life and on nobody's demand; what answers to strangers multiplies in blst.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm, prod

from diptych.crypto.bls12381 import G2, ORDER, g2_identity, sum_g2


@lru_cache(maxsize=4096)
def lagrange(indices: tuple[int, ...], index: int, at: int) -> int:
    """What the value at `index` counts for in the value at `at`, interpolated over the distinct `indices`. Public."""
    numerator, denominator = 1, 1
    for other in indices:
        if other != index:
            numerator = numerator * (at - other) % ORDER
            denominator = denominator * (index - other) % ORDER
    return numerator * pow(denominator, -1, ORDER) % ORDER


@lru_cache(maxsize=4096)
def whole_lagrange(indices: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """What the values at `indices` count for in the value at 0, as whole numbers over one denominator. Public.

    For indices from 1 on they are small: 3, -3 and 1 over 1 for the first three.
    """
    factors = [prod(Fraction(other, other - index) for other in indices if other != index) for index in indices]
    denominator = lcm(*(factor.denominator for factor in factors))
    return tuple(int(factor * denominator) for factor in factors), denominator


def evaluate(coefficients: Sequence[int], at: int) -> int:
    """The value at `at`, constant term first."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * at + coefficient) % ORDER
    return value


def evaluate_committed(commitments: Sequence[G2], at: int) -> G2:
    """g2 times the value at `at` of the polynomial whose coefficients, times g2, are `commitments`."""
    value = g2_identity()
    for commitment in reversed(commitments):
        value = value * at + commitment
    return value


def interpolate_keys(keys: Mapping[int, G2], *, at: int) -> G2:
    """The public key at `at` of the polynomial through `keys`, which has as many coefficients as there are of them."""
    indices = tuple(sorted(keys))
    return sum_g2((keys[index], lagrange(indices, index, at)) for index in indices)
