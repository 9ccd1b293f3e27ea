"""Answers by `direct_post.jwt` (OpenID4VP 1.0, 8.2 and 8.3): a VP token in a JWE for the request's own key.

The envelope says nothing about the sender; what is inside is proven, or not, by the formats. Sending is left to
adapters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from diptych.errors import FormatError, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.jose import jwe
from diptych.formats.strict_json import Json
from diptych.protocols.oauth.errors import printable
from diptych.protocols.oauth.form import parse_form
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.openid4vp.request_object import VerifiedRequest

# A zero-knowledge proof has up to 1 MB; base64url inside the token and again around it make it 16/9 of that.
MAX_PRESENTATION_BYTES = 1_100_000
MAX_BODY_BYTES = 2_200_000
MAX_PRESENTATIONS = 8
MAX_TEXT = 512
MAX_RECEIPT_BYTES = 16 * 1024

ERRORS = frozenset(
    {
        "access_denied",
        "invalid_client",
        "invalid_request",
        "invalid_request_uri_method",
        "invalid_transaction_data",
        "vp_formats_not_supported",
        "wallet_unavailable",
    }
)  # 8.5


@dataclass(frozen=True)
class Response:
    """A wallet's answer: per credential query, the DeviceResponse bytes that answer it."""

    presentations: Mapping[str, tuple[bytes, ...]] = field(repr=False)
    state: str | None = None


@dataclass(frozen=True)
class EncryptedResponse:
    """An answer that nobody has opened yet."""

    compact: str = field(repr=False)
    kid: str | None = None


@dataclass(frozen=True)
class ErrorResponse:
    """A wallet's refusal. The description is the wallet's and is for logs of the wallet alone: it is not kept."""

    error: str
    state: str | None = None


def build(verified: VerifiedRequest, presentations: Mapping[str, Sequence[bytes]]) -> dict[str, str]:
    """The form fields that answer a request; post them to its `response_uri`."""
    request = verified.request
    answer = Response({name: tuple(found) for name, found in presentations.items()}, request.state)
    compact = jwe.encrypt(
        encode(answer),
        request.encryption_key,
        encryption=request.encryptions[0],  # HAIP 1.0, 5: A256GCM where both know it
        kid=request.encryption_kid,
    )
    return {"response": compact}


def build_error(verified: VerifiedRequest, error: str) -> dict[str, str]:
    """The form fields that refuse a request (8.5). They carry no reason beyond the standard's code."""
    fields = {"error": error if error in ERRORS else "invalid_request"}
    if verified.request.state is not None:
        fields["state"] = verified.request.state
    return fields


def parse_body(body: bytes) -> EncryptedResponse | ErrorResponse:
    """What a wallet posted, or `FormatError`."""
    if len(body) > MAX_BODY_BYTES:
        raise FormatError("response.size", f"an answer has at most {MAX_BODY_BYTES} bytes", code="invalid_request")
    fields = parse_form(body)
    if "error" in fields:
        return ErrorResponse(_error_code(fields["error"]), fields.get("state"))
    if "response" not in fields:
        raise FormatError("response.missing", "the form must have a 'response'", code="invalid_request")
    kid = jwe.header(fields["response"]).get("kid")
    return EncryptedResponse(fields["response"], kid if isinstance(kid, str) else None)


def open_response(
    encrypted: EncryptedResponse,
    private_key: ec.EllipticCurvePrivateKey,
    *,
    expected_kid: str,
    expected_state: str,
    now: datetime,
) -> Response:
    """The answer, once it opens with this request's key and belongs to this request.

    1. The key named is this request's key: an answer to another session does not even name it.
    2. It opens.
    3. It carries this request's state (13.3: the session it belongs to).
    """
    if encrypted.kid != expected_kid:  # 1. 8.3: the kid of the chosen key must be in the header
        raise VerificationError("response.kid", "the answer is encrypted to another key", code="invalid_request")
    answer = parse(jwe.decrypt(encrypted.compact, private_key, now=now))  # 2
    if answer.state != expected_state:  # 3
        raise VerificationError("response.state", "the answer belongs to another request", code="invalid_request")
    return answer


def parse(payload: bytes) -> Response:
    """The answer in a decrypted payload, or `FormatError`. Unknown members are ignored (8.1)."""
    members = strict_json.parse_object(payload)
    token = members.get("vp_token")
    if not isinstance(token, dict) or not 0 < len(token) <= MAX_PRESENTATIONS:
        raise FormatError("response.vp_token", "vp_token holds presentations by query id", code="invalid_request")
    state = members.get("state")
    if state is not None and (not isinstance(state, str) or len(state) > MAX_TEXT):
        raise FormatError("response.state", "state is a string", code="invalid_request")
    return Response({name: _presentations(found) for name, found in token.items()}, state)


def encode(answer: Response) -> bytes:
    """The payload that `parse` reads."""
    members: dict[str, Json] = {
        "vp_token": {
            name: [base64url.encode(one) for one in presentations]
            for name, presentations in answer.presentations.items()
        }
    }
    if answer.state is not None:
        members["state"] = answer.state
    return strict_json.encode(members)


def encode_receipt(redirect_uri: str | None) -> bytes:
    """What the verifier returns once it took the answer (8.2): where a wallet on the same device goes next."""
    return strict_json.encode({} if redirect_uri is None else {"redirect_uri": redirect_uri})


def parse_receipt(body: bytes) -> str | None:
    """Where to send the person's browser next, if anywhere: an https URL, or one of this machine."""
    if len(body) > MAX_RECEIPT_BYTES:
        raise FormatError("receipt.size", f"the verifier's receipt has at most {MAX_RECEIPT_BYTES} bytes")
    redirect_uri = strict_json.parse_object(body).get("redirect_uri")
    if redirect_uri is None:
        return None
    if not isinstance(redirect_uri, str) or not redirect_uri.isascii() or not redirect_uri.isprintable():
        raise FormatError("receipt.redirect_uri", "redirect_uri is a URL")
    if " " in redirect_uri or len(redirect_uri) > 4 * MAX_TEXT:
        raise FormatError("receipt.redirect_uri", "redirect_uri is a URL")
    # The fresh value may be in the query or the fragment (8.2); what stands before them must be a URL accepted here.
    parse_url(redirect_uri.partition("#")[0].partition("?")[0])
    return redirect_uri


def _presentations(value: Json) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_PRESENTATIONS:
        raise FormatError(
            "response.presentations", "each query id holds an array of presentations", code="invalid_request"
        )
    found = tuple(base64url.decode(item if isinstance(item, str) else "=") for item in value)
    if any(len(one) > MAX_PRESENTATION_BYTES for one in found):
        raise FormatError(
            "response.presentation_size",
            f"a presentation has at most {MAX_PRESENTATION_BYTES} bytes",
            code="invalid_request",
        )
    return found


def _error_code(text: str) -> str:
    # A wallet of another make may have codes of its own; whatever it is, it is bounded and printable.
    return printable(text[:64])
