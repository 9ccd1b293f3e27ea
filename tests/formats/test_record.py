"""A record opens with both halves and not otherwise; what it is bound to, changed, opens nothing."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.crypto import hpke, sharing
from diptych.crypto import sealing as symmetric
from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.padding import SIZE_CLASSES, pad, unpad
from diptych.formats.record.content import parse_content
from diptych.formats.record.sealed import SEALED_RECORD, Spare, parse_sealed_record
from diptych.formats.record.sealing import (
    FreshlySealed,
    Predecessor,
    check_share,
    open_agency_half,
    open_record,
    seal_record,
    unmask_share,
)
from diptych.private import Secret
from tests.formats.tlog_specimen import NOW
from tests.registry_world import COUNT, World, content_of

WORLD = World()
CONTENT = content_of()
FRESH = WORLD.sealed(CONTENT)
RECORD = FRESH.signed.unverified


def share_of(at: int, fresh: FreshlySealed = FRESH, **changed: object) -> Secret:
    record = fresh.signed.unverified
    slot = record.quorum.slot_of(at)
    arguments: dict[str, object] = {
        "mask": fresh.masks[at],
        "recipient": WORLD.trustees[at - 1].recipient,
        "record_id": record.record_id,
        "number": record.number,
        "epoch": record.quorum.epoch,
        "index": at,
        "share_hash": slot.share_hash,
        **changed,
    }
    return unmask_share(slot.envelope, **arguments)  # type: ignore[arg-type]


def half_of(fresh: FreshlySealed = FRESH, **changed: object) -> Secret:
    record = fresh.signed.unverified
    arguments: dict[str, object] = {
        "recipient": WORLD.agency_recipient,
        "record_id": record.record_id,
        "number": record.number,
        "epoch": record.quorum.epoch,
        **changed,
    }
    return open_agency_half(record.agency.envelope, **arguments)  # type: ignore[arg-type]


SHARES = {index: share_of(index) for index in range(1, COUNT + 1)}


@pytest.mark.parametrize("indices", [(1, 2, 3), (1, 3, 5), (3, 4, 5), (1, 2, 3, 4), (1, 2, 3, 4, 5)])
def test_any_quorum_and_the_agencys_half_open_what_was_sealed(indices: tuple[int, ...]) -> None:
    shares = {index: SHARES[index] for index in indices}
    assert open_record(RECORD, shares=shares, agency_half=half_of()) == CONTENT


def test_fewer_shares_than_the_threshold_open_nothing() -> None:
    with pytest.raises(Refused, match=r"sharing\.too_few"):
        open_record(RECORD, shares={1: SHARES[1], 2: SHARES[2]}, agency_half=half_of())


def test_all_trustees_without_the_agency_open_nothing() -> None:
    for half in (Secret(bytes(32)), SHARES[1], FRESH.masks[1]):
        with pytest.raises(VerificationError, match=r"record\.key"):
            open_record(RECORD, shares=SHARES, agency_half=half)


def test_the_agency_with_trustees_keys_but_without_their_masks_opens_nothing() -> None:
    for index in SHARES:
        with pytest.raises(VerificationError, match=r"sharing\.share_hash"):
            share_of(index, mask=Secret(bytes(32)))


def test_a_false_share_among_more_than_enough_is_noticed_and_a_false_quorum_opens_nothing() -> None:
    false = Secret(os.urandom(32))
    with pytest.raises(VerificationError, match=r"sharing\.share_hash"):
        check_share(RECORD, false, index=1)
    with pytest.raises(VerificationError, match=r"sharing\.inconsistent"):
        open_record(RECORD, shares={**SHARES, 1: false}, agency_half=half_of())
    with pytest.raises(VerificationError, match=r"record\.key"):
        open_record(RECORD, shares={1: false, 2: SHARES[2], 3: SHARES[3]}, agency_half=half_of())


def test_a_true_share_under_anothers_index_is_not_that_trustees() -> None:
    for index, share in SHARES.items():
        check_share(RECORD, share, index=index)
        with pytest.raises(VerificationError, match=r"sharing\.share_hash"):
            check_share(RECORD, share, index=index % COUNT + 1)


def test_a_spare_index_has_its_hash_and_nobodys_envelope() -> None:
    spare = sharing.interpolate({i: sharing.share_vector(SHARES[i]) for i in (1, 2, 3)}, at=6)
    check_share(RECORD, Secret(spare.to_bytes(32, "big")), index=6)
    for index in (0, 8):
        with pytest.raises(FormatError, match=r"record\.index"):
            check_share(RECORD, SHARES[1], index=index)
    with pytest.raises(FormatError, match=r"record\.index"):
        RECORD.quorum.slot_of(6)


@pytest.mark.parametrize(
    "change",
    [{"record_id": bytes(16)}, {"number": 2}, {"epoch": 2}, {"index": 2}, {"share_hash": bytes(32)}],
    ids=lambda change: next(iter(change)),
)
def test_an_envelope_opens_for_its_record_version_epoch_index_and_hash_alone(change: dict[str, object]) -> None:
    with pytest.raises(VerificationError, match=r"hpke\.open"):
        share_of(1, **change)


@pytest.mark.parametrize("change", [{"record_id": bytes(16)}, {"number": 2}, {"epoch": 2}], ids=str)
def test_the_agencys_half_opens_for_its_record_version_and_epoch_alone(change: dict[str, object]) -> None:
    with pytest.raises(VerificationError, match=r"hpke\.open"):
        half_of(**change)


def test_an_envelope_that_is_not_this_trustees_does_not_open() -> None:
    with pytest.raises(VerificationError, match=r"hpke\.open"):
        share_of(1, recipient=WORLD.trustees[1].recipient)
    with pytest.raises(VerificationError, match=r"hpke\.open"):
        half_of(recipient=WORLD.trustees[0].recipient)


def test_a_body_moved_to_another_record_or_version_or_changed_does_not_open() -> None:
    other = bytearray(RECORD.sealed)
    other[-1] ^= 1
    for record, check in (
        (replace(RECORD, record_id=bytes(16)), "record.key"),
        (replace(RECORD, number=2), "record.key"),
        (replace(RECORD, sealed=bytes(other)), "record.key"),
    ):
        with pytest.raises(VerificationError) as caught:
            open_record(record, shares=SHARES, agency_half=half_of())
        assert caught.value.check == check


def test_every_sealing_draws_new_halves_masks_and_a_new_id() -> None:
    again = WORLD.sealed(CONTENT)
    assert again.signed.unverified.record_id != RECORD.record_id
    assert all(again.masks[index] != FRESH.masks[index] for index in SHARES)
    assert half_of(again) != half_of()
    assert share_of(1, again) != SHARES[1]


def test_a_new_version_keeps_the_id_follows_its_predecessor_and_shares_no_key_with_it() -> None:
    before = Predecessor(RECORD.record_id, 1, FRESH.signed.digest)
    after = WORLD.sealed(CONTENT, predecessor=before)
    record = after.signed.unverified
    assert (record.record_id, record.number, record.predecessor) == (RECORD.record_id, 2, FRESH.signed.digest)
    with pytest.raises(VerificationError, match=r"record\.key"):
        open_record(record, shares=SHARES, agency_half=half_of())


def test_the_sealer_alone_signs_for_itself() -> None:
    with pytest.raises(VerificationError, match=r"statement\.signer"):
        SEALED_RECORD.verify(FRESH.signed, generate_signer().public_key, now=NOW)


def test_records_of_one_size_class_have_one_length() -> None:
    def length(portrait: int) -> int:
        return len(WORLD.sealed(content_of(portrait=portrait)).signed.unverified.sealed)

    assert length(10) == length(3000) == SIZE_CLASSES[0] + symmetric.OVERHEAD_BYTES
    assert length(9000) == SIZE_CLASSES[1] + symmetric.OVERHEAD_BYTES


def test_three_of_five_cost_less_than_eight_kilobytes_beyond_the_padded_content() -> None:
    overhead = len(FRESH.signed.encode()) - len(CONTENT.encode_padded())
    assert 7000 < overhead < 8000


def changed(**changes: object) -> bytes:
    return replace(RECORD, **changes).encode()  # type: ignore[arg-type]


def header(**changes: object) -> bytes:
    return changed(quorum=replace(RECORD.quorum, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "check"),
    [
        (changed(number=0, predecessor=None), "record.number"),
        (changed(number=2), "record.number"),
        (changed(predecessor=bytes(32)), "record.number"),
        (changed(number=2**32, predecessor=bytes(32)), "record.number"),
        (changed(retention="For ever"), "record"),
        (changed(sealed=RECORD.sealed[:-1]), "record.size"),
        (changed(sealed=b"\x02" + RECORD.sealed[1:]), "sealing.suite"),
        (header(threshold=1), "record.threshold"),
        (header(threshold=6), "record.threshold"),
        (header(shares=(RECORD.quorum.shares[1], RECORD.quorum.shares[0])), "share.index"),
        (header(shares=RECORD.quorum.shares[:1] * 2), "share.index"),
        (header(spares=(Spare(5, bytes(32)),)), "share.index"),
        (header(spares=(Spare(256, bytes(32)),)), "share.index"),
        (header(spares=(Spare(0, bytes(32)),)), "share.index"),
        (
            header(shares=tuple(replace(slot, trustee=bytes(32)) for slot in RECORD.quorum.shares)),
            "record.trustees",
        ),
        (changed(agency=replace(RECORD.agency, envelope=RECORD.agency.envelope + b"\0")), "record"),
        (changed(agency=replace(RECORD.agency, envelope=b"\x03" + RECORD.agency.envelope[1:])), "hpke.suite"),
        (RECORD.encode().replace(b"esuite\x01", b"esuite\x02"), "record.suite"),
    ],
)
def test_a_record_that_cannot_be_is_refused_by_name(payload: bytes, check: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_sealed_record(payload)
    assert caught.value.check == check


def test_a_sealed_record_says_nothing_of_the_person_and_its_secrets_do_not_show() -> None:
    data, printed = FRESH.signed.encode(), repr((FRESH, CONTENT, SHARES, RECORD))
    for canary in ("Le Goff", "Marie", "Astarac", "29019", "1984-05-17", "X7RTPL4T1", "driving-licence"):
        assert canary.encode() not in data
    for canary in ("Goff", "Marie", "Astarac", "29019", "X7RTPL4T1", FRESH.masks[1].reveal().hex()):
        assert canary not in printed


# The content


def with_member(name: str, value: object) -> bytes:
    members = cbor.as_map(cbor.decode(unpad(CONTENT.encode_padded())), "content")
    return pad(cbor.encode({**members, name: value}))  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chain", bytes(31)),
        ("lookups", [{"purpose": "identity", "values": [bytes(32)] * 3}]),
        ("lookups", [{"purpose": "identity", "values": [bytes(31)] * 4}]),
        ("lookups", [{"purpose": name, "values": [bytes(32)] * 4} for name in ("b", "a")]),
        ("lookups", [{"purpose": "a", "values": [bytes(32)] * 4}] * 2),
        ("references", [{"kind": "order", "value": "\n"}]),
        ("references", [{"kind": "order", "value": "1"}] * 65),
        ("documents", [1]),
        ("civil_status", {}),
    ],
)
def test_content_that_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(FormatError):
        parse_content(with_member(name, value))
    assert parse_content(with_member("chain", bytes(32))).chain == Secret(bytes(32))


@given(st.binary(max_size=5000))
@settings(deadline=None)
def test_padding_comes_off_as_it_went_on(body: bytes) -> None:
    assert unpad(pad(body)) == body


def test_padding_other_than_zeros_of_another_class_or_length_is_refused() -> None:
    padded = pad(b"body")
    for wrong, check in (
        (padded[:-1] + b"\x01", "padding.zeros"),
        (padded[:-1], "padding.size"),
        (padded + bytes(SIZE_CLASSES[1] - SIZE_CLASSES[0]), "padding.class"),
        (b"\xff" + padded[1:], "padding.class"),
    ):
        with pytest.raises(FormatError) as caught:
            unpad(wrong)
        assert caught.value.check == check
    with pytest.raises(FormatError, match=r"padding\.too_long"):
        pad(bytes(SIZE_CLASSES[-1]))


def test_an_envelope_that_holds_another_length_than_a_share_is_no_share() -> None:
    slot = RECORD.quorum.slot_of(1)
    info = cbor.encode(["diptych record 1", "envelope", RECORD.record_id, 1, 1, 1, slot.share_hash])
    short = hpke.seal(WORLD.trustees[0].recipient.public_key, bytes(31), info=info)
    with pytest.raises(VerificationError, match=r"record\.share"):
        unmask_share(
            short,
            mask=FRESH.masks[1],
            recipient=WORLD.trustees[0].recipient,
            record_id=RECORD.record_id,
            number=1,
            epoch=1,
            index=1,
            share_hash=slot.share_hash,
        )
    info = cbor.encode(["diptych record 1", "agency", RECORD.record_id, 1, 1])
    short = hpke.seal(WORLD.agency_recipient.public_key, bytes(31), info=info)
    with pytest.raises(VerificationError, match=r"record\.agency_half"):
        open_agency_half(short, recipient=WORLD.agency_recipient, record_id=RECORD.record_id, number=1, epoch=1)


KEYS = [hpke.generate_recipient() for _ in range(7)]


@given(st.data())
@settings(max_examples=10, deadline=None)
def test_any_k_of_any_n_open_and_no_fewer(data: st.DataObject) -> None:
    threshold = data.draw(st.integers(2, 4))
    count = data.draw(st.integers(2 * threshold - 1, len(KEYS)))
    indices = sorted(data.draw(st.sets(st.integers(1, 255), min_size=count, max_size=count)))
    base = WORLD.trustee_set.trustees[0]
    holders = tuple(
        replace(base, index=index, recipient=key.public_key) for index, key in zip(indices, KEYS, strict=False)
    )
    trustees = replace(WORLD.trustee_set, threshold=threshold, trustees=holders, spares=())
    fresh = seal_record(
        CONTENT,
        trustees=trustees,
        retention="identity-15y",
        signer=WORLD.officer_signer,
        sealer=WORLD.officer.certificate.officer,
        predecessor=None,
        entropy=os.urandom,
    )
    record = SEALED_RECORD.parse(fresh.signed.encode()).unverified
    chosen = data.draw(st.lists(st.sampled_from(indices), min_size=threshold, max_size=threshold, unique=True))
    shares = {
        index: unmask_share(
            record.quorum.slot_of(index).envelope,
            mask=fresh.masks[index],
            recipient=KEYS[indices.index(index)],
            record_id=record.record_id,
            number=1,
            epoch=1,
            index=index,
            share_hash=record.quorum.hash_of(index),
        )
        for index in chosen
    }
    assert open_record(record, shares=shares, agency_half=half_of(fresh)) == CONTENT
    shares.popitem()
    with pytest.raises(Refused, match=r"sharing\.too_few"):
        open_record(record, shares=shares, agency_half=half_of(fresh))
