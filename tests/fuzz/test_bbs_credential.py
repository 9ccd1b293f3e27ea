"""Bytes that are no credential, answer, epoch or trust of the fast suite: a value or `FormatError`, nothing else."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError, VerificationError
from diptych.formats.bbs_credential import epoch
from diptych.formats.bbs_credential.credential import encode_credential, parse_credential, parse_document_type
from diptych.formats.bbs_credential.presentation import parse_answer
from diptych.formats.bbs_credential.trust import encode_member, parse_member, parse_trust
from diptych.formats.strict_json import Json
from tests.formats.bbs_specimen import NOW, URL, issuer, licence_layout, new_holder

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.sampled_from(["url", "types", "digits", "epoch_signer"])
VALID = encode_credential(new_holder().issued, licence_layout())


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for parse in (parse_document_type, parse_answer, epoch.parse_list, parse_trust):
        with contextlib.suppress(FormatError):
            parse(data)
    with contextlib.suppress(FormatError):
        parse_credential(data, licence_layout())


@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=4))
def test_a_credential_with_changed_bytes(changes: list[tuple[int, int]]) -> None:
    data = bytearray(VALID)
    for position, value in changes:
        data[position] = value
    with contextlib.suppress(FormatError):
        parse_credential(bytes(data), licence_layout())


@given(MEMBERS, JSON)
def test_a_trust_member_with_one_part_changed(name: str, value: Json) -> None:
    member = {**encode_member(issuer().trust), name: value}
    with contextlib.suppress(FormatError):
        parse_member(member)


@given(st.text(max_size=60))
def test_any_text_as_an_epoch(text: str) -> None:
    with contextlib.suppress(FormatError, VerificationError):
        epoch.verify_epoch(text, signer=issuer().trust.epoch_signer, expected_issuer=URL, now=NOW)
