"""The refresh grant and the token response (RFC 6749 5.1 and 6, RFC 9449 5).

Tokens are opaque; a `Secret` here holds a token's ASCII characters exactly as they travel. Every access token is
bound to a DPoP key: a bearer token is refused on both sides.
"""

from dataclasses import dataclass

from diptych.errors import FormatError
from diptych.formats import strict_json
from diptych.formats.strict_json import Json
from diptych.private import Secret
from diptych.protocols.oauth.dpop import SCHEME
from diptych.protocols.oauth.errors import INVALID_REQUEST
from diptych.protocols.oauth.form import encode_form

GRANT_REFRESH = "refresh_token"
MAX_TOKEN_CHARACTERS = 4096
MAX_RESPONSE_BYTES = 64 * 1024
MAX_EXPIRES_IN_SECONDS = 10 * 365 * 24 * 3600  # nobody waits longer, and a moment so far ahead can still be written


@dataclass(frozen=True)
class RefreshTokenRequest:
    """A request for new tokens against a refresh token."""

    refresh_token: Secret

    def encode(self) -> bytes:
        """The form body."""
        return encode_form({"grant_type": GRANT_REFRESH, "refresh_token": self.refresh_token.reveal().decode("ascii")})


def read_refresh_request(parameters: dict[str, str]) -> RefreshTokenRequest:
    """The request in a parsed form whose `grant_type` is `refresh_token`; else `FormatError`."""
    return RefreshTokenRequest(read_token(parameters.get("refresh_token"), "refresh_token"))


@dataclass(frozen=True)
class TokenResponse:
    """New tokens. `scope` names what the access token can still obtain; None if the server does not say."""

    access_token: Secret
    expires_in_seconds: int
    refresh_token: Secret | None
    scope: tuple[str, ...] | None

    def encode(self) -> bytes:
        """The JSON body. It is nothing but secrets: `Cache-Control: no-store`."""
        members: dict[str, Json] = {
            "access_token": self.access_token.reveal().decode("ascii"),
            "token_type": SCHEME,
            "expires_in": self.expires_in_seconds,
        }
        if self.refresh_token is not None:
            members["refresh_token"] = self.refresh_token.reveal().decode("ascii")
        if self.scope is not None:
            members["scope"] = " ".join(self.scope)
        return strict_json.encode(members)


def parse_token_response(body: bytes) -> TokenResponse:
    """The tokens in a JSON body; `FormatError` for nonsense and for bearer tokens (RFC 9449 5)."""
    if len(body) > MAX_RESPONSE_BYTES:
        raise FormatError("token.size", f"a token response here has at most {MAX_RESPONSE_BYTES} bytes")
    members = strict_json.parse_object(body)
    if strict_json.text(members, "token_type").lower() != SCHEME.lower():  # RFC 6749 5.1: case insensitive
        raise FormatError("token.type", "the access token is not bound to our key: only DPoP tokens are accepted")
    expires_in = strict_json.integer(members, "expires_in") if "expires_in" in members else 0
    if not 0 <= expires_in <= MAX_EXPIRES_IN_SECONDS:
        raise FormatError("token.expires_in", f"'expires_in' is a number from 0 to {MAX_EXPIRES_IN_SECONDS}")
    refresh_token = read_token(members["refresh_token"], "refresh_token") if "refresh_token" in members else None
    scope = tuple(strict_json.text(members, "scope").split(" ")) if members.get("scope") else None
    return TokenResponse(read_token(members.get("access_token"), "access_token"), expires_in, refresh_token, scope)


def read_token(value: Json, name: str) -> Secret:
    """A token or code of printable ASCII (RFC 6749 appendix A), or `FormatError` naming the parameter."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TOKEN_CHARACTERS:
        raise FormatError(f"token.{name}", f"'{name}' must be present", code=INVALID_REQUEST)
    if not value.isascii() or not value.isprintable():
        raise FormatError(f"token.{name}", f"'{name}' must be printable ASCII", code=INVALID_REQUEST)
    return Secret(value.encode("ascii"))
