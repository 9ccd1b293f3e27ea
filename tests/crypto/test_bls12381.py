"""The door to the two curve libraries: what each would let through, and that the two agree."""

import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_arkworks_bls12381 import G1Point, Scalar

from diptych.crypto.bls12381 import (
    ORDER,
    FixedBase,
    encode_scalar,
    expand_message,
    g1_base,
    g1_identity,
    g2_base,
    g2_identity,
    hash_to_g1,
    hash_to_scalar,
    inverse,
    pairing_product_is_one,
    parse_g1,
    parse_g2,
    parse_nonzero_scalar,
    parse_scalar,
    random_scalars,
    sum_fixed,
    sum_g2,
    sum_public,
    sum_secret,
    sum_small,
)
from diptych.errors import FormatError

FIELD = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
scalars = st.integers(min_value=0, max_value=ORDER - 1)
edges = st.sampled_from([0, 1, 2, 255, 256, 2**64 - 1, 2**64, 2**128, ORDER - 2, ORDER - 1])


def point_outside_the_subgroup() -> bytes:
    """On the curve, canonical, of another order: nearly every x of the curve gives one."""
    for x in range(1, 100):
        data = bytes([0x80 | x.to_bytes(48, "big")[0]]) + x.to_bytes(48, "big")[1:]
        try:
            point = G1Point.from_compressed_bytes_unchecked(data)
        except ValueError:
            continue
        if not point.is_in_subgroup():
            return data
    raise AssertionError("no such point found")


def low_order_g2() -> bytes:
    from py_arkworks_bls12381 import G2Point

    for x in range(1, 100):
        data = bytes([0x80]) + bytes(47) + x.to_bytes(48, "big")
        try:
            point = G2Point.from_compressed_bytes_unchecked(data)
        except ValueError:
            continue
        if not point.is_in_subgroup():
            return data
    raise AssertionError("no such point found")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(48),
        b"\xff" * 48,
        b"\xc0" + bytes(47),  # the identity, canonical
        b"\xe0" + bytes(47),
        b"\xc0" + bytes(46) + b"\x01",
        g1_base().encode()[:-1],
        g1_base().encode() + b"\0",
        bytes.fromhex(g1_base().encode().hex().replace("97", "17", 1)),  # without the compression flag
        (FIELD + (0x80 << 376)).to_bytes(48, "big"),  # x = p
        (int.from_bytes(g1_base().encode(), "big") + FIELD).to_bytes(48, "big"),  # x + p: the same point, not canonical
        point_outside_the_subgroup(),
        g2_base().encode(),
    ],
)
def test_only_canonical_points_of_g1_other_than_the_identity_are_parsed(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_g1(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(96),
        b"\xff" * 96,
        b"\xc0" + bytes(95),
        g2_base().encode()[:-1],
        g2_base().encode() + b"\0",
        low_order_g2(),
        g1_base().encode(),
    ],
)
def test_only_canonical_points_of_g2_other_than_the_identity_are_parsed(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_g2(data)


def test_arkworks_alone_would_have_taken_ff_for_a_point() -> None:
    G1Point.from_compressed_bytes(b"\xff" * 48)


def test_generators_are_generators_and_the_identity_is_the_identity() -> None:
    assert G1Point() != G1Point.identity()
    assert not g1_base().is_identity()
    assert not g2_base().is_identity()
    assert g1_identity().is_identity()
    assert (g1_base() * 0).is_identity()
    assert (g1_base() * ORDER).is_identity()
    assert g1_base() + g1_identity() == g1_base()


@given(st.integers(min_value=0))
def test_scalars_are_canonical(value: int) -> None:
    value %= 2**256
    data = value.to_bytes(32, "big")
    if value < ORDER:
        assert encode_scalar(parse_scalar(data)) == data
    else:
        with pytest.raises(FormatError):
            parse_scalar(data)


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), encode_scalar(ORDER), b"\xff" * 32])
def test_other_scalars_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_scalar(data)


def test_zero_is_refused_where_it_must_not_be() -> None:
    assert parse_scalar(bytes(32)) == 0
    with pytest.raises(FormatError):
        parse_nonzero_scalar(bytes(32))


@settings(max_examples=20, deadline=None)
@given(st.lists(scalars | edges, min_size=1, max_size=9))
def test_the_three_ways_to_sum_agree(values: list[int]) -> None:
    points = [hash_to_g1(bytes([number]), b"TEST_SUM_") for number in range(len(values))]
    expected = sum_secret(zip(points, values, strict=True))
    assert sum_public(list(zip(points, values, strict=True))) == expected
    assert sum_fixed([(FixedBase(point), value) for point, value in zip(points, values, strict=True)]) == expected


