"""OAuth's error answers (RFC 6749 5.2, RFC 6750 3.1, RFC 9449 5 and 7.1) and their codes.

Which HTTP status goes with a code is the table in `web/errors.py`.
"""

from dataclasses import dataclass

from diptych.errors import FormatError
from diptych.formats import strict_json

INVALID_REQUEST = "invalid_request"
INVALID_GRANT = "invalid_grant"
NOT_AUTHORIZED = "invalid_token"  # RFC 6750 3.1
UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
INVALID_DPOP_PROOF = "invalid_dpop_proof"
USE_DPOP_NONCE = "use_dpop_nonce"
INVALID_AUTHORIZATION_DETAILS = "invalid_authorization_details"

MAX_ERROR_BYTES = 16 * 1024


@dataclass(frozen=True)
class ErrorResponse:
    """A standard's error code and, for people, what to do about it. Neither carries personal data."""

    code: str
    description: str | None

    def encode(self) -> bytes:
        """The JSON body. Characters that RFC 6749 5.2 does not allow in a description are replaced."""
        if self.description is None:
            return strict_json.encode({"error": self.code})
        return strict_json.encode({"error": self.code, "error_description": printable(self.description)})


def parse_error(body: bytes) -> ErrorResponse:
    """The error in a JSON body, or `FormatError`."""
    if len(body) > MAX_ERROR_BYTES:
        raise FormatError("oauth.error.size", f"an error here has at most {MAX_ERROR_BYTES} bytes")
    members = strict_json.parse_object(body)
    code = strict_json.text(members, "error")
    description = members.get("error_description")
    if description is not None and not isinstance(description, str):
        raise FormatError("oauth.error.description", "'error_description' must be a string")
    # What a server says is shown to a person: no control characters, no line breaks.
    return ErrorResponse(printable(code), None if description is None else printable(description))


def printable(text: str) -> str:
    """`text` in the characters that RFC 6749 5.2 allows: printable ASCII without quotes and backslashes."""
    return "".join(
        character if " " <= character <= "~" and character not in '"\\' else "'" if character == '"' else "?"
        for character in text
    )
