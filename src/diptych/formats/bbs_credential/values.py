"""Attribute values of the fast suite as CBOR: one encoding for each kind, so that a value has one scalar.

Which values a document type has is left to the catalogue; how they become scalars, to `crypto/fast_suite`.
"""

from datetime import date

from diptych.crypto.bls12381 import SCALAR_BYTES, encode_scalar, parse_nonzero_scalar
from diptych.crypto.fast_suite.credential import INTEGER_LIMIT, Kind, Value
from diptych.errors import FormatError
from diptych.formats.cbor import CborValue, FullDate, as_bytes

MAX_TEXT_BYTES = 1_024


def to_cbor(kind: Kind, value: Value) -> CborValue:
    """The CBOR of a value of this kind; absent is null."""
    if value is None:
        return None
    if kind is Kind.IDENTIFIER and isinstance(value, int):
        return encode_scalar(value)
    return FullDate.of(value) if isinstance(value, date) else value


def from_cbor(kind: Kind, value: CborValue) -> Value:
    """The exact inverse of `to_cbor`, or `FormatError`."""
    if value is None:
        return None
    match kind:
        case Kind.INTEGER if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < INTEGER_LIMIT:
            return value
        case Kind.DATE if isinstance(value, FullDate):
            return value.day()
        case Kind.TEXT if isinstance(value, str) and len(value.encode()) <= MAX_TEXT_BYTES:
            return value
        case Kind.IDENTIFIER:
            octets = as_bytes(value, "bbs_credential.value")
            if len(octets) == SCALAR_BYTES:
                return parse_nonzero_scalar(octets)
    raise FormatError("bbs_credential.value", "a value is not of the kind that its attribute has")