@given(st.lists(st.integers(-(2**20), 2**20), max_size=5))
def test_a_sum_of_small_numbers_is_the_sum(numbers: list[int]) -> None:
    points = [hash_to_g1(bytes([place]), b"tag") for place in range(len(numbers))]
    assert sum_small(list(zip(points, numbers, strict=True))) == sum_public(list(zip(points, numbers, strict=True)))


def test_sums_of_nothing_and_of_identities() -> None:
    assert sum_public([]).is_identity()
    assert sum_secret([]).is_identity()
    assert sum_fixed([]).is_identity()
    assert sum_public([(g1_identity(), 5), (g1_base(), 0)]).is_identity()


@settings(max_examples=10, deadline=None)
@given(scalars | edges)
def test_blst_and_arkworks_multiply_alike(value: int) -> None:
    assert (g1_base() * value).encode() == (G1Point() * Scalar(value)).to_compressed_bytes()


@pytest.mark.parametrize("message", [b"", b"abc", bytes(1_000)])
def test_blst_and_arkworks_hash_alike(message: bytes) -> None:
    dst = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
    assert hash_to_g1(message, dst).encode() == G1Point.hash_to_curve(message, dst).to_compressed_bytes()


def test_hash_to_curve_vector_of_rfc_9380() -> None:
    # RFC 9380, J.9.1, msg = "abc": the x coordinate
    point = hash_to_g1(b"abc", b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_")
    x = int.from_bytes(point.encode(), "big") & ((1 << 381) - 1)
    expected = "03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2f6903"
    assert x == int(expected, 16)


def test_expand_message_vector_of_rfc_9380() -> None:
    # RFC 9380, K.1: expand_message_xmd(SHA-256), msg = "", len_in_bytes = 0x20
    expected = "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235"
    assert expand_message(b"", b"QUUX-V01-CS02-with-expander-SHA256-128", 32).hex() == expected


@pytest.mark.parametrize(("dst", "length"), [(b"", 32), (bytes(256), 32), (b"x", 8161)])
def test_expansion_has_limits(dst: bytes, length: int) -> None:
    with pytest.raises(ValueError):
        expand_message(b"", dst, length)


def test_a_hash_to_g1_needs_a_tag() -> None:
    with pytest.raises(ValueError):
        hash_to_g1(b"", b"")


def test_inverse() -> None:
    for value in (1, 2, ORDER - 1, *random_scalars(5, os.urandom)):
        assert value * inverse(value) % ORDER == 1
    with pytest.raises(ValueError):
        inverse(0)


def test_random_scalars_take_48_bytes_each_in_one_call() -> None:
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return hashlib.shake_256(b"seed").digest(count)

    drawn = random_scalars(3, entropy)
    assert asked == [144]
    assert drawn[1] == int.from_bytes(hashlib.shake_256(b"seed").digest(144)[48:96], "big") % ORDER


def test_short_entropy_is_not_stretched() -> None:
    with pytest.raises(ValueError):
        random_scalars(3, lambda _: bytes(48))


def test_pairings() -> None:
    a, b = random_scalars(2, os.urandom)
    pair = [(g1_base() * a, g2_base() * b), (-(g1_base() * (a * b)), g2_base())]
    assert pairing_product_is_one(pair)
    assert pairing_product_is_one([(-p, q) for p, q in pair])
    assert not pairing_product_is_one(pair[:1])
    assert not pairing_product_is_one([(g1_base(), g2_base() * a), (g1_base(), g2_base() * b)])
    assert not pairing_product_is_one([(g1_base(), g2_base()), (g1_base(), g2_base())])
    assert pairing_product_is_one([])
    assert pairing_product_is_one([(g1_identity(), g2_base())])
    assert pairing_product_is_one([(g1_identity(), g2_base()), *pair])


def test_hash_to_scalar_is_below_the_order() -> None:
    assert 0 <= hash_to_scalar(b"x", b"y") < ORDER
    assert hash_to_scalar(b"x", b"y") != hash_to_scalar(b"x", b"z")


def test_points_compare_and_hash_by_value() -> None:
    assert len({g1_base() * 2, g1_base() + g1_base()}) == 1
    assert len({g2_base() * 2, parse_g2((g2_base() * 2).encode())}) == 1
    assert g1_base() != g2_base()
    assert (-g2_base()) * (ORDER - 1) == g2_base()
    assert repr(g1_base()).startswith("G1(97f1d3a7")
    assert repr(g2_base()).startswith("G2(93e02b60")


@settings(max_examples=10, deadline=None)
@given(st.lists(st.one_of(scalars, edges), min_size=1, max_size=4))
def test_sums_in_g2_are_those_of_the_scalars(factors: list[int]) -> None:
    assert sum_g2((g2_base(), factor) for factor in factors) == g2_base() * (sum(factors) % ORDER)
    assert g2_base() * 3 + -g2_base() == g2_base() * 2
    assert g2_base() + g2_identity() == g2_base()
    assert (g2_base() * ORDER).is_identity()
    assert sum_g2(()) == g2_identity()
