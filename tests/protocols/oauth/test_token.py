"""Token responses, errors and server metadata."""

import json

import pytest

from diptych.errors import FormatError, VerificationError
from diptych.private import Secret
from diptych.protocols.oauth.errors import ErrorResponse, parse_error
from diptych.protocols.oauth.metadata import AuthorizationServerMetadata, parse_authorization_server_metadata
from diptych.protocols.oauth.token import TokenResponse, parse_token_response

RESPONSE = TokenResponse(Secret(b"access"), 600, Secret(b"refresh"), ("proof-of-age", "driving-entitlement"))
MEMBERS = {"access_token": "a", "token_type": "DPoP", "expires_in": 600, "refresh_token": "r"}


@pytest.mark.parametrize(
    "response",
    [RESPONSE, TokenResponse(Secret(b"access"), 600, None, None), TokenResponse(Secret(b"a"), 0, None, ("x",))],
)
def test_a_token_response_comes_back_as_it_was(response: TokenResponse) -> None:
    assert parse_token_response(response.encode()) == response


def test_tokens_do_not_show() -> None:
    assert "access" not in repr(RESPONSE).replace("access_token", "")


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "mac"])
def test_a_token_that_is_not_bound_to_our_key_is_refused(token_type: str) -> None:
    with pytest.raises(FormatError, match=r"token\.type"):
        parse_token_response(json.dumps({**MEMBERS, "token_type": token_type}).encode())


@pytest.mark.parametrize(
    "changed",
    [
        {"access_token": ""},
        {"access_token": 1},
        {"access_token": "é"},
        {"access_token": "x" * 5000},
        {"expires_in": -1},
        {"expires_in": 10**12},  # a moment that no calendar has
    ],
)
def test_other_token_responses_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        parse_token_response(json.dumps({**MEMBERS, **changed}).encode())


def test_unknown_members_of_a_token_response_are_ignored() -> None:
    assert parse_token_response(json.dumps({**MEMBERS, "c_nonce": "x"}).encode()).expires_in_seconds == 600


def test_an_error_comes_back_in_the_characters_that_the_standard_allows() -> None:
    error = ErrorResponse("invalid_grant", 'a "quoted" \\ line\nand café')
    found = parse_error(error.encode())
    assert found.code == "invalid_grant"
    assert found.description == "a 'quoted' ? line?and caf?"
    assert parse_error(b'{"error":"x"}') == ErrorResponse("x", None)


def test_what_a_server_says_has_no_control_characters() -> None:
    assert parse_error(b'{"error":"x","error_description":"a\\u001b[31mb"}').description == "a?[31mb"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"error":1}', b'{"error":"x","error_description":[]}', b"x" * 20000]
)
def test_other_errors_are_refused(body: bytes) -> None:
    with pytest.raises(FormatError):
        parse_error(body)


def test_server_metadata_comes_back_as_it_was_and_only_from_its_issuer() -> None:
    metadata = AuthorizationServerMetadata("https://a.example", "https://a.example/token", ("x", "y"))
    assert parse_authorization_server_metadata(metadata.encode(), expected_issuer="https://a.example") == metadata
    with pytest.raises(VerificationError, match=r"oauth\.metadata\.issuer"):
        parse_authorization_server_metadata(metadata.encode(), expected_issuer="https://a.example/")
