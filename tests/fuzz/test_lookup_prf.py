"""Octets that are no key, share, point or ceremony message: a value that encodes to them again, or FormatError."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.crypto import hpke
from diptych.crypto.bls12381 import ORDER, g1_base, g2_base, parse_nonzero_scalar
from diptych.crypto.lookup_prf import KeyShare, PurposeKey, parse_key_share, parse_message, parse_purpose_key
from diptych.crypto.lookup_prf.evaluation import parse_points
from diptych.crypto.lookup_prf.messages import DEAL_BYTES, Answer, Commit, Confirm, Reveal, Verdict
from diptych.errors import FormatError
from diptych.private import Secret

ID = bytes(range(32))
HELD = {index: g2_base() * (7 + 5 * index) for index in (1, 2, 3)}
KEY = PurposeKey("licence", 3, 2, g2_base() * 7, HELD).encode()
SHARE = KeyShare("licence", 3, 2, Secret((17).to_bytes(32, "big"))).encode().reveal()
MESSAGES = (
    Commit(ID, 1, ID),
    Reveal(ID, 1, (g2_base(), g2_base()), g1_base(), (bytes(DEAL_BYTES), bytes(DEAL_BYTES))),
    Verdict(ID, 1, (ID, ID), (1, 2)),
    Answer(ID, 1, ((1, 5), (2, ORDER - 1))),
    Confirm(ID, 1, ID, g1_base()),
)
PARSERS = {
    "key": (KEY, lambda data: parse_purpose_key(data).encode()),
    "share": (SHARE, lambda data: parse_key_share(Secret(data)).encode().reveal()),
    "points": (g1_base().encode() * 2, lambda data: b"".join(point.encode() for point in parse_points(data))),
    **{type(one).__name__: (one.encode(), lambda data: parse_message(data).encode()) for one in MESSAGES},
}
edits = st.lists(st.tuples(st.integers(min_value=0), st.integers(1, 255)), min_size=0, max_size=3)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60)
@given(changes=edits, cut=st.integers(-40, 40))
def test_damaged_octets_are_a_value_that_encodes_to_them_or_refused(
    name: str, changes: list[tuple[int, int]], cut: int
) -> None:
    valid, roundtrip = PARSERS[name]
    data = bytearray(valid)
    for position, change in changes:
        data[position % len(data)] ^= change
    damaged = bytes(data[:cut]) if cut < 0 else bytes(data) + bytes(cut)
    try:
        assert roundtrip(damaged) == damaged
    except FormatError:
        return


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60)
@given(data=st.binary(max_size=200))
def test_any_octets_are_a_value_that_encodes_to_them_or_refused(name: str, data: bytes) -> None:
    _, roundtrip = PARSERS[name]
    try:
        assert roundtrip(data) == data
    except FormatError:
        return


@pytest.mark.parametrize("name", PARSERS)
def test_the_undamaged_octets_are_a_value(name: str) -> None:
    valid, roundtrip = PARSERS[name]
    assert roundtrip(valid) == valid


@settings(max_examples=100)
@given(data=st.one_of(st.binary(max_size=1300), st.binary(min_size=1216, max_size=1216).map(lambda tail: b"\1" + tail)))
def test_any_octets_are_a_public_key_or_refused(data: bytes) -> None:
    try:
        hpke.check_public_key(data)
    except FormatError:
        return
    assert len(hpke.seal(data, b"", info=b"")) == hpke.OVERHEAD_BYTES[data[0]]


@given(data=st.binary(min_size=32, max_size=32))
def test_a_scalar_is_parsed_or_refused(data: bytes) -> None:
    try:
        assert parse_nonzero_scalar(data).to_bytes(32, "big") == data
    except FormatError:
        return
