"""SessionTranscript (ISO 18013-5 9.1.5.1): the bytes that bind a presentation to one exchange with one verifier.

Each side builds them from its own view of the exchange; they never travel.
"""

import hashlib

from diptych.errors import FormatError
from diptych.formats.cbor import encode

THUMBPRINT_BYTES = 32


def openid4vp_redirect(*, client_id: str, nonce: str, jwk_thumbprint: bytes | None, response_uri: str) -> bytes:
    """The transcript of OpenID4VP by redirects (OpenID4VP 1.0, B.2.6.1).

    `jwk_thumbprint` is that of the key the response is encrypted to (RFC 7638, SHA-256); None where it is not
    encrypted. `client_id` includes its prefix.
    """
    if jwk_thumbprint is not None and len(jwk_thumbprint) != THUMBPRINT_BYTES:
        raise FormatError("mdoc.transcript", f"a SHA-256 thumbprint has {THUMBPRINT_BYTES} bytes")
    info = encode([client_id, nonce, jwk_thumbprint, response_uri])
    return encode([None, None, ["OpenID4VPHandover", hashlib.sha256(info).digest()]])
