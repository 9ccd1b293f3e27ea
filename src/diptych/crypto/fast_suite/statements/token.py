"""The part that three kinds of statement share: a hidden value has a token under this key.

What it means that it has one is left to them: `range` (it is a digit), `membership`, `not_revoked`.
"""

from diptych.crypto.bls12381 import G1, G2
from diptych.crypto.fast_suite.statements import Assignment, Knowledge
from diptych.crypto.fast_suite.system import Linear, System
from diptych.crypto.fast_suite.tokens import fixed_g1


def relate_token(system: System, key: G2, value: Linear) -> None:
    """V' * s = g1 * rho - V' * x: with V' != 0, V' * (1/rho) is the token of x under s."""
    v = system.point()
    rho = system.secret()
    system.paired_equation([(fixed_g1(), rho), (v, -value)], v, key)


def assign_token(token: G1, knowledge: Knowledge) -> Assignment:
    """V' = V * rho, uniform whatever the token is."""
    rho = knowledge.draw()
    return Assignment((token * rho,), (rho,))
