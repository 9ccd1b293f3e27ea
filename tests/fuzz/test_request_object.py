"""Whatever arrives as a request object or a link: a request that re-encodes to itself, or an error of ours."""

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import strict_json
from diptych.protocols.openid4vp import registration, request_object
from tests.fuzz.test_dcql import JSON
from tests.protocols import openid4vp_parties as parties

CLAIMS = strict_json.encode(request_object.encode(parties.request()))
SIGNED = parties.signed()


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda data: data.decode("latin-1")))
def test_arbitrary_text_as_a_request_object(text: str) -> None:
    with contextlib.suppress(FormatError, VerificationError, Refused):
        request_object.verify(
            text,
            expected_client_id=parties.CLIENT_ID,
            expected_wallet_nonce=parties.WALLET_NONCE,
            trust=parties.TRUST,
            now=parties.NOW,
        )


@settings(max_examples=50)
@given(st.integers(0, len(SIGNED) - 1), st.characters(codec="ascii"))
def test_a_signed_request_with_one_character_changed_is_refused(position: int, character: str) -> None:
    damaged = SIGNED[:position] + character + SIGNED[position + 1 :]
    if damaged == SIGNED:
        return
    try:
        request_object.verify(
            damaged,
            expected_client_id=parties.CLIENT_ID,
            expected_wallet_nonce=parties.WALLET_NONCE,
            trust=parties.TRUST,
            now=parties.NOW,
        )
    except (FormatError, VerificationError):
        return
    raise AssertionError("a changed request was accepted")


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_claims_with_bytes_replaced(position: int, replacement: bytes) -> None:
    data = bytearray(CLAIMS)
    start = position % len(data)
    data[start : start + len(replacement)] = replacement
    _holds(bytes(data))


@given(st.data())
def test_claims_with_one_value_replaced(data: st.DataObject) -> None:
    value = json.loads(CLAIMS)
    node = value
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if data.draw(st.booleans()) or not isinstance(node[key], dict | list):
            node[key] = data.draw(JSON)
            break
        node = node[key]
    _holds(json.dumps(value).encode())


@given(st.data())
def test_a_registration_with_one_value_replaced(data: st.DataObject) -> None:
    value = json.loads(json.dumps(registration.encode(parties.registered())))
    node = value
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if data.draw(st.booleans()) or not isinstance(node[key], dict | list):
            node[key] = data.draw(JSON)
            break
        node = node[key]
    with contextlib.suppress(FormatError):
        found = registration.parse(strict_json.parse_object(json.dumps(value)))
        assert registration.parse(registration.encode(found)) == found


@given(st.binary(max_size=200))
def test_arbitrary_bytes_as_the_trust_file(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        trust = registration.parse_trust(data)
        assert registration.parse_trust(registration.encode_trust(trust)) == trust


@given(st.text(max_size=80).map(lambda text: f"openid4vp://?{text}") | st.text(max_size=80))
def test_arbitrary_text_as_a_link(text: str) -> None:
    with contextlib.suppress(FormatError):
        link = request_object.parse_link(text)
        assert request_object.parse_link(link.encode()) == link


def _holds(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        request = request_object.parse(strict_json.parse_object(data))
        again = strict_json.parse_object(strict_json.encode(request_object.encode(request)))
        assert request_object.parse(again) == request
