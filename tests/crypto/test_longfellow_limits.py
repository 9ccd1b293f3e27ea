"""What cannot be proven is refused by name, before any native code sees it; what is not refused can be proven."""

from datetime import datetime, timedelta, timezone

import pytest

from diptych.crypto import longfellow
from diptych.crypto.longfellow import Claim
from diptych.errors import Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import FullDate, Tag, TDate
from diptych.formats.mdoc.issuer_signed import build_item
from diptych.private import Personal
from tests.proving import NOW

PROVABLE = {
    "true": True,
    "false": False,
    "zero": 0,
    "a large number": 2**32 - 1,
    "text": "B",
    "empty text": "",
    "umlauts": "Müstermänn",
    "bytes": b"\x01\x02",
    "full date": FullDate("1971-09-01"),
    "date-time": TDate("2026-01-01T00:00:00Z"),
}
NOT_PROVABLE = {
    "negative": (-1, r"zk\.value_negative"),
    "array": ([1], r"zk\.value_structured"),
    "empty array": ([], r"zk\.value_structured"),
    "map": ({"a": 1}, r"zk\.value_structured"),
    "float": (1.5, r"zk\.value_kind"),
    "null": (None, r"zk\.value_kind"),
    "64-bit number": (2**32, r"zk\.value_number"),
    "another tag": (Tag(37, b"0123456789abcdef"), r"zk\.value_kind"),
    "a date that is a number": (Tag(1, 5), r"zk\.value_kind"),
}


@pytest.mark.parametrize("value", PROVABLE.values(), ids=PROVABLE.keys())
def test_scalars_can_be_proven(value) -> None:
    longfellow.check_provable("age_over_18", cbor.encode(value))


@pytest.mark.parametrize(("value", "check"), NOT_PROVABLE.values(), ids=NOT_PROVABLE.keys())
def test_values_on_which_the_prover_aborts_are_refused_by_name(value, check) -> None:
    with pytest.raises(Refused, match=check):
        longfellow.check_provable("age_over_18", cbor.encode(value))


@pytest.mark.parametrize(
    "encoded",
    [b"", b"\xf5\xf5", b"\x61", b"\x61ab", b"\x18", b"\x1f", b"\x5f\xff", b"\xc0", b"\xd9\x03\xec\x01", b"\xd9\x03"],
    ids=bytes.hex,
)
def test_bytes_that_are_not_one_cbor_scalar_are_refused(encoded: bytes) -> None:
    with pytest.raises(Refused, match=r"zk\.value_kind"):
        longfellow.check_provable("age_over_18", encoded)


@pytest.mark.parametrize("identifier", ["", "a" * 24, "é", "a\0b", "a\nb", "\ud800"])
def test_identifiers_that_the_circuits_cannot_carry_are_refused(identifier: str) -> None:
    with pytest.raises(Refused, match=r"zk\.identifier"):
        longfellow.check_provable(identifier, b"\xf5")


@pytest.mark.parametrize("identifier", ["a", "age_over_18", "i" * 23])
def test_the_room_for_a_value_is_exactly_what_an_item_of_ours_leaves(identifier: str) -> None:
    room = longfellow.room_for_value(identifier)
    value = next("v" * count for count in range(room, 0, -1) if len(cbor.encode("v" * count)) <= room)
    encoded = cbor.encode(value)
    assert len(encoded) == room
    longfellow.check_provable(identifier, encoded)
    # 255 needs two bytes, as does every digest id that a document of provable size can have.
    item = build_item(digest_id=255, random=bytes(16), identifier=identifier, value=Personal(value))
    assert len(cbor.encode(item.encoded)) == longfellow.MAX_TAGGED_ITEM_BYTES
    longfellow.check_tagged_item(cbor.encode(item.encoded))
    with pytest.raises(Refused, match=r"zk\.item_too_long"):
        longfellow.check_provable(identifier, cbor.encode(value + "v"))


def test_items_that_are_long_or_untagged_are_refused() -> None:
    longfellow.check_tagged_item(cbor.encode(cbor.EncodedCbor(bytes(115))))
    with pytest.raises(Refused, match=r"zk\.item_too_long"):
        longfellow.check_tagged_item(cbor.encode(cbor.EncodedCbor(bytes(116))))
    for untagged in (bytes(60), cbor.encode(bytes(60)), cbor.encode(cbor.EncodedCbor(bytes(20))), b""):
        with pytest.raises(Refused, match=r"zk\.item_untagged"):
            longfellow.check_tagged_item(untagged)


def test_a_signed_object_beyond_the_hash_blocks_is_refused() -> None:
    for version, most in ((7, 2531), (6, 2211)):
        longfellow.check_tagged_mso(cbor.encode(cbor.EncodedCbor(bytes(most - 5))), version=version)
        for size in (most - 4, 10_000, 200, 0):
            with pytest.raises(Refused, match=r"zk\.mso_size"):
                longfellow.check_tagged_mso(cbor.encode(cbor.EncodedCbor(bytes(size))), version=version)


def test_one_to_four_different_claims_of_one_namespace_fit_a_proof() -> None:
    claims = [Claim("ns", f"age_over_{years}", b"\xf5") for years in range(18, 23)]
    for count in range(1, 5):
        longfellow.check_claims(claims[:count])
    for refused, check in (
        ([], "claim_count"),
        (claims, "claim_count"),
        ([claims[0], Claim("other", "age_over_19", b"\xf5")], "one_namespace"),
        ([claims[0], Claim("ns", "age_over_18", b"\xf4")], "claim_repeated"),
        ([Claim("n" * 65, "age_over_18", b"\xf5")], "namespace"),
        ([Claim("", "age_over_18", b"\xf5")], "namespace"),
        ([Claim("ns\0", "age_over_18", b"\xf5")], "namespace"),
        ([claims[0], Claim("ns", "height", b"\x20")], "value_negative"),
    ):
        with pytest.raises(Refused, match=rf"zk\.{check}"):
            longfellow.check_claims(refused)


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"doc_type": "eu.europa.ec.av.1\0"}, "doc_type"),
        ({"doc_type": ""}, "doc_type"),
        ({"doc_type": "d" * 256}, "doc_type"),
        ({"transcript": b""}, "transcript_size"),
        ({"transcript": bytes(70_000)}, "transcript_size"),
        ({"timestamp": NOW.replace(microsecond=1)}, "timestamp"),
        ({"timestamp": NOW.replace(tzinfo=None)}, "timestamp"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_statements_that_the_native_code_cannot_take_are_refused(changed, check) -> None:
    statement = {"doc_type": "eu.europa.ec.av.1", "transcript": b"\x80", "timestamp": NOW}
    longfellow.check_statement(**statement)
    with pytest.raises(Refused, match=rf"zk\.{check}"):
        longfellow.check_statement(**{**statement, **changed})


def test_proofs_of_impossible_sizes_are_refused() -> None:
    longfellow.check_proof_size(bytes(300_000))
    longfellow.check_proof_size(bytes(1_000_000))
    for size in (0, 299_999, 1_000_001):
        with pytest.raises(VerificationError, match=r"zk\.proof_size"):
            longfellow.check_proof_size(bytes(size))


def test_moments_are_written_in_utc() -> None:
    paris = datetime(2026, 6, 15, 11, 30, tzinfo=timezone(timedelta(hours=2)))
    assert longfellow.timestamp_text(paris) == "2026-06-15T09:30:00Z" == longfellow.timestamp_text(NOW)


def test_a_claim_does_not_show_its_value() -> None:
    assert "Mustermann" not in repr(Claim("ns", "family_name", cbor.encode("Mustermann")))
