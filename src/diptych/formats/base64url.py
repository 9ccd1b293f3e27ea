"""base64url without padding (RFC 4648 5, RFC 7515 2), decoded strictly: one text for one value."""

import base64
import binascii

from diptych.errors import FormatError


def encode(data: bytes) -> str:
    """The unpadded base64url text of `data`."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes behind `text`; `FormatError` for padding, other alphabets or non-zero trailing bits."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise FormatError("base64url", "not unpadded base64url text") from error
    if encode(data) != text:
        raise FormatError("base64url", "not the one base64url text of its bytes")
    return data
