"""The nonce endpoint's answer (OpenID4VCI 1.0, 7.2): a challenge for proofs of possession."""

from dataclasses import dataclass

from diptych.errors import FormatError
from diptych.formats import strict_json

MAX_RESPONSE_BYTES = 4 * 1024
MAX_NONCE_CHARACTERS = 512


@dataclass(frozen=True)
class NonceResponse:
    """A fresh `c_nonce`."""

    c_nonce: str

    def encode(self) -> bytes:
        """The JSON body; `Cache-Control: no-store`."""
        return strict_json.encode({"c_nonce": self.c_nonce})


def parse_nonce_response(body: bytes) -> NonceResponse:
    """The nonce in a JSON body, or `FormatError`."""
    if len(body) > MAX_RESPONSE_BYTES:
        raise FormatError("nonce.size", f"a nonce response here has at most {MAX_RESPONSE_BYTES} bytes")
    c_nonce = strict_json.text(strict_json.parse_object(body), "c_nonce")
    if not 0 < len(c_nonce) <= MAX_NONCE_CHARACTERS:
        raise FormatError("nonce.c_nonce", f"'c_nonce' has 1 to {MAX_NONCE_CHARACTERS} characters")
    return NonceResponse(c_nonce)
