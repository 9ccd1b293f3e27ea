"""A status list: one small number for each index, packed and compressed; JSON and CBOR forms (clause 4).

What the numbers mean is in `Status`; who signed the list, and for when, is left to `token`.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from diptych.errors import FormatError, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.cbor import CborKey, CborValue, as_bytes, as_struct, as_text, as_unsigned
from diptych.formats.strict_json import Json

BITS = (1, 2, 4, 8)
MAX_ENTRIES_BYTES = 4 * 1024 * 1024
"""What a list may unpack to: sixteen million statuses of two bits. A small message must not fill the memory."""
MAX_URI_CHARACTERS = 2048


class Status(IntEnum):
    """The registered status types (clause 7.1). Any other number means something that is not understood here."""

    VALID = 0
    INVALID = 1
    """Revoked: it does not come back."""
    SUSPENDED = 2


@dataclass(frozen=True)
class StatusList:
    """Statuses of `bits` bits each. `compressed` is kept as it came: one array has many zlib encodings."""

    bits: int
    compressed: bytes = field(repr=False)
    aggregation_uri: str | None = None
    entries: bytes = field(init=False, repr=False, compare=False)
    """The packed array, unpacked once: index 0 in the lowest bits of the first byte."""

    def __post_init__(self) -> None:
        if self.bits not in BITS:
            raise FormatError("status_list.bits", "a status has 1, 2, 4 or 8 bits")
        if self.aggregation_uri is not None and len(self.aggregation_uri) > MAX_URI_CHARACTERS:
            raise FormatError("status_list.aggregation_uri", f"a URI has at most {MAX_URI_CHARACTERS} characters")
        object.__setattr__(self, "entries", _inflated(self.compressed))

    @property
    def size(self) -> int:
        """How many indices there are, whether documents have them or not."""
        return len(self.entries) * 8 // self.bits

    def at(self, index: int) -> int:
        """The status at an index; `VerificationError` beyond the list, which says nothing about that document."""
        if not 0 <= index < self.size:
            # Clause 8.3, step 6: no statement can be made, so the document is refused.
            raise VerificationError("status.index", "the status list has no such index: it does not speak of this")
        position = index * self.bits
        return self.entries[position // 8] >> (position % 8) & ((1 << self.bits) - 1)

    def to_cbor(self) -> dict[CborKey, CborValue]:
        """The map of clause 4.3."""
        members: dict[CborKey, CborValue] = {"bits": self.bits, "lst": self.compressed}
        if self.aggregation_uri is not None:
            members["aggregation_uri"] = self.aggregation_uri
        return members

    def to_json(self) -> dict[str, Json]:
        """The object of clause 4.2."""
        members: dict[str, Json] = {"bits": self.bits, "lst": base64url.encode(self.compressed)}
        if self.aggregation_uri is not None:
            members["aggregation_uri"] = self.aggregation_uri
        return members


def build(statuses: Mapping[int, Status], *, size: int, bits: int = 2) -> StatusList:
    """The list of `size` indices where all not named stand: nobody sees which of them documents have (clause 13.3)."""
    if bits not in BITS or size % (8 // bits):
        raise FormatError("status_list.size", "a list ends with a byte")
    entries = bytearray(size * bits // 8)
    for index, status in statuses.items():
        if not 0 <= index < size or status >= 1 << bits:
            raise FormatError("status_list.index", "an index is within the list, and a status within its bits")
        position = index * bits
        entries[position // 8] |= status << (position % 8)
    # Clause 4.1, step 4: the highest compression level is recommended.
    return StatusList(bits, zlib.compress(bytes(entries), level=9))


def from_cbor(value: CborValue) -> StatusList:
    """The list that a CBOR value is, or `FormatError`."""
    members = as_struct(value, "status_list", required=("bits", "lst"), optional=("aggregation_uri",))
    uri = members.get("aggregation_uri")
    return StatusList(
        as_unsigned(members["bits"], "status_list.bits"),
        as_bytes(members["lst"], "status_list.lst"),
        None if "aggregation_uri" not in members else as_text(uri, "status_list.aggregation_uri"),
    )


def from_json(value: Json) -> StatusList:
    """The list that a JSON value is, or `FormatError`."""
    if not isinstance(value, dict) or not {"bits", "lst"} <= set(value) <= {"bits", "lst", "aggregation_uri"}:
        raise FormatError("status_list", "a status list has 'bits' and 'lst', and perhaps 'aggregation_uri'")
    return StatusList(
        strict_json.integer(value, "bits"),
        base64url.decode(strict_json.text(value, "lst")),
        None if "aggregation_uri" not in value else strict_json.text(value, "aggregation_uri"),
    )


def _inflated(compressed: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        entries = stream.decompress(compressed, MAX_ENTRIES_BYTES + 1)
    except zlib.error as error:
        raise FormatError("status_list.zlib", "the list is not in the ZLIB format (RFC 1950)") from error
    if len(entries) > MAX_ENTRIES_BYTES:
        raise FormatError("status_list.size", f"a list here unpacks to at most {MAX_ENTRIES_BYTES} bytes")
    if not stream.eof or stream.unused_data:
        raise FormatError("status_list.zlib", "the list ends early, or something follows it")
    return entries
