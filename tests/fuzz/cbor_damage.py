"""Ways to damage a valid message: by the byte, and by the item, which reaches what byte flips never do."""

from hypothesis import strategies as st

from diptych.errors import FormatError
from diptych.formats.cbor import CborKey, CborValue, EncodedCbor, FullDate, Tag, TDate, decode, encode

KEYS = st.one_of(st.integers(-5, 40), st.text(max_size=8), st.binary(max_size=4))
SCALARS: st.SearchStrategy[CborValue] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 64), (1 << 64) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.binary(max_size=40),
    st.builds(TDate, st.text(max_size=24)),
    st.builds(FullDate, st.text(max_size=12)),
    st.builds(EncodedCbor, st.binary(max_size=12)),
)
VALUES: st.SearchStrategy[CborValue] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.builds(Tag, st.integers(2, 23) | st.integers(25, 1003), inner),
    ),
    max_leaves=12,
)


@st.composite
def damaged_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with some bytes set, left out or put in."""
    damaged = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, len(damaged)))
        match draw(st.sampled_from(("set", "cut", "insert", "truncate"))):
            case "set":
                damaged[position : position + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del damaged[position : position + draw(st.integers(1, 9))]
            case "insert":
                damaged[position:position] = draw(st.binary(min_size=1, max_size=9))
            case _:
                del damaged[position:]
    return bytes(damaged)


@st.composite
def damaged_items(draw: st.DrawFn, data: bytes) -> bytes:
    """The CBOR item in `data` with one item somewhere inside replaced, left out, repeated or renamed."""
    return encode(_damaged(draw, decode(data)))


def _damaged(draw: st.DrawFn, value: CborValue) -> CborValue:
    if isinstance(value, EncodedCbor):
        return EncodedCbor(_inside(draw, value.raw)) if draw(st.integers(0, 9)) else draw(VALUES)
    if isinstance(value, bytes) and value[:1] in (b"\xa1", b"\xd8") and draw(st.booleans()):
        return _inside(draw, value)
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value, key=repr)))
        return _damaged_member(draw, value, name)
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], *_damaged_place(draw, value[place]), *value[place + 1 :]]
    return draw(VALUES)


def _inside(draw: st.DrawFn, raw: bytes) -> bytes:
    try:
        return encode(_damaged(draw, decode(raw)))
    except FormatError:
        return draw(damaged_bytes(raw))


def _damaged_member(draw: st.DrawFn, value: dict[CborKey, CborValue], name: CborKey) -> CborValue:
    match draw(st.sampled_from(("deeper", "deeper", "deeper", "drop", "rename", "add"))):
        case "drop":
            return {key: member for key, member in value.items() if key != name}
        case "rename":
            other = draw(KEYS)
            return {other if key == name else key: member for key, member in value.items()}
        case "add":
            return {**value, draw(KEYS): draw(VALUES)}
        case _:
            return {key: _damaged(draw, member) if key == name else member for key, member in value.items()}


def _damaged_place(draw: st.DrawFn, item: CborValue) -> list[CborValue]:
    match draw(st.sampled_from(("deeper", "deeper", "deeper", "drop", "repeat"))):
        case "drop":
            return []
        case "repeat":
            return [item, item]
        case _:
            return [_damaged(draw, item)]
