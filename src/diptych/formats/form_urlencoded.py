"""`application/x-www-form-urlencoded` text: the body of OAuth requests and the query of links.

Read strictly: each name once (RFC 6749 3.1), UTF-8 only, bounded. URLs around the query are left to who made them.
"""

from collections.abc import Mapping

from diptych.errors import FormatError

MAX_FIELDS = 64
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# What may stand unescaped in a field: every visible ASCII character that separates nothing.
LITERAL = frozenset(map(chr, range(0x21, 0x7F))) - frozenset("%&+=#")
HEX = frozenset("0123456789abcdefABCDEF")


def encode(fields: Mapping[str, str]) -> str:
    """The fields in the order given; everything but RFC 3986's unreserved characters is percent-encoded."""
    return "&".join(f"{_escape(name)}={_escape(value)}" for name, value in fields.items())


def parse(text: str | bytes) -> dict[str, str]:
    """The fields by name, or `FormatError`. Sizes are the caller's to limit before it reads."""
    try:
        whole = text.decode("ascii") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise FormatError("form", "a form body is ASCII text", code="invalid_request") from error
    found: dict[str, str] = {}
    for field in whole.split("&", MAX_FIELDS) if whole else ():
        name, equals, value = field.partition("=")
        if not equals:
            raise FormatError("form.field", "each field is a name, an equals sign and a value", code="invalid_request")
        unescaped = _unescape(name)
        if unescaped in found:
            # RFC 6749 3.1: parameters must not be included more than once.
            raise FormatError("form.repeated", "a field is given more than once", code="invalid_request")
        found[unescaped] = _unescape(value)
    return found


def _escape(text: str) -> str:
    return "".join(chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def _unescape(text: str) -> str:
    plain, *escaped = text.replace("+", "%20").split("%")
    if not LITERAL.issuperset(plain):
        raise FormatError("form.character", "a character must be percent-encoded", code="invalid_request")
    data = bytearray(plain.encode("ascii"))
    for piece in escaped:
        digits, rest = piece[:2], piece[2:]
        if len(digits) != 2 or not HEX.issuperset(digits) or not LITERAL.issuperset(rest):
            raise FormatError(
                "form.escape", "a percent sign stands before two hexadecimal digits", code="invalid_request"
            )
        data.append(int(digits, 16))
        data += rest.encode("ascii")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("form.utf8", "fields are UTF-8", code="invalid_request") from error
