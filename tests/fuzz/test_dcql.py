"""Whatever JSON arrives as a DCQL query: a query that re-encodes to itself, or `FormatError`."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError
from diptych.formats import strict_json
from diptych.protocols.openid4vp import dcql
from tests.protocols.test_openid4vp_dcql import QUERY

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _holds(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        query = dcql.parse(strict_json.parse_object(data))
        assert dcql.parse(strict_json.parse_object(strict_json.encode(dcql.encode(query)))) == query


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    _holds(data)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_a_valid_query_with_bytes_replaced(position: int, replacement: bytes) -> None:
    data = bytearray(strict_json.encode(dcql.encode(QUERY)))
    start = position % len(data)
    data[start : start + len(replacement)] = replacement
    _holds(bytes(data))


@given(st.data())
def test_a_valid_query_with_one_value_replaced(data: st.DataObject) -> None:
    value = json.loads(strict_json.encode(dcql.encode(QUERY)))
    node = value
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if data.draw(st.booleans()) or not isinstance(node[key], dict | list):
            node[key] = data.draw(JSON)
            break
        node = node[key]
    _holds(json.dumps(value).encode())
