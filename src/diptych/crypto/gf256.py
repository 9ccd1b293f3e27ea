"""GF(2^8), 32 elements at a time: the arithmetic of shares, without a table and without a branch on a secret.

A vector of 32 field elements is an int of 256 bits, one element a byte (FIPS 197, 4: modulo x^8 + x^4 + x^3 + x + 1).
Vectors may be secret; the one thing they are ever multiplied by is a *public* element (an index, a Lagrange
coefficient), and only that one steers what is computed. What remains to be seen from outside is Python's own: an int
whose top limb is zero is shorter, which happens to a uniform secret rarely and tells that it did.
"""

from functools import lru_cache

LANES = 32
VECTOR_BYTES = LANES

_LOW_BITS = int.from_bytes(b"\x7f" * LANES, "big")
_CARRIES = int.from_bytes(b"\x01" * LANES, "big")
_REDUCTION = 0x1B


def scale(vector: int, by: int) -> int:
    """Each of the 32 elements of `vector` times the public element `by`."""
    product = 0
    while by:
        if by & 1:
            product ^= vector
        vector = ((vector & _LOW_BITS) << 1) ^ (((vector >> 7) & _CARRIES) * _REDUCTION)
        by >>= 1
    return product


def multiply(left: int, right: int) -> int:
    """The product of two public elements."""
    return scale(left, right)


def inverse(element: int) -> int:
    """1/element of a public element that is not zero: element^254."""
    if not 0 < element < 256:
        raise ValueError("an element that has an inverse is from 1 to 255")
    power, result = element, 1
    for _ in range(7):
        power = multiply(power, power)
        result = multiply(result, power)
    return result


@lru_cache(maxsize=4096)
def lagrange(indices: tuple[int, ...], index: int, at: int) -> int:
    """What the value at `index` counts for in the value at `at`, interpolated over the distinct `indices`."""
    numerator, denominator = 1, 1
    for other in indices:
        if other != index:
            numerator = multiply(numerator, other ^ at)
            denominator = multiply(denominator, other ^ index)
    return multiply(numerator, inverse(denominator))
