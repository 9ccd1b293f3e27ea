"""Padding to size classes, so that the length of what is sealed says little: `length (4) || body || zeros`.

One encoding of each body: another class than the smallest that holds it, or a byte other than zero, is refused.
"""

from diptych.errors import FormatError

SIZE_CLASSES = (4096, 16384, 65536, 262144, 1048576)

_LENGTH_BYTES = 4


def pad(body: bytes) -> bytes:
    """`body` in the smallest size class that holds it, or `FormatError`."""
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body + bytes(_size_class(len(body)) - _LENGTH_BYTES - len(body))


def unpad(padded: bytes) -> bytes:
    """The exact inverse of `pad`, or `FormatError`."""
    if len(padded) not in SIZE_CLASSES:
        raise FormatError("padding.size", "what is sealed is padded to a size class")
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if length + _LENGTH_BYTES > len(padded) or _size_class(length) != len(padded):
        raise FormatError("padding.class", "the padding is not to the size class of its content")
    if any(padded[_LENGTH_BYTES + length :]):
        raise FormatError("padding.zeros", "the padding is not zeros")
    return padded[_LENGTH_BYTES : _LENGTH_BYTES + length]


def _size_class(length: int) -> int:
    for size in SIZE_CLASSES:
        if length + _LENGTH_BYTES <= size:
            return size
    raise FormatError(
        "padding.too_long", f"what is sealed has at most {SIZE_CLASSES[-1]} bytes: use a smaller portrait"
    )
