"""Whatever stands in a policy file: a policy whose question wallets can read, or `FormatError`."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError
from diptych.protocols.openid4vp import dcql
from diptych.roles.verifier.policy import parse
from tests.protocols.openid4vp_parties import NOW
from tests.roles.test_verifier_policy import TEXT


def _holds(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        policy = parse(data)
        query = policy.query(now=NOW)
        assert dcql.parse(dcql.encode(query)) == query


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    _holds(data)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_a_policy_with_bytes_replaced(position: int, replacement: bytes) -> None:
    data = bytearray(TEXT.encode())
    start = position % len(data)
    data[start : start + len(replacement)] = replacement
    _holds(bytes(data))


@given(st.lists(st.sampled_from(TEXT.splitlines()), max_size=14))
def test_a_policy_with_lines_shuffled(lines: list[str]) -> None:
    _holds("\n".join(lines).encode())
