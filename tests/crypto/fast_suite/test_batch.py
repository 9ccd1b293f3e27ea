"""Batches: what holds is accepted together, and what does not is named exactly, at any place and in any number."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.crypto.fast_suite.proof import (
    MAX_BATCH,
    UnverifiedPresentation,
    VerifiedPresentation,
    verify_batch,
)
from diptych.errors import FormatError, VerificationError
from tests.crypto.fast_suite.setting import (
    CONTEXT,
    ERIKSSON,
    NOT_REVOKED,
    OTHER,
    POSSESSION,
    SAME_CUSTOMER,
    Claims,
    everything,
    proved,
)


def member(number: int) -> UnverifiedPresentation:
    """Members alternate between two questions, each with its own nonce."""
    context = replace(CONTEXT, nonce=number.to_bytes(16, "big"))
    claims: Claims = everything() if number % 2 else [(POSSESSION, OTHER.credential), (NOT_REVOKED, OTHER.token)]
    return UnverifiedPresentation(proved(claims, context), tuple(statement for statement, _ in claims), context)


GOOD = [member(number) for number in range(16)]


def untrue(good: UnverifiedPresentation) -> UnverifiedPresentation:
    return replace(good, context=replace(good.context, nonce=b"somebody's nonce"))


def unreadable(good: UnverifiedPresentation) -> UnverifiedPresentation:
    return replace(good, presentation=b"\xff" * len(good.presentation))


def test_a_good_batch() -> None:
    results = verify_batch(GOOD, entropy=os.urandom)
    assert all(isinstance(result, VerifiedPresentation) for result in results)
    assert [result.context for result in results if isinstance(result, VerifiedPresentation)] == [
        good.context for good in GOOD
    ]


def test_no_batch() -> None:
    assert verify_batch([], entropy=os.urandom) == []


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 15)), st.sets(st.integers(0, 15)))
def test_exactly_the_bad_members_are_named(false: set[int], nonsense: set[int]) -> None:
    batch = list(GOOD)
    for number in false:
        batch[number] = untrue(batch[number])
    for number in nonsense:
        batch[number] = unreadable(batch[number])
    for number, result in enumerate(verify_batch(batch, entropy=os.urandom)):
        expected: type[object] = VerifiedPresentation
        if number in nonsense:
            expected = FormatError
        elif number in false:
            expected = VerificationError
        assert isinstance(result, expected)


def test_two_members_whose_errors_cancel_are_both_named() -> None:
    """The same presentation with two commitments exchanged between copies: a plain sum would not notice."""
    one, other = GOOD[0], member(0)
    swapped = [
        replace(one, presentation=one.presentation[:144] + other.presentation[144:]),
        replace(one, presentation=other.presentation[:144] + one.presentation[144:]),
    ]
    results = verify_batch([*swapped, GOOD[1]], entropy=os.urandom)
    assert [type(result) for result in results] == [VerificationError, VerificationError, VerifiedPresentation]


def test_a_batch_of_another_holders_pseudonyms_keeps_them_apart() -> None:
    claims: Claims = [(POSSESSION, ERIKSSON.credential), (SAME_CUSTOMER, None)]
    others: Claims = [(POSSESSION, OTHER.credential), (SAME_CUSTOMER, None)]
    statements = tuple(statement for statement, _ in claims)
    batch = [UnverifiedPresentation(proved(who, CONTEXT), statements, CONTEXT) for who in (claims, others, claims)]
    pseudonyms = [
        result.pseudonyms[0]
        for result in verify_batch(batch, entropy=os.urandom)
        if isinstance(result, VerifiedPresentation)
    ]
    assert len(pseudonyms) == 3
    assert pseudonyms[0] == pseudonyms[2] != pseudonyms[1]


def test_a_batch_is_bounded() -> None:
    with pytest.raises(FormatError):
        verify_batch([GOOD[0]] * (MAX_BATCH + 1), entropy=os.urandom)
