"""What a person writes for a trustee, and the short answers of others: a value that says the same, or `FormatError`."""

import contextlib
import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from diptych.adapters.trustee_folder import DEFAULT_POLICY
from diptych.crypto.fast_suite.credential import COMMITMENT_BYTES
from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError
from diptych.formats.cbor import encode
from diptych.formats.civil_status.model import parse_birth_date
from diptych.formats.strict_toml import TomlTable, only, parse_table
from diptych.protocols.ceremony.channel import parse_said
from diptych.protocols.lookup import policy_file as lookup_policy
from diptych.protocols.openid4vci.commitment_proof import parse_commitment_proof
from diptych.protocols.openid4vci.recorded import parse_recorded
from diptych.protocols.openid4vp.request_object import parse_fetch
from diptych.protocols.opening import policy_file as opening_policy
from diptych.roles.trustee import odds
from tests.formats.tlog_specimen import POLICY
from tests.fuzz.test_recording import mutated
from tests.recording import recorded_batch

_JUDICIAL = (
    '[legal_basis.judicial]\nsince = 2020-01-01\ncourts = ["assizes"]\nmax_deferral_days = 365\napproval = true\n'
)
WRITTEN = (DEFAULT_POLICY.format(waiting_hours=24, since="2026-01-31") + _JUDICIAL).encode()
COURTS = {"assizes": generate_signer().public_key}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def read(table: TomlTable) -> None:
    """As a trustee's folder is read."""
    only(table, (*opening_policy.MEMBERS, *lookup_policy.MEMBERS, *odds.MEMBERS), "policy.toml")
    odds.read_risk(table)
    holder = opening_policy.read_holder_policy(table, log=POLICY, courts=COURTS)
    lookup_policy.read_lookup_policies(table, waiting_time=holder.waiting_time)


@given(st.binary(max_size=200) | mutated(WRITTEN))
def test_any_text_as_a_trustees_policy(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        read(parse_table(data))


@given(st.data(), VALUES)
def test_a_trustees_policy_with_one_value_replaced(data: st.DataObject, value: object) -> None:
    table = parse_table(WRITTEN)
    place = table
    while True:
        name = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(found := place[name], dict) or data.draw(st.booleans()):
            break
        place = cast("TomlTable", found)
    place[name] = value  # type: ignore[assignment]  # whatever a file could hold, and more
    with contextlib.suppress(FormatError):
        read(table)


def test_the_policy_that_is_damaged_here_is_one() -> None:
    read(parse_table(WRITTEN))


PROOF = encode(
    {"commitment": bytes(COMMITMENT_BYTES), "nonce": "nonce", "proof": bytes(96)},
)
RECORDED = recorded_batch(2).encode()


@given(st.binary(max_size=200) | mutated(PROOF))
def test_any_bytes_as_a_commitment_proof(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        found = parse_commitment_proof(data)
        assert encode({"commitment": found.commitment, "nonce": found.nonce, "proof": found.proof}) == data


@given(st.data(), VALUES)
def test_what_comes_beside_credentials_with_one_value_replaced(data: st.DataObject, value: object) -> None:
    damaged: Any = json.loads(json.dumps(RECORDED))
    place = damaged
    while True:
        name = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[name], dict | list) or data.draw(st.booleans()):
            break
        place = place[name]
    place[name] = value
    with contextlib.suppress(FormatError):
        assert parse_recorded(damaged).encode() == damaged


@given(st.binary(max_size=300))
def test_any_bytes_as_a_fetch(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        nonce = parse_fetch(data)
        assert nonce is None or nonce


@given(st.binary(max_size=300))
def test_any_bytes_as_what_a_trustee_said(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        parse_said(data)


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True))
def test_any_text_as_a_birth_date(text: str) -> None:
    with contextlib.suppress(FormatError):
        assert parse_birth_date(text).encode() == text
