"""Status lists: arbitrary bytes are a token or a `FormatError`; what parses re-encodes; no damaged one is believed."""

import contextlib
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import DiptychError, FormatError
from diptych.formats import cbor, strict_json
from diptych.formats.status_list import lists, reference, token
from diptych.formats.status_list.lists import Status
from tests.formats.mdoc_specimen import AUTHORITY, key
from tests.fuzz.cbor_damage import damaged_bytes, damaged_items

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
URI = "https://issuer.example/status-lists/1"
SIGNER = key("status")
SAID = token.StatusListToken(URI, NOW, lists.build({3: Status.INVALID}, size=32), NOW + timedelta(hours=1), 600)
CWT = token.sign_cwt(SAID, signer=SIGNER, chain=[AUTHORITY.signer])
JWT = token.sign_jwt(SAID, signer=SIGNER, chain=[AUTHORITY.signer]).encode()
LIST = cbor.encode(SAID.status_list.to_cbor())
CLAIM = cbor.encode(reference.StatusReference(3, URI).to_cbor())


def check(data: bytes) -> None:
    for parse in (token.parse_cwt, token.parse_jwt):
        with contextlib.suppress(FormatError):
            found = parse(data)
            assert found.encode() == data
            with contextlib.suppress(DiptychError):
                found.chain()
            with contextlib.suppress(DiptychError):
                assert token.verify(found, SIGNER.public_key, expected_uri=URI, now=NOW).token == SAID
    with contextlib.suppress(FormatError):
        read = lists.from_cbor(cbor.decode(data))
        assert lists.from_cbor(read.to_cbor()) == read
    with contextlib.suppress(FormatError):
        reference.from_cbor(cbor.decode(data))
    with contextlib.suppress(FormatError):
        members = strict_json.parse_object(data)
        with contextlib.suppress(FormatError):
            lists.from_json(members)
        reference.from_json(members)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_token_or_a_format_error(data: bytes) -> None:
    check(data)


@given(st.data(), st.sampled_from((CWT, JWT, LIST, CLAIM)))
def test_a_damaged_token_is_a_token_or_a_format_error(data: st.DataObject, message: bytes) -> None:
    check(data.draw(damaged_bytes(message)))


@given(st.data(), st.sampled_from((CWT, LIST, CLAIM)))
def test_a_token_with_damaged_items_is_a_token_or_a_format_error(data: st.DataObject, message: bytes) -> None:
    check(data.draw(damaged_items(message)))


@given(
    st.sampled_from((2, 4, 8)),
    st.dictionaries(st.integers(0, 255), st.sampled_from((Status.VALID, Status.INVALID, Status.SUSPENDED))),
)
def test_a_list_says_at_every_index_what_it_was_built_to_say(bits: int, statuses: dict[int, Status]) -> None:
    found = lists.from_cbor(lists.build(statuses, size=256, bits=bits).to_cbor())
    assert lists.from_json(found.to_json()) == found
    assert [found.at(index) for index in range(256)] == [statuses.get(index, 0) for index in range(256)]
