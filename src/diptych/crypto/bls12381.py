"""BLS12-381: scalars, points of G1 and G2, sums and pairings, through one door to the two native libraries.

What signatures and proofs mean is left to the rooms that use it (`bbs`, `fast_suite`). No curve arithmetic is done
here: blst (pyblst) multiplies, decompresses, hashes and pairs, in constant time; arkworks sums many products at once,
in variable time, and so never sees a secret.

Traps of the two libraries, each closed here and tested: arkworks takes `ff`*48 for a point and cuts a sum whose lists
differ in length; both reduce scalars silently; `G1Point()` is the generator in one and `BlstP1Element()` the identity
in the other; a pairing or a sum of nothing is true or zero in both.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import repeat

import pyblst
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError

ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
"""r: the prime order of G1 and G2. A scalar is an int from 0 to r - 1."""

SCALAR_BYTES = 32
G1_BYTES = 48
G2_BYTES = 96
UNIFORM_BYTES = 48
"""RFC 9380, 5: ceil((255 + 128) / 8) bytes reduced modulo r are uniform to 2^-128."""

_FEW = 4
"""Up to here, single multiplications by blst are faster than one sum by arkworks (measured)."""

_COMPRESSED_FLAG, _INFINITY_FLAG = 0x80, 0x40


class G1:
    """A point of the prime-order subgroup G1. Compares by value."""

    __slots__ = ("_arkworks", "_blst", "_encoded")

    def __init__(self, blst: pyblst.BlstP1Element, encoded: bytes | None = None) -> None:
        """For this module. Everyone else gets points from `parse_g1`, `hash_to_g1`, `g1_base` and arithmetic."""
        self._blst = blst
        self._encoded = encoded
        self._arkworks: G1Point | None = None

    def encode(self) -> bytes:
        """The 48 bytes of the compressed point; the exact inverse of `parse_g1`."""
        if self._encoded is None:
            self._encoded = self._blst.compress()
        return self._encoded

    def is_identity(self) -> bool:
        return bool(self.encode()[0] & _INFINITY_FLAG)

    def __add__(self, other: "G1") -> "G1":
        return G1(self._blst + other._blst)

    def __neg__(self) -> "G1":
        return G1(-self._blst)

    def __mul__(self, scalar: int) -> "G1":
        """Constant-time in the scalar (blst)."""
        return G1(self._blst.scalar_mul(scalar % ORDER))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, G1) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"G1({self.encode().hex()[:16]}...)"

    def _for_sums(self) -> G1Point:
        if self._arkworks is None:
            # Unchecked is safe: a G1 holds only what blst decompressed, with its subgroup check, or computed itself.
            self._arkworks = G1Point.from_compressed_bytes_unchecked(self.encode())
        return self._arkworks


class G2:
    """A point of the prime-order subgroup G2: where public keys are. Compares by value."""

    __slots__ = ("_blst", "_encoded")

    def __init__(self, blst: pyblst.BlstP2Element, encoded: bytes | None = None) -> None:
        """For this module. Everyone else gets points from `parse_g2`, `g2_base` and arithmetic."""
        self._blst = blst
        self._encoded = encoded

    def encode(self) -> bytes:
        """The 96 bytes of the compressed point; the exact inverse of `parse_g2`."""
        if self._encoded is None:
            self._encoded = self._blst.compress()
        return self._encoded

    def is_identity(self) -> bool:
        return bool(self.encode()[0] & _INFINITY_FLAG)

    def __add__(self, other: "G2") -> "G2":
        return G2(self._blst + other._blst)

    def __neg__(self) -> "G2":
        return G2(-self._blst)

    def __mul__(self, scalar: int) -> "G2":
        """Constant-time in the scalar (blst)."""
        return G2(self._blst.scalar_mul(scalar % ORDER))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, G2) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"G2({self.encode().hex()[:16]}...)"


def parse_g1(data: bytes) -> G1:
    """The point in 48 compressed bytes: canonical, on the curve, in the subgroup and not the identity."""
    _check_encoding(data, G1_BYTES, "G1")
    try:
        return G1(pyblst.BlstP1Element.uncompress(data), data)
    except ValueError as error:
        raise FormatError("bls12381.g1", "not the canonical encoding of a point of G1") from error


def parse_g2(data: bytes) -> G2:
    """The point in 96 compressed bytes: canonical, on the curve, in the subgroup and not the identity."""
    _check_encoding(data, G2_BYTES, "G2")
    try:
        return G2(pyblst.BlstP2Element.uncompress(data), data)
    except ValueError as error:
        raise FormatError("bls12381.g2", "not the canonical encoding of a point of G2") from error


def parse_scalar(data: bytes) -> int:
    """The scalar in 32 big-endian bytes; refused when it is not below r."""
    if len(data) != SCALAR_BYTES:
        raise FormatError("bls12381.scalar", f"a scalar has {SCALAR_BYTES} bytes")
    scalar = int.from_bytes(data, "big")
    if scalar >= ORDER:
        raise FormatError("bls12381.scalar", "a scalar is below the group order")
    return scalar


def parse_nonzero_scalar(data: bytes) -> int:
    """As `parse_scalar`, and zero is refused too."""
    scalar = parse_scalar(data)
    if scalar == 0:
        raise FormatError("bls12381.scalar", "this scalar is not zero")
    return scalar


def encode_scalar(scalar: int) -> bytes:
    return scalar.to_bytes(SCALAR_BYTES, "big")


def random_scalars(count: int, entropy: Entropy) -> list[int]:
    """`count` uniform scalars from one call of `entropy(48 * count)`, 48 bytes each, reduced modulo r."""
    drawn = entropy(UNIFORM_BYTES * count)
    if len(drawn) != UNIFORM_BYTES * count:
        raise ValueError("entropy returned another number of bytes than was asked for")
    starts = range(0, len(drawn), UNIFORM_BYTES)
    return [int.from_bytes(drawn[start : start + UNIFORM_BYTES], "big") % ORDER for start in starts]


def inverse(scalar: int) -> int:
    """1/scalar modulo r; ValueError for zero. The value inverted in variable time is blinded by a hash of itself."""
    blind = hash_to_scalar(encode_scalar(scalar), b"DIPTYCH_BLS12381_INVERSE_BLIND_")
    return pow(scalar * blind % ORDER, -1, ORDER) * blind % ORDER


@cache
def g1_base() -> G1:
    """BP1, the standard generator of G1."""
    return parse_g1(G1Point().to_compressed_bytes())


@cache
def g2_base() -> G2:
    """BP2, the standard generator of G2."""
    return parse_g2(G2Point().to_compressed_bytes())


def g1_identity() -> G1:
    return G1(pyblst.BlstP1Element())


def g2_identity() -> G2:
    return G2(pyblst.BlstP2Element())


def expand_message(message: bytes, dst: bytes, length: int) -> bytes:
    """expand_message_xmd with SHA-256 (RFC 9380, 5.3.1)."""
    blocks = -(-length // 32)
    if not 0 < len(dst) <= 255 or blocks > 255:
        raise ValueError("a domain separation tag has 1 to 255 bytes, and an expansion at most 8160")
    dst_prime = dst + bytes([len(dst)])
    b_0 = hashlib.sha256(bytes(64) + message + length.to_bytes(2, "big") + b"\0" + dst_prime).digest()
    block = hashlib.sha256(b_0 + b"\1" + dst_prime).digest()
    expanded = [block]
    for number in range(2, blocks + 1):
        mixed = (int.from_bytes(b_0, "big") ^ int.from_bytes(block, "big")).to_bytes(32, "big")
        block = hashlib.sha256(mixed + bytes([number]) + dst_prime).digest()
        expanded.append(block)
    return b"".join(expanded)[:length]


def hash_to_scalar(message: bytes, dst: bytes) -> int:
    """A scalar nobody chose: 48 expanded bytes modulo r."""
    return int.from_bytes(expand_message(message, dst, UNIFORM_BYTES), "big") % ORDER


def hash_to_g1(message: bytes, dst: bytes) -> G1:
    """BLS12381G1_XMD:SHA-256_SSWU_RO_ (RFC 9380, 8.8.1): a point whose discrete logarithm nobody knows."""
    if not 0 < len(dst) <= 255:
        raise ValueError("a domain separation tag has 1 to 255 bytes")
    return G1(pyblst.BlstP1Element.hash_to_group(message, dst))


def sum_secret(terms: Iterable[tuple[G1, int]]) -> G1:
    """The sum of point * scalar, constant-time in the scalars: one blst multiplication each."""
    total = pyblst.BlstP1Element()
    for point, scalar in terms:
        total = total + point._blst.scalar_mul(scalar % ORDER)
    return G1(total)


def sum_small(terms: Sequence[tuple[G1, int]]) -> G1:
    """The sum of point * number for public numbers of few bits, negative ones too, in variable time: by doubling."""
    doubled = pyblst.BlstP1Element()
    signed = [(point._blst if number >= 0 else -point._blst, abs(number)) for point, number in terms]
    for bit in reversed(range(max((number.bit_length() for _, number in signed), default=0))):
        doubled = doubled + doubled
        for point, number in signed:
            if number >> bit & 1:
                doubled = doubled + point
    return G1(doubled)


def sum_public(terms: Sequence[tuple[G1, int]]) -> G1:
    """The sum of point * scalar in variable time (arkworks): for a verifier, whose scalars anyone may know."""
    if len(terms) <= _FEW:
        return sum_secret(terms)
    points = [point._for_sums() for point, _ in terms]
    scalars = [Scalar.from_le_bytes((scalar % ORDER).to_bytes(SCALAR_BYTES, "little")) for _, scalar in terms]
    encoded = G1Point.multiexp_unchecked(points, scalars).to_compressed_bytes()
    return G1(pyblst.BlstP1Element.uncompress(encoded), encoded)


def sum_g2(terms: Iterable[tuple[G2, int]]) -> G2:
    """The sum of point * scalar in G2, constant-time in the scalars: one blst multiplication each."""
    total = pyblst.BlstP2Element()
    for point, scalar in terms:
        total = total + point._blst.scalar_mul(scalar % ORDER)
    return G2(total)


class FixedBase:
    """A point that is multiplied often: a table of 4 x 256 multiples, made at first use (about 1 ms).

    A product is a fixed sequence of constant-time additions whose operands are *looked up by the scalar's bytes*. So it
    is for scalars used once (a proof's blinding), not for keys: who can watch this process's cache can watch anything
    else that Python does with the same secrets.
    """

    __slots__ = ("_rows", "point")

    _ROW_BYTES = 8

    def __init__(self, point: G1) -> None:
        self.point = point
        self._rows: tuple[list[pyblst.BlstP1Element], ...] | None = None

    def rows(self) -> tuple[list[pyblst.BlstP1Element], ...]:
        """Row r holds 0..255 times 2^(64 r) times the point."""
        if self._rows is None:
            rows = []
            start = self.point._blst
            for _ in range(SCALAR_BYTES // self._ROW_BYTES):
                row = [pyblst.BlstP1Element()]
                for _ in repeat(None, 255):
                    row.append(row[-1] + start)
                rows.append(row)
                start = start.scalar_mul(1 << (8 * self._ROW_BYTES))
            self._rows = tuple(rows)
        return self._rows


def sum_fixed(terms: Sequence[tuple[FixedBase, int]]) -> G1:
    """The sum of base * scalar by tables; see `FixedBase` for which scalars that is meant for."""
    tables = [base.rows() for base, _ in terms]
    digits = [(scalar % ORDER).to_bytes(SCALAR_BYTES, "little") for _, scalar in terms]
    total = pyblst.BlstP1Element()
    for column in (7, 6, 5, 4, 3, 2, 1, 0):
        if column != 7:
            for _ in repeat(None, 8):
                total = total + total
        for (row0, row1, row2, row3), digit in zip(tables, digits, strict=True):
            total = total + row0[digit[column]] + row1[digit[column + 8]]
            total = total + row2[digit[column + 16]] + row3[digit[column + 24]]
    return G1(total)


def pairing_product_is_one(pairs: Iterable[tuple[G1, G2]]) -> bool:
    """Whether the product of e(P, Q) over all pairs is the identity of GT. True for no pairs."""
    loops = [
        pyblst.miller_loop(p._blst, q._blst) for p, q in pairs if not p.is_identity() and not q.is_identity()
    ]  # e(0, Q) = e(P, 0) = 1; pairings of the identity are not left to the library
    if not loops:
        return True
    return pyblst.final_verify(_product(loops), _one())


def equal_scalars(left: int, right: int) -> bool:
    """Constant-time comparison of two scalars."""
    return hmac.compare_digest(encode_scalar(left), encode_scalar(right))


def _product(loops: list[pyblst.BlstFP12Element]) -> pyblst.BlstFP12Element:
    product = loops[0]
    for loop in loops[1:]:
        product = product * loop
    return product


@cache
def _one() -> pyblst.BlstFP12Element:
    """A value whose final exponentiation is one: e(P, Q) * e(-P, Q)."""
    g1, g2 = g1_base()._blst, g2_base()._blst
    return pyblst.miller_loop(g1, g2) * pyblst.miller_loop(-g1, g2)


def _check_encoding(data: bytes, size: int, group: str) -> None:
    check = f"bls12381.{group.lower()}"
    if len(data) != size:
        raise FormatError(check, f"a compressed point of {group} has {size} bytes")
    if not data[0] & _COMPRESSED_FLAG:
        raise FormatError(check, "only compressed points are accepted")
    if data[0] & _INFINITY_FLAG:
        raise FormatError(check, "the identity is no valid key, signature or proof part")
