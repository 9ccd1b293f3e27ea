"""Tokens: Boneh-Boyen signatures on one scalar, published in bulk, that make a hidden value provable.

A token for x under a key s is V = g1 * (1/(s + x)). A key signs one list and nothing else: the ids that stand in an
epoch, or the elements of a set (the digits 0..255 of ranges are one). Who owns which key, and how lists are published,
is left to the roles; how a token is proved without being shown, to `statements.token`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from diptych.crypto.bls12381 import (
    G1,
    G2,
    ORDER,
    FixedBase,
    encode_scalar,
    g1_base,
    g2_base,
    hash_to_scalar,
    inverse,
    pairing_product_is_one,
    parse_g1,
    parse_g2,
    parse_nonzero_scalar,
    random_scalars,
    sum_public,
)
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, VerificationError
from diptych.private import Secret

MAX_SET_SIZE = 1_024


@dataclass(frozen=True)
class EpochKey:
    """Under this key, ids that stand in this epoch have tokens. From the log: one for each issuer and epoch."""

    epoch: str
    key: bytes

    @property
    def role(self) -> bytes:
        return b"epoch\0" + self.epoch.encode()


@dataclass(frozen=True)
class PublicSet:
    """A small public set, as scalars in ascending order, and the key under which exactly these have tokens."""

    elements: tuple[int, ...]
    key: bytes

    @property
    def role(self) -> bytes:
        return b"set\0" + encode_scalar(_digest(self.elements))


class SignedSet:
    """A public set with the token of each element, all verified. Only `verify_set` makes one."""

    __slots__ = ("public", "tokens")

    def __init__(self, public: PublicSet, tokens: dict[int, G1]) -> None:
        self.public = public
        self.tokens = tokens


def token_public_key(sk: Secret) -> bytes:
    """96 bytes. A token key is made like an issuer's (`bbs.keygen`), and is never an issuer's."""
    return (g2_base() * parse_nonzero_scalar(sk.reveal())).encode()


def issue_tokens(sk: Secret, values: Sequence[int]) -> list[bytes]:
    """48 bytes for each value, constant-time in the key. What is in `values` is what the key says is true."""
    secret = parse_nonzero_scalar(sk.reveal())
    return [(g1_base() * factor).encode() for factor in _inverses([(secret + value) % ORDER for value in values])]


def verify_token(key: bytes, value: int, token: bytes) -> G1:
    """The token as a point, when it is the one for `value` under `key`; a holder checks its own once."""
    point = parse_g1(token)
    if not pairing_product_is_one([(point, parse_key(key)), (point * value + -g1_base(), g2_base())]):
        raise VerificationError("fast_suite.token", "not the token of this value under this key")
    return point


def verify_set(public: PublicSet, tokens: Sequence[bytes], *, entropy: Entropy) -> SignedSet:
    """The set with its tokens, when each is right. Every holder does this once: a wrong one could mark its user."""
    if len(tokens) != len(public.elements):
        raise FormatError("fast_suite.set", "one token for each element")
    points = [parse_g1(token) for token in tokens]
    weights = random_scalars(len(points), entropy)
    weighted = list(zip(points, weights, strict=True))
    left = [
        *((point, weight * element) for (point, weight), element in zip(weighted, public.elements, strict=True)),
        (g1_base(), -sum(weights)),
    ]
    if not pairing_product_is_one([(sum_public(weighted), parse_key(public.key)), (sum_public(left), g2_base())]):
        raise VerificationError("fast_suite.set", "a token of this set is wrong")
    return SignedSet(public, dict(zip(public.elements, points, strict=True)))


def public_set(elements: Sequence[int], key: bytes) -> PublicSet:
    """A set from its elements in any order; FormatError when it is empty, repeats itself or is not small."""
    ordered = tuple(sorted(elements))
    if not 0 < len(ordered) <= MAX_SET_SIZE or len(set(ordered)) != len(ordered):
        raise FormatError("fast_suite.set", f"1 to {MAX_SET_SIZE} different elements")
    if ordered[0] < 0 or ordered[-1] >= ORDER:
        raise FormatError("fast_suite.set", "elements are scalars")
    parse_key(key)
    return PublicSet(ordered, key)


@lru_cache(maxsize=1_024)
def parse_key(key: bytes) -> G2:
    """A public key, checked once."""
    return parse_g2(key)


@cache
def fixed_g1() -> FixedBase:
    return FixedBase(g1_base())


@lru_cache(maxsize=1_024)
def _digest(elements: tuple[int, ...]) -> int:
    return hash_to_scalar(b"".join(encode_scalar(element) for element in elements), b"DIPTYCH_FAST_SUITE_V1_SET_")


def _inverses(values: Sequence[int]) -> list[int]:
    """All inverses modulo r for one inversion (Montgomery); ValueError if one is zero."""
    products = [1]
    for value in values:
        products.append(products[-1] * value % ORDER)
    rest = inverse(products[-1]) if values else 1
    found = []
    for value, before in zip(reversed(values), reversed(products[:-1]), strict=True):
        found.append(rest * before % ORDER)
        rest = rest * value % ORDER
    return found[::-1]
