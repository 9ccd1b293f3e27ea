"""An answer's body, as long as it may be and no longer: what is sent beyond that is not read."""

import time

import httpx

from diptych.errors import FormatError, Unavailable

NOTHING_COMPRESSED = {"Accept-Encoding": "identity"}
"""What unpacks to more than it weighs cannot be bounded by what arrives."""


def read_bounded(response: httpx.Response, *, max_bytes: int, deadline: float) -> bytes:
    """The bytes as they came. `FormatError` beyond `max_bytes`, `Unavailable` beyond `deadline` (`time.monotonic`)."""
    received = bytearray()
    for chunk in response.iter_raw():
        received += chunk
        if len(received) > max_bytes:
            raise FormatError("http.size", f"an answer here has at most {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise too_slow()
    return bytes(received)


def too_slow() -> Unavailable:
    """The other side had its time."""
    return Unavailable("http.time", "the other side takes too long to answer: try again later")
