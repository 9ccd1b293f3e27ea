"""Token requests with a pre-authorized code (OpenID4VCI 1.0, 6.1), and telling the two grants apart.

Whether a code opens anything is left to the issuer.
"""

from dataclasses import dataclass

from diptych.errors import FormatError
from diptych.private import Secret
from diptych.protocols.oauth.errors import INVALID_AUTHORIZATION_DETAILS, INVALID_REQUEST, UNSUPPORTED_GRANT_TYPE
from diptych.protocols.oauth.form import encode_form, parse_form
from diptych.protocols.oauth.token import GRANT_REFRESH, RefreshTokenRequest, read_refresh_request, read_token
from diptych.protocols.openid4vci.offer import GRANT_PRE_AUTHORIZED

GRANT_TYPES = (GRANT_PRE_AUTHORIZED, GRANT_REFRESH)
MAX_REQUEST_BYTES = 16 * 1024


@dataclass(frozen=True)
class PreAuthorizedTokenRequest:
    """A request for tokens against an offer's code and the transaction code that the person typed."""

    code: Secret
    tx_code: Secret | None

    def encode(self) -> bytes:
        """The form body."""
        parameters = {"grant_type": GRANT_PRE_AUTHORIZED, "pre-authorized_code": self.code.reveal().decode("ascii")}
        if self.tx_code is not None:
            parameters["tx_code"] = self.tx_code.reveal().decode("utf-8")
        return encode_form(parameters)


TokenRequest = PreAuthorizedTokenRequest | RefreshTokenRequest


def parse_token_request(body: bytes) -> TokenRequest:
    """The request in a form body, or `FormatError` with OAuth's code. Unknown parameters are ignored (6.1)."""
    if len(body) > MAX_REQUEST_BYTES:
        raise FormatError("token.size", f"a token request has at most {MAX_REQUEST_BYTES} bytes", code=INVALID_REQUEST)
    try:
        parameters = parse_form(body)
    except FormatError as error:
        raise FormatError(error.check, error.message, code=INVALID_REQUEST) from error
    grant = parameters.get("grant_type")
    if grant is None:
        raise FormatError("token.grant_type", "'grant_type' must be present", code=INVALID_REQUEST)
    if grant == GRANT_REFRESH:
        return read_refresh_request(parameters)
    if grant != GRANT_PRE_AUTHORIZED:
        raise FormatError(
            "token.grant_type", f"the grant must be one of {', '.join(GRANT_TYPES)}", code=UNSUPPORTED_GRANT_TYPE
        )
    if "authorization_details" in parameters:
        # RFC 9396 5: details that are not understood are refused, not ignored. Here the order says what is issued.
        raise FormatError(
            "token.authorization_details",
            "authorization_details are not used here: name a credential_configuration_id in the credential request",
            code=INVALID_AUTHORIZATION_DETAILS,
        )
    code = read_token(parameters.get("pre-authorized_code"), "pre-authorized_code")
    tx_code = parameters.get("tx_code")
    return PreAuthorizedTokenRequest(code, None if tx_code is None else Secret(tx_code.encode("utf-8")))
