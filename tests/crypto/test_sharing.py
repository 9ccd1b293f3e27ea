"""Any k shares give the secret back, k - 1 say nothing, and a false share is found by its hash."""

import hashlib
import os
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.crypto import gf256, sharing
from diptych.errors import FormatError, Refused, VerificationError
from diptych.private import Secret

SECRET = Secret(bytes(range(32)))
INDICES = (1, 2, 3, 4, 5, 201, 202)


def split(threshold: int = 3) -> dict[int, Secret]:
    return dict(sharing.split(SECRET, threshold=threshold, indices=INDICES, entropy=os.urandom))


def times(left: int, right: int) -> int:
    """The product in GF(2^8), the long way: FIPS 197 4.2."""
    product = 0
    for bit in range(8):
        if right >> bit & 1:
            product ^= left << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11B << (bit - 8)
    return product


def test_every_product_and_inverse_of_the_field_is_right() -> None:
    for left in range(256):
        vector = int.from_bytes(bytes([left, *([0] * 30), left]), "big")
        for right in range(256):
            product = gf256.scale(vector, right).to_bytes(32, "big")
            assert product == bytes([times(left, right), *([0] * 30), times(left, right)])
    for element in range(1, 256):
        assert times(element, gf256.inverse(element)) == 1
    for outside in (0, 256):
        with pytest.raises(ValueError, match="inverse"):
            gf256.inverse(outside)


def test_any_three_of_seven_recover_the_secret() -> None:
    shares = split()
    for chosen in combinations(INDICES, 3):
        assert sharing.combine({index: shares[index] for index in chosen}, threshold=3) == SECRET
    assert sharing.combine(shares, threshold=3) == SECRET


@given(st.binary(min_size=32, max_size=32), st.data())
def test_any_threshold_and_any_indices_recover_the_secret(secret: bytes, data: st.DataObject) -> None:
    indices = data.draw(st.lists(st.integers(1, 255), min_size=2, max_size=12, unique=True))
    threshold = data.draw(st.integers(2, len(indices)))
    shares = sharing.split(Secret(secret), threshold=threshold, indices=indices, entropy=os.urandom)
    chosen = data.draw(st.permutations(indices))[:threshold]
    assert sharing.combine({index: shares[index] for index in chosen}, threshold=threshold).reveal() == secret


def test_two_of_three_shares_fit_every_secret_alike() -> None:
    # For any other secret there is a third share that makes the two come from it: they exclude nothing.
    shares = split()
    for other in (bytes(32), b"\xff" * 32):
        vectors = {0: int.from_bytes(other, "big")} | {at: sharing.share_vector(shares[at]) for at in (1, 2)}
        third = Secret(sharing.interpolate(vectors, at=3).to_bytes(32, "big"))
        assert sharing.combine({1: shares[1], 2: shares[2], 3: third}, threshold=3).reveal() == other


def test_too_few_shares_are_refused_and_not_combined() -> None:
    shares = split()
    for count in range(3):
        with pytest.raises(Refused, match=r"sharing\.too_few"):
            sharing.combine({index: shares[index] for index in INDICES[:count]}, threshold=3)


def test_a_false_share_beyond_the_threshold_is_noticed_at_every_position() -> None:
    for liar in INDICES[:4]:
        shares = {index: share for index, share in split().items() if index in INDICES[:4]}
        shares[liar] = Secret(os.urandom(32))
        with pytest.raises(VerificationError, match=r"sharing\.inconsistent"):
            sharing.combine(shares, threshold=3)


def test_a_false_share_is_named_by_its_hash() -> None:
    shares = split()
    published = {index: sharing.share_hash(share, context=b"record %d" % index) for index, share in shares.items()}
    shares[3] = Secret(bytes(32))
    for index, share in shares.items():
        context = b"record %d" % index
        if index == 3:
            with pytest.raises(VerificationError, match=r"sharing\.share_hash"):
                sharing.check_share(share, expected_hash=published[index], context=context)
        else:
            sharing.check_share(share, expected_hash=published[index], context=context)


def test_a_share_hash_is_of_one_share_in_one_context() -> None:
    share = Secret(bytes(range(32)))
    expected = hashlib.sha256(b"diptych share 1\n" + b"\0\0\0\x08record 1" + bytes(range(32))).digest()
    assert sharing.share_hash(share, context=b"record 1") == expected
    assert sharing.share_hash(share, context=b"record 2") != expected
    # The context's length stands before it: no context and share run into one another.
    assert sharing.share_hash(share, context=b"record 1\0") != expected


def test_indices_that_would_give_the_secret_away_are_refused() -> None:
    for indices in ((0, 1, 2), (1, 1, 2), (1, 2, 256), (-1, 1, 2)):
        with pytest.raises(FormatError, match=r"sharing\.index"):
            sharing.split(SECRET, threshold=2, indices=indices, entropy=os.urandom)
        with pytest.raises(FormatError, match=r"sharing\.index"):
            sharing.check_indices(indices)
    with pytest.raises(FormatError, match=r"sharing\.index"):
        sharing.combine({0: SECRET, 1: SECRET}, threshold=2)


def test_a_quorum_of_one_and_one_larger_than_the_shares_are_refused() -> None:
    for threshold in (0, 1, 8):
        with pytest.raises(ValueError, match="threshold"):
            sharing.split(SECRET, threshold=threshold, indices=INDICES, entropy=os.urandom)
    with pytest.raises(ValueError, match="threshold"):
        sharing.combine({1: SECRET}, threshold=1)


def test_wrong_lengths_are_refused() -> None:
    for length in (0, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            sharing.split(Secret(bytes(length)), threshold=2, indices=(1, 2), entropy=os.urandom)
        with pytest.raises(FormatError, match=r"sharing\.share"):
            sharing.combine({1: SECRET, 2: Secret(bytes(length))}, threshold=2)
        with pytest.raises(FormatError, match=r"sharing\.share"):
            sharing.share_hash(Secret(bytes(length)), context=b"")
    with pytest.raises(ValueError, match="entropy"):
        sharing.split(SECRET, threshold=3, indices=(1, 2, 3), entropy=lambda count: bytes(count - 1))


def test_a_split_is_a_function_of_secret_and_entropy_alone() -> None:
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return bytes(range(100, 100 + count))

    shares = sharing.split(SECRET, threshold=2, indices=(1, 2), entropy=entropy)
    assert asked == [32]
    # The polynomial of byte i is i + (100 + i) x.
    assert shares[1].reveal() == bytes(i ^ (100 + i) for i in range(32))
    assert shares[2].reveal() == bytes(i ^ times(100 + i, 2) for i in range(32))
