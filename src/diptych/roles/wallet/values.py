"""Element values as JSON, for matching a query and for showing to their owner (RFC 8949 6.1)."""

from diptych.formats import base64url
from diptych.formats.cbor import CborValue, EncodedCbor, FullDate, Tag, TDate
from diptych.formats.strict_json import Json


def to_json(value: CborValue) -> Json:
    """The JSON value: dates as their text, bytes as base64url, tags as what they are about."""
    if isinstance(value, FullDate | TDate):
        return value.text
    if isinstance(value, bytes):
        return base64url.encode(value)
    if isinstance(value, EncodedCbor):
        return to_json(value.decoded())
    if isinstance(value, Tag):
        return to_json(value.value)
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(to_json(key)): to_json(item) for key, item in value.items()}
    return value
