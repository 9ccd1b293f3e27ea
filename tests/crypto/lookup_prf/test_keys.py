"""Keys as bytes: what was made comes back, and nothing else is a key."""

from dataclasses import replace

import pytest

from diptych.crypto.bls12381 import ORDER, g2_base, g2_identity
from diptych.crypto.lookup_prf import parse_key_share, parse_purpose_key
from diptych.errors import FormatError
from diptych.private import Secret
from tests.crypto.lookup_prf.test_ceremony import KEY, SHARES


def test_keys_and_shares_come_back_from_their_bytes() -> None:
    assert parse_purpose_key(KEY.encode()) == KEY
    for share in SHARES.values():
        assert parse_key_share(share.encode()) == share


def test_a_key_with_one_false_trustee_key_is_refused_at_every_position() -> None:
    for index in KEY.trustee_keys:
        false = replace(KEY, trustee_keys={**KEY.trustee_keys, index: g2_base()})
        with pytest.raises(FormatError, match=r"lookup_prf\.key"):
            parse_purpose_key(false.encode())
    with pytest.raises(FormatError, match=r"lookup_prf\.key"):
        parse_purpose_key(replace(KEY, public_key=g2_base()).encode())


def test_a_key_of_a_higher_degree_than_it_says_is_refused() -> None:
    # Said to need two of five, it needs three: any two honest answers would not combine.
    with pytest.raises(FormatError, match=r"lookup_prf\.key"):
        parse_purpose_key(replace(KEY, threshold=2).encode())


def test_identities_are_no_keys() -> None:
    with pytest.raises(FormatError, match=r"bls12381\.g2"):
        parse_purpose_key(replace(KEY, public_key=g2_identity()).encode())
    with pytest.raises(FormatError, match=r"bls12381\.g2"):
        parse_purpose_key(replace(KEY, trustee_keys={**KEY.trustee_keys, 1: g2_identity()}).encode())


def test_every_truncation_and_extension_is_refused() -> None:
    encoded = KEY.encode()
    for length in range(len(encoded)):
        with pytest.raises(FormatError):
            parse_purpose_key(encoded[:length])
    share = SHARES[1].encode().reveal()
    for length in range(len(share)):
        with pytest.raises(FormatError):
            parse_key_share(Secret(share[:length]))
    with pytest.raises(FormatError):
        parse_purpose_key(encoded + b"\0")
    with pytest.raises(FormatError):
        parse_key_share(Secret(share + b"\0"))


def test_versions_purposes_and_indices_that_are_none_are_refused() -> None:
    share = SHARES[1].encode().reveal()
    with pytest.raises(FormatError, match=r"lookup_prf\.version"):
        parse_key_share(Secret(b"\2" + share[1:]))
    for purpose in (b"", b"A", b"a b", b"a\n", b"\xff", b"a" * 65):
        tail = share[2 + share[1] :]
        with pytest.raises(FormatError, match=r"lookup_prf\.purpose"):
            parse_key_share(Secret(bytes([1, len(purpose)]) + purpose + tail))
    with pytest.raises(FormatError, match=r"lookup_prf\.share"):
        parse_key_share(Secret(share[:-33] + b"\0" + share[-32:]))
    for scalar in (0, ORDER, 2**256 - 1):
        with pytest.raises(FormatError, match=r"bls12381\.scalar"):
            parse_key_share(Secret(share[:-32] + scalar.to_bytes(32, "big")))


def test_trustees_out_of_order_or_too_few_for_their_threshold_are_refused() -> None:
    encoded = KEY.encode()
    entries = [encoded[-97 * count : len(encoded) - 97 * (count - 1)] for count in range(5, 0, -1)]
    head = encoded[: -97 * 5]
    for wrong in ([entries[1], entries[0], *entries[2:]], [entries[0], entries[0], *entries[2:]]):
        with pytest.raises(FormatError, match=r"lookup_prf\.index"):
            parse_purpose_key(head + b"".join(wrong))
    counted = head[:-97] + bytes([4]) + head[-96:]
    with pytest.raises(FormatError, match=r"lookup_prf\.threshold"):
        parse_purpose_key(counted + b"".join(entries[:4]))
