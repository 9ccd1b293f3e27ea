"""Whatever arrives as an answer: an answer that re-encodes to itself, or an error of ours."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError, VerificationError
from diptych.formats import strict_json
from diptych.formats.jose import jwe
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import response
from diptych.protocols.openid4vp.response import EncryptedResponse, Response
from tests.fuzz.test_dcql import JSON
from tests.protocols import openid4vp_parties as parties

PAYLOAD = response.encode(Response({"proof": (b"one", b"two")}, "state"))
BODY = encode_form({"response": jwe.encrypt(PAYLOAD, parties.ENCRYPTION.public_key, kid="kid-1")})


def _opens(body: bytes) -> None:
    with contextlib.suppress(FormatError, VerificationError):
        found = response.parse_body(body)
        if isinstance(found, EncryptedResponse):
            response.open_response(
                found, parties.ENCRYPTION.private_key(), expected_kid="kid-1", expected_state="state", now=parties.NOW
            )


def _holds(payload: bytes) -> None:
    with contextlib.suppress(FormatError):
        found = response.parse(payload)
        assert response.parse(response.encode(found)) == found


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"response=" + data))
def test_arbitrary_bytes_as_a_body(data: bytes) -> None:
    _opens(data)


@given(st.integers(0, len(BODY) - 1), st.binary(min_size=1, max_size=3))
def test_a_valid_body_with_bytes_replaced(position: int, replacement: bytes) -> None:
    _opens(BODY[:position] + replacement + BODY[position + len(replacement) :])


@given(st.binary(max_size=300))
def test_arbitrary_bytes_as_a_payload(data: bytes) -> None:
    _holds(data)


@given(st.integers(0, len(PAYLOAD) - 1), st.binary(min_size=1, max_size=3))
def test_a_valid_payload_with_bytes_replaced(position: int, replacement: bytes) -> None:
    _holds(PAYLOAD[:position] + replacement + PAYLOAD[position + len(replacement) :])


@given(st.dictionaries(st.sampled_from(["vp_token", "state", "other"]), JSON))
def test_arbitrary_json_as_a_payload(members: dict[str, object]) -> None:
    with contextlib.suppress(ValueError, FormatError):  # NaN and lone surrogates are no JSON
        _holds(strict_json.encode(members))  # type: ignore[arg-type]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_as_a_receipt(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        response.parse_receipt(data)
