"""Where a document's status is: an index in the list at a URI (clause 6), as mdoc and SD-JWT VC carry it.

Nothing is fetched here; other mechanisms than the status list are noticed and not understood.
"""

from dataclasses import dataclass

from diptych.errors import FormatError
from diptych.formats import strict_json
from diptych.formats.cbor import CborKey, CborValue, as_text, as_text_map, as_unsigned
from diptych.formats.status_list.lists import MAX_URI_CHARACTERS
from diptych.formats.strict_json import Json

MAX_INDEX = 2**32 - 1


@dataclass(frozen=True)
class StatusReference:
    """The `status_list` member: one index of one list. Together they are as unique as a serial number."""

    index: int
    uri: str

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_INDEX:
            raise FormatError("status.idx", "an index is a non-negative number of at most 32 bits")
        if not 0 < len(self.uri) <= MAX_URI_CHARACTERS or not self.uri.isascii():
            raise FormatError("status.uri", f"a URI has 1 to {MAX_URI_CHARACTERS} ASCII characters (RFC 3986)")

    def to_cbor(self) -> dict[CborKey, CborValue]:
        """The `Status` map around it (clause 6.3), for an MSO."""
        return {"status_list": {"idx": self.index, "uri": self.uri}}

    def to_json(self) -> dict[str, Json]:
        """The `status` object around it (clause 6.2), for an SD-JWT VC."""
        return {"status_list": {"idx": self.index, "uri": self.uri}}


@dataclass(frozen=True)
class StatusClaim:
    """A document's `status`. Without a reference it names only mechanisms that are not read here."""

    reference: StatusReference | None


def from_cbor(value: CborValue) -> StatusClaim:
    """The `Status` map in an MSO, or `FormatError`."""
    mechanisms = as_text_map(value, "status")
    if not mechanisms:
        raise FormatError("status", "a status names at least one mechanism")
    if "status_list" not in mechanisms:
        return StatusClaim(None)
    found = as_text_map(mechanisms["status_list"], "status.status_list")
    for name in ("idx", "uri"):
        if name not in found:
            raise FormatError("status.status_list", f"'{name}' is missing")
    return StatusClaim(StatusReference(as_unsigned(found["idx"], "status.idx"), as_text(found["uri"], "status.uri")))


def from_json(value: Json) -> StatusClaim:
    """The `status` claim of a token, or `FormatError`."""
    if not isinstance(value, dict) or not value:
        raise FormatError("status", "a status names at least one mechanism")
    if "status_list" not in value:
        return StatusClaim(None)
    found = value["status_list"]
    if not isinstance(found, dict):
        raise FormatError("status.status_list", "a reference is an object with 'idx' and 'uri'")
    return StatusClaim(StatusReference(strict_json.integer(found, "idx"), strict_json.text(found, "uri")))
