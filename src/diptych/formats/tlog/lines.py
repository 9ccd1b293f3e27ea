"""What the C2SP texts are woven of: base64 and decimal numbers with one spelling each, and lines that end.

What the lines say is left to the modules that read them.
"""

import binascii
import re

from diptych.errors import FormatError

MAX_NUMBER = 2**63 - 1
HASH_BYTES = 32

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,18})")


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 4)."""
    return binascii.b2a_base64(data, newline=False).decode()


def decode_base64(text: str, check: str) -> bytes:
    """The bytes behind `text`; `FormatError` for missing padding, other alphabets or non-zero trailing bits."""
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (ValueError, binascii.Error) as error:
        raise FormatError(check, "not base64 (RFC 4648 4)") from error
    if encode_base64(data) != text:
        raise FormatError(check, "not the one base64 text of its bytes")
    return data


def decode_hash(text: str, check: str) -> bytes:
    """The 32-byte hash behind a base64 text."""
    data = decode_base64(text, check)
    if len(data) != HASH_BYTES:
        raise FormatError(check, f"a hash has {HASH_BYTES} bytes")
    return data


def decode_decimal(text: str, check: str) -> int:
    """An ASCII decimal without leading zeros, at most 2^63 - 1."""
    if _DECIMAL.fullmatch(text) is None or int(text) > MAX_NUMBER:
        raise FormatError(check, "not a decimal number without leading zeros, below 2^63")
    return int(text)


def decode_text(data: bytes, check: str, *, max_bytes: int) -> str:
    """UTF-8 text of lines that all end, without other control characters."""
    if len(data) > max_bytes:
        raise FormatError(check, f"longer than {max_bytes} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(check, "not UTF-8") from error
    # signed-note, "Format": no ASCII control characters (those below U+0020) other than newline.
    if _CONTROL.search(text):
        raise FormatError(check, "a control character other than newline")
    if not text.endswith("\n"):
        raise FormatError(check, "the last line does not end in a newline")
    return text
