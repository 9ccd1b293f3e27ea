"""The wallet's records read back as they were written, and whatever else is a FormatError."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError
from diptych.private import Personal, Secret
from diptych.roles.wallet import records
from diptych.roles.wallet.model import (
    Batch,
    Chain,
    Copy,
    Document,
    Event,
    Grant,
    HeldAct,
    HistoryEntry,
    Life,
    Outcome,
    Standing,
    Tokens,
    Trust,
)
from tests.recording import recorded_batch

TEXT = st.text(max_size=20)
MOMENT = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
BYTES = st.binary(max_size=40)
SECRET = BYTES.map(Secret)
NAMES = st.dictionaries(TEXT, TEXT, max_size=3)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)

TRUST = st.builds(Trust, BYTES, BYTES, st.none() | BYTES)
RECORDED = recorded_batch(1)
CHAIN = st.builds(Chain, TEXT, SECRET)
ACT = st.builds(
    HeldAct, TEXT, st.integers(0, 2**32 - 1), st.just(RECORDED.acts[0].committed), st.none() | st.just(RECORDED.receipt)
)
GRANT = st.builds(
    Grant,
    id=TEXT,
    issuer=TEXT,
    issuer_names=NAMES,
    configuration_ids=TEXTS,
    outstanding=TEXTS,
    code_digest=BYTES,
    code=st.none() | SECRET,
    tx_code=st.none() | SECRET,
    dpop_key=SECRET,
    tokens=st.none() | st.builds(Tokens, SECRET, MOMENT, st.none() | SECRET),
    renewable=st.none() | TEXTS,
)
BATCH = st.builds(Batch, TEXT, TEXT, st.lists(SECRET, max_size=3).map(tuple))
DOCUMENT = st.builds(
    Document,
    id=TEXT,
    grant_id=TEXT,
    configuration_id=TEXT,
    doc_type=TEXT,
    issuer=TEXT,
    names=NAMES,
    claim_names=st.dictionaries(st.tuples(TEXT, TEXT), NAMES, max_size=3),
    received_at=MOMENT,
    valid_from=MOMENT,
    valid_until=MOMENT,
)
COPY = st.builds(Copy, TEXT, TEXT, st.integers(0, 100), BYTES.map(Personal), SECRET, st.booleans())
ENTRY = st.builds(
    HistoryEntry,
    id=TEXT,
    at=MOMENT,
    event=st.sampled_from(Event),
    outcome=st.sampled_from(Outcome),
    who=TEXT.map(Personal),
    purpose=TEXT.map(Personal),
    documents=TEXTS.map(Personal),
    mechanism=st.none() | TEXT,
    learned=TEXTS.map(Personal),
)
STANDING = st.builds(Standing, st.sampled_from(Life), st.none() | MOMENT, st.none() | MOMENT, TEXTS)
PARSERS: list[Callable[[bytes], object]] = [
    records.parse_trust,
    records.parse_chain,
    records.parse_act,
    records.parse_grant,
    records.parse_batch,
    records.parse_document,
    records.parse_copy,
    records.parse_history_entry,
    records.parse_standing,
]


@given(
    st.one_of(
        *(
            st.tuples(st.just(encode), st.just(parse), value)
            for encode, parse, value in [
                (records.encode_trust, records.parse_trust, TRUST),
                (records.encode_chain, records.parse_chain, CHAIN),
                (records.encode_act, records.parse_act, ACT),
                (records.encode_grant, records.parse_grant, GRANT),
                (records.encode_batch, records.parse_batch, BATCH),
                (records.encode_document, records.parse_document, DOCUMENT),
                (records.encode_copy, records.parse_copy, COPY),
                (records.encode_history_entry, records.parse_history_entry, ENTRY),
                (records.encode_standing, records.parse_standing, STANDING),
            ]
        )
    )
)
def test_a_record_reads_back_as_it_was_written(
    written: tuple[Callable[[object], bytes], Callable[[bytes], object], object],
) -> None:
    encode, parse, value = written
    assert parse(encode(value)) == value


@pytest.mark.parametrize("parse", PARSERS)
@given(data=st.binary(max_size=200))
def test_anything_else_is_a_format_error(parse: Callable[[bytes], object], data: bytes) -> None:
    try:
        parse(data)
    except FormatError:
        return


@given(GRANT, st.integers(0, 10_000), st.integers(0, 7))
def test_a_changed_record_reads_as_what_it_now_says_or_not_at_all(grant: Grant, position: int, bit: int) -> None:
    changed = bytearray(records.encode_grant(grant))
    changed[position % len(changed)] ^= 1 << bit
    try:
        found = records.parse_grant(bytes(changed))
    except FormatError:
        return
    assert records.encode_grant(found) == bytes(changed)
