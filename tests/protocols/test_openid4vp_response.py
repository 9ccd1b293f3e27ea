"""Answers open with their own request's key, belong to one request, and say no more than they hold."""

import pytest

from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.jose import jwe
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import request_object, response
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.protocols.openid4vp.response import EncryptedResponse, ErrorResponse, Response
from tests.protocols import openid4vp_parties as parties

STATE = "state-0123456789abcdef"


def verified() -> VerifiedRequest:
    return request_object.verify(
        parties.signed(),
        expected_client_id=parties.CLIENT_ID,
        expected_wallet_nonce=parties.WALLET_NONCE,
        trust=parties.TRUST,
        now=parties.NOW,
    )


def posted(presentations: dict[str, list[bytes]]) -> EncryptedResponse:
    found = response.parse_body(encode_form(response.build(verified(), presentations)))
    assert isinstance(found, EncryptedResponse)
    return found


def test_an_answer_opens_for_its_request() -> None:
    key = parties.ENCRYPTION.private_key()
    opened = response.open_response(
        posted({"proof": [b"1"]}), key, expected_kid="kid-1", expected_state=STATE, now=parties.NOW
    )
    assert opened == Response({"proof": (b"1",)}, STATE)


def test_an_answer_as_large_as_a_proof_opens() -> None:
    key = parties.ENCRYPTION.private_key()
    large = bytes(1_000_000)
    opened = response.open_response(
        posted({"proof": [large]}), key, expected_kid="kid-1", expected_state=STATE, now=parties.NOW
    )
    assert opened.presentations == {"proof": (large,)}


def test_an_answer_to_another_session_is_refused_by_name() -> None:
    answer = posted({"proof": [b"1"]})
    key = parties.ENCRYPTION.private_key()
    for kid, private_key, state, check in (
        ("kid-2", key, STATE, "response.kid"),
        ("kid-1", generate_signer().private_key(), STATE, "jwe.open"),
        ("kid-1", key, "another", "response.state"),
    ):
        with pytest.raises(VerificationError) as error:
            response.open_response(answer, private_key, expected_kid=kid, expected_state=state, now=parties.NOW)
        assert error.value.check == check


def test_an_answer_without_a_state_is_refused() -> None:
    payload = strict_json.encode({"vp_token": {"proof": ["MQ"]}})
    compact = jwe.encrypt(payload, parties.ENCRYPTION.public_key, kid="kid-1")
    with pytest.raises(VerificationError, match=r"response\.state"):
        response.open_response(
            EncryptedResponse(compact, "kid-1"),
            parties.ENCRYPTION.private_key(),
            expected_kid="kid-1",
            expected_state=STATE,
            now=parties.NOW,
        )


def test_a_refusal_carries_a_code_and_no_reason() -> None:
    body = encode_form(response.build_error(verified(), "access_denied"))
    assert response.parse_body(body) == ErrorResponse("access_denied", STATE)
    assert response.build_error(verified(), "my own code")["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("body", "check"),
    [
        (b"", "response.missing"),
        (b"state=1", "response.missing"),
        (b"response=a.b", "jwe"),
        (b"response=a&response=b", "form.repeated"),
        (b"response=" + b"a" * 3_000_000, "response.size"),
        (b"vp_token={}", "response.missing"),
    ],
)
def test_a_body_that_is_no_answer_is_refused_by_name(body: bytes, check: str) -> None:
    with pytest.raises(FormatError) as error:
        response.parse_body(body)
    assert error.value.check == check


@pytest.mark.parametrize(
    ("payload", "check"),
    [
        ({}, "response.vp_token"),
        ({"vp_token": {}}, "response.vp_token"),
        ({"vp_token": "jwt"}, "response.vp_token"),
        ({"vp_token": {"q": "MQ"}}, "response.presentations"),
        ({"vp_token": {"q": []}}, "response.presentations"),
        ({"vp_token": {"q": [{"vp": 1}]}}, "base64url"),
        ({"vp_token": {"q": ["MQ=="]}}, "base64url"),
        ({"vp_token": {"q": [base64url.encode(bytes(1_200_000))]}}, "response.presentation_size"),
        ({"vp_token": {str(n): ["MQ"] for n in range(9)}}, "response.vp_token"),
        ({"vp_token": {"q": ["MQ"]}, "state": 1}, "response.state"),
    ],
)
def test_a_payload_that_is_no_answer_is_refused_by_name(payload: dict[str, object], check: str) -> None:
    with pytest.raises(FormatError) as error:
        response.parse(strict_json.encode(payload))  # type: ignore[arg-type]
    assert error.value.check == check


def test_the_receipt_says_where_the_browser_goes_next() -> None:
    for redirect_uri in (None, "https://shop.example/done#response_code=1", "http://127.0.0.1:1/x?response_code=1"):
        assert response.parse_receipt(response.encode_receipt(redirect_uri)) == redirect_uri
    for wrong in (
        "javascript:alert(1)",
        "http://shop.example/",
        "https://shop.example/?a= x",
        "https://shop.example/#\u0000",
        "https://shop.example/#\u00e9",
        "https://shop.example/#" + "a" * 3000,
    ):
        with pytest.raises(FormatError):
            response.parse_receipt(response.encode_receipt(wrong))
    for body in (b'{"redirect_uri":7}', b"[]", b'{"a":"' + b"a" * 20_000 + b'"}'):
        with pytest.raises(FormatError):
            response.parse_receipt(body)
