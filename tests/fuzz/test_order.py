"""Orders: arbitrary bytes are a value or a `FormatError`; what parses re-encodes to the same bytes."""

import contextlib
import os
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError
from diptych.formats.order import codes, documents, sealed, signed, standing
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.order.standing import Standing, StandingOrder
from diptych.private import Personal, Secret

OFFICER = generate_signer()
PROOF = OrderedDocument("proof-of-age", {"age_over_18": Personal(True)}, datetime(2030, 1, 1, tzinfo=UTC))
PADDED = documents.encode_documents([PROOF])
ORDER = sealed.seal_order(
    full=[PROOF],
    renewal=[],
    code=codes.new_code(os.urandom),
    tx_code=Secret(b"123456"),
    issuer="https://issuer.utopia.example",
    officer=signed.officer_fingerprint(OFFICER.public_key),
    expires_at=datetime(2026, 12, 1, tzinfo=UTC) + timedelta(days=1),
    entropy=os.urandom,
)
SIGNED = signed.sign_order(ORDER, signer=OFFICER).encode()
STANDING = standing.sign(
    StandingOrder(
        b"o" * 16,
        "https://issuer.utopia.example",
        signed.officer_fingerprint(OFFICER.public_key),
        Standing.REVOKED,
        "stolen",
        datetime(2026, 12, 1, tzinfo=UTC),
    ),
    signer=OFFICER,
)

MUTATIONS = st.lists(
    st.tuples(st.one_of(st.integers(0, 400), st.integers(0, 20_000)), st.integers(0, 255)), min_size=1, max_size=6
)


def mutated(data: bytes, mutations: list[tuple[int, int]]) -> bytes:
    damaged = bytearray(data)
    for position, value in mutations:
        damaged[position % len(damaged)] = value
    return bytes(damaged)


def check(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert signed.parse_signed_order(data).encode() == data
    with contextlib.suppress(FormatError):
        assert sealed.parse_sealed_order(data).encode() == data
    with contextlib.suppress(FormatError):
        assert standing.parse(data).encode() == data
    with contextlib.suppress(FormatError):
        assert documents.encode_documents(documents.parse_documents(data)) == data


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_value_or_a_format_error(data: bytes) -> None:
    check(data)


@given(st.binary(max_size=120))
def test_arbitrary_content_in_a_padded_part_is_a_value_or_a_format_error(body: bytes) -> None:
    check(len(body).to_bytes(4, "big") + body + bytes(4092 - len(body)))


@given(MUTATIONS)
@settings(max_examples=200)
def test_mutated_orders_re_encode_identically_or_are_format_errors(mutations: list[tuple[int, int]]) -> None:
    for data in (SIGNED, ORDER.encode(), PADDED, STANDING):
        check(mutated(data, mutations))
