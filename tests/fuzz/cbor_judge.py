"""cbor2 as the judge of our CBOR: made as strict as ours, which takes all of what follows (docs/decisions/0008)."""

from collections.abc import Mapping
from math import isfinite

import cbor2

from diptych.formats.cbor import CborValue, EncodedCbor, FullDate, Tag, TDate

# The tags that cbor2 would turn into something else; tests/formats/test_cbor.py finds out if there are more.
ITS_TAGS = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)


class Refused(Exception):
    """Not the one encoding of a value that is accepted here."""


def judged(data: bytes) -> CborValue:
    """The value in `data` as cbor2 reads it, or `Refused`."""
    try:
        value = cbor2.loads(
            data,
            tag_hook=lambda tag, _: Tag(tag.tag, _plain(tag.value)),
            object_hook=_checked_keys,
            semantic_decoders={**{number: _tag(number) for number in ITS_TAGS}, **_OURS},
            allow_indefinite=False,
            allow_duplicate_keys=False,
            max_depth=16,
        )
        if cbor2.dumps(value, encoders=_ENCODERS) != data:
            raise Refused
    except (cbor2.CBORDecodeError, cbor2.CBOREncodeError, UnicodeEncodeError) as error:
        raise Refused from error
    return value


def _tag(number: int) -> object:
    return lambda value, _: Tag(number, _plain(value))


def _plain(value: object) -> CborValue:
    """Below a tag cbor2 reads tuples and maps of its own, so that the tag could be a key."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    return value


def _typed(kind: type, of: type) -> object:
    def decoded(value: object, _: bool) -> object:
        if type(value) is not of:
            raise Refused
        return kind(value)

    return decoded


def _checked_keys(members: dict[object, object], _: bool) -> dict[object, object]:
    if not {int, str, bytes}.issuperset(map(type, members)):
        raise Refused
    return members


def _refuse(encoder: object, value: object) -> None:
    raise Refused


def _encode_integer(encoder: cbor2.CBOREncoder, value: int) -> None:
    if not -(1 << 64) <= value < 1 << 64:
        raise Refused
    encoder.encode_int(value)


def _encode_float(encoder: cbor2.CBOREncoder, value: float) -> None:
    if not isfinite(value):
        raise Refused
    encoder.write(cbor2.dumps(value, canonical=True))


def _encode_tag(encoder: cbor2.CBOREncoder, tag: Tag) -> None:
    # Its own `encode_semantic` starts replacing repeated texts by references when it sees tag 256.
    encoder.encode_length(6, tag.number)
    encoder.encode(tag.value)


_OURS = {0: _typed(TDate, str), 24: _typed(EncodedCbor, bytes), 1004: _typed(FullDate, str)}
_ENCODERS = {
    int: _encode_integer,
    float: _encode_float,
    EncodedCbor: lambda encoder, value: encoder.encode_semantic(24, value.raw),
    TDate: lambda encoder, value: encoder.encode_semantic(0, value.text),
    FullDate: lambda encoder, value: encoder.encode_semantic(1004, value.text),
    Tag: _encode_tag,
    cbor2.CBORSimpleValue: _refuse,
    type(cbor2.undefined): _refuse,
}
