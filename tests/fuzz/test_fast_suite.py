"""Bytes that are no presentation of the fast suite, and valid ones with a few bytes changed."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diptych.errors import FormatError, VerificationError
from tests.crypto.fast_suite.setting import accepted, everything, proved

CLAIMS = everything()
VALID = proved(CLAIMS)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=len(VALID) + 100) | st.binary(min_size=len(VALID), max_size=len(VALID)))
@example(bytes(len(VALID)))
@example(b"\xff" * len(VALID))
@example(b"\x80" * len(VALID))
@example(b"\xc0" * len(VALID))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((FormatError, VerificationError)):
        accepted(data, CLAIMS)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_mutated_presentations_are_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(VALID)
    for position, mask in changes:
        data[position] ^= mask
    if bytes(data) != VALID:
        with pytest.raises((FormatError, VerificationError)):
            accepted(bytes(data), CLAIMS)
