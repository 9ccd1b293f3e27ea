"""Percent-encoding and application/x-www-form-urlencoded messages (RFC 3986 2, RFC 6749 appendix B), read strictly.

Sizes are the caller's to limit before it reads. What the parameters mean is left to each message.
"""

from collections.abc import Mapping

from diptych.errors import FormatError

MEDIA_TYPE = "application/x-www-form-urlencoded"
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HEX = frozenset(b"0123456789abcdefABCDEF")


def percent_encode(text: str) -> str:
    """`text` with everything but RFC 3986's unreserved characters escaped."""
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def percent_decode(text: str) -> str:
    """The text behind percent-encoding, `+` read as a space; `FormatError` for broken escapes or bad UTF-8."""
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError as error:
        raise FormatError("form.ascii", "percent-encoded text is ASCII") from error
    head, *rest = raw.replace(b"+", b" ").split(b"%")
    out = bytearray(head)
    for part in rest:
        if len(part) < 2 or not _HEX.issuperset(part[:2]):
            raise FormatError("form.escape", "a '%' must be followed by two hexadecimal digits")
        out.append(int(part[:2], 16))
        out += part[2:]
    try:
        return out.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("form.utf8", "the escaped bytes are not UTF-8") from error


def encode_form(parameters: Mapping[str, str]) -> bytes:
    """The form body of `parameters`, in the order given."""
    return "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in parameters.items()).encode()


def parse_form(data: bytes) -> dict[str, str]:
    """The parameters of a form body or query, or `FormatError`."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise FormatError("form.ascii", "a form is ASCII; escape everything else") from error
    found: dict[str, str] = {}
    for pair in text.split("&") if text else ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise FormatError("form.pair", "each parameter of a form is 'name=value'")
        decoded = percent_decode(name)
        if decoded in found:
            # RFC 6749 3.1 and 3.2: parameters must not be included more than once.
            raise FormatError("form.repeated", "a parameter is given more than once")
        found[decoded] = percent_decode(value)
    return found
