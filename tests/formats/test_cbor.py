"""CBOR is read and written in one way: RFC 8949's own examples, every second way of saying the same, and cbor2."""

from datetime import UTC, date, datetime, timedelta, timezone

import cbor2
import pytest

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, EncodedCbor, FullDate, Tag, TDate, Verbatim
from tests.fuzz.cbor_judge import ITS_TAGS

# RFC 8949, Appendix A: those in preferred serialization, with values that are accepted here.
EXAMPLES: list[tuple[str, CborValue]] = [
    ("00", 0),
    ("17", 23),
    ("1818", 24),
    ("1903e8", 1000),
    ("1a000f4240", 1000000),
    ("1b000000e8d4a51000", 1000000000000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("20", -1),
    ("3903e7", -1000),
    ("f90000", 0.0),
    ("f98000", -0.0),
    ("f93c00", 1.0),
    ("fb3ff199999999999a", 1.1),
    ("f97bff", 65504.0),
    ("fa47c35000", 100000.0),
    ("fa7f7fffff", 3.4028234663852886e38),
    ("fb7e37e43c8800759c", 1.0e300),
    ("f90001", 5.960464477539063e-8),
    ("fbc010666666666666", -4.1),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("c074323031332d30332d32315432303a30343a30305a", TDate("2013-03-21T20:04:00Z")),
    ("c11a514b67b0", Tag(1, 1363896240)),
    ("d818456449455446", EncodedCbor(b"dIETF")),
    ("d903ec6a323032342d31302d3230", FullDate("2024-10-20")),
    ("40", b""),
    ("4401020304", b"\x01\x02\x03\x04"),
    ("62c3bc", "\u00fc"),
    ("64f0908591", "\U00010151"),
    ("80", []),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("a201020304", {1: 2, 3: 4}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
]

SECOND_WAYS = {
    "integer_too_long": ("1817", "cbor.preferred"),
    "length_too_long": ("580100", "cbor.preferred"),
    "array_count_too_long": ("9800", "cbor.preferred"),
    "tag_too_long": ("d80000", "cbor.preferred"),
    "float_too_long": ("fb3ff0000000000000", "cbor.preferred"),
    "indefinite_array": ("9fff", "cbor.length"),
    "indefinite_text": ("7f6161ff", "cbor.length"),
    "indefinite_map": ("bfff", "cbor.length"),
    "lone_break": ("ff", "cbor.simple"),
    "reserved_length": ("1c", "cbor.length"),
    "duplicate_key": ("a201020103", "cbor.duplicate"),
    "key_is_true": ("a1f501", "cbor.key"),
    "key_is_array": ("a18001", "cbor.key"),
    "key_is_float": ("a1f93c0001", "cbor.key"),
    "undefined": ("f7", "cbor.simple"),
    "simple_value": ("f8ff", "cbor.simple"),
    "nan": ("f97e00", "cbor.float"),
    "infinity": ("f97c00", "cbor.float"),
    "text_not_utf8": ("61ff", "cbor.text"),
    "surrogate": ("63eda080", "cbor.text"),
    "trailing": ("0000", "cbor.trailing"),
    "empty": ("", "cbor.truncated"),
    "truncated_text": ("6261", "cbor.truncated"),
    "huge_array": ("9bffffffffffffffff", "cbor.truncated"),
    "huge_bytes": ("5bffffffffffffffff", "cbor.truncated"),
    "huge_map": ("bb7fffffffffffffff", "cbor.truncated"),
    "tag_24_over_text": ("d81861 61".replace(" ", ""), "cbor.encoded"),
    "tag_0_over_number": ("c000", "cbor.tdate"),
    "tag_1004_over_number": ("d903ec00", "cbor.full_date"),
}


@pytest.mark.parametrize(("encoded", "value"), EXAMPLES)
def test_the_standards_examples_read_and_write_back(encoded: str, value: CborValue) -> None:
    found = cbor.decode(bytes.fromhex(encoded))
    assert found == value
    assert type(found) is type(value)
    assert cbor.encode(value).hex() == encoded


@pytest.mark.parametrize("defect", SECOND_WAYS)
def test_a_second_way_of_saying_it_is_refused(defect: str) -> None:
    encoded, check = SECOND_WAYS[defect]
    with pytest.raises(FormatError) as refusal:
        cbor.decode(bytes.fromhex(encoded))
    assert refusal.value.check == check


def test_nesting_deeper_than_allowed_is_refused() -> None:
    assert cbor.decode(b"\x81" * 16 + b"\x00")
    for deeper in (b"\x81" * 17 + b"\x00", b"\xc6" * 17 + b"\x00", b"\x81" * 100_000):
        with pytest.raises(FormatError, match=r"cbor\.(depth|truncated)"):
            cbor.decode(deeper)
    with pytest.raises(FormatError, match=r"cbor\.depth"):
        cbor.decode(b"\x81\x81\x00", max_depth=1)


def test_maps_keep_the_order_of_their_keys() -> None:
    assert cbor.encode({"b": 1, "a": 2}).hex() == "a2616201616102"
    assert list(cbor.as_map(cbor.decode(bytes.fromhex("a2616201616102")), "order")) == ["b", "a"]


def test_an_encoded_item_is_spliced_in_as_it_is() -> None:
    assert cbor.encode([1, Verbatim(b"\x82\x01\x02")]).hex() == "8201820102"


def test_what_cbor_here_cannot_say_is_refused() -> None:
    for value in (float("nan"), float("inf"), 1 << 64, "\ud800", object()):
        with pytest.raises(FormatError):
            cbor.encode(value)  # type: ignore[arg-type]  # one of them is outside the types, on purpose


def test_moments_are_utc_with_whole_seconds_in_one_spelling() -> None:
    moment = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
    assert TDate.of(moment).text == "2026-05-01T12:00:00Z"
    assert TDate.of(moment.astimezone(timezone(timedelta(hours=2)))) == TDate.of(moment)
    assert TDate("2026-05-01T12:00:00Z").moment() == moment
    for text in (
        "2026-05-01T12:00:00.5Z",
        "2026-05-01T12:00:00+00:00",
        "2026-5-1T12:00:00Z",
        "2026-02-30T00:00:00Z",
        "",
    ):
        with pytest.raises(FormatError, match=r"cbor\.tdate"):
            TDate(text).moment()
    for unfit in (moment.replace(microsecond=1), moment.replace(tzinfo=None)):
        with pytest.raises(FormatError, match=r"cbor\.tdate"):
            TDate.of(unfit)


def test_days_have_one_spelling() -> None:
    assert FullDate.of(date(2026, 5, 1)) == FullDate("2026-05-01")
    assert FullDate("2026-05-01").day() == date(2026, 5, 1)
    for text in ("20260501", "2026-W18-5", "2026-13-01", "01.05.2026", ""):
        with pytest.raises(FormatError, match=r"cbor\.full_date"):
            FullDate(text).day()


def test_what_is_about_a_person_does_not_show_in_a_repr() -> None:
    assert "1971" not in repr(FullDate("1971-09-01"))
    assert "Erika" not in repr([EncodedCbor(b"Erika"), Tag(9, "Erika"), Verbatim(b"Erika")])


@pytest.mark.parametrize(("encoded", "value"), EXAMPLES)
def test_cbor2_reads_what_we_write(encoded: str, value: CborValue) -> None:
    if isinstance(value, TDate | FullDate | EncodedCbor | Tag):
        return  # cbor2 turns these into its own types
    assert cbor2.loads(cbor.encode(value)) == value


def test_the_judge_knows_every_tag_that_cbor2_would_turn_into_something_else() -> None:
    turned = []
    for number in [*range(66_000), 1 << 32]:
        try:
            found = cbor2.loads(cbor.encode(Tag(number, 0)), tag_hook=lambda tag, _: ("untouched", tag.tag, tag.value))
        except cbor2.CBORDecodeError:
            found = None
        if found != ("untouched", number, 0):
            turned.append(number)
    assert tuple(turned) == ITS_TAGS
