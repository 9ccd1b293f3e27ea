"""Keyrings and verifiers' keys: any bytes are one that reads back the same, or a `FormatError`."""

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.adapters import verifier_keys
from diptych.adapters.verifier_keys import FIRST, PartyFiles
from diptych.errors import FormatError
from diptych.roles.issuer import keyring
from diptych.roles.issuer.keyring import Emergency, Keyring, RootKey, SignerKey
from tests.formats.mdoc_specimen import AUTHORITY, DOC_TYPE, NOW
from tests.fuzz.cbor_damage import damaged_bytes
from tests.fuzz.test_dcql import JSON

SIGNER = SignerKey("licence", DOC_TYPE, AUTHORITY.signer, bytes(32), "signers/a.key.pem", NOW, 90)
RING = Keyring(
    (RootKey(AUTHORITY.root, "root.key.pem"), RootKey(AUTHORITY.root, "/media/root.pem", NOW)),
    (SIGNER, SignerKey("licence", DOC_TYPE, AUTHORITY.signer, bytes(32), None, NOW, 90, NOW, NOW)),
    Emergency(NOW, ("licence", "card"), NOW, 0),
)
PARTIES = (
    FIRST,
    PartyFiles("pkcs11:token=a;object=b", "verifier-00.pem", "verifier-00.jwt", datetime(2026, 1, 1, tzinfo=UTC)),
)


def test_they_read_back() -> None:
    assert keyring.parse(keyring.encode(RING)) == RING
    assert verifier_keys.parse(verifier_keys.encode(PARTIES)) == PARTIES


@given(data=st.data())
def test_a_damaged_keyring_is_one_or_a_format_error(data: st.DataObject) -> None:
    with contextlib.suppress(FormatError):
        ring = keyring.parse(data.draw(damaged_bytes(keyring.encode(RING))))
        assert keyring.parse(keyring.encode(ring)) == ring


@given(data=st.data())
def test_damaged_keys_of_a_verifier_are_some_or_a_format_error(data: st.DataObject) -> None:
    with contextlib.suppress(FormatError):
        parties = verifier_keys.parse(data.draw(damaged_bytes(verifier_keys.encode(PARTIES))))
        assert verifier_keys.parse(verifier_keys.encode(parties)) == parties


@given(JSON)
def test_any_json_is_refused(value: object) -> None:
    for parse in (keyring.parse, verifier_keys.parse):
        with pytest.raises(FormatError):
            parse(json.dumps(value).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for parse in (keyring.parse, verifier_keys.parse):
        with pytest.raises(FormatError):
            parse(data)


@pytest.mark.parametrize(
    "parties",
    [
        (),
        (PARTIES[1], PartyFiles("a", "b", "c")),
        (PARTIES[1], PartyFiles("a", "b", "c", datetime(2025, 1, 1, tzinfo=UTC))),
        (PartyFiles("a", "../b", "c"),),
        (PartyFiles("a", "b", "c/d"),),
    ],
)
def test_keys_out_of_order_and_files_elsewhere_are_refused(parties: tuple[PartyFiles, ...]) -> None:
    with pytest.raises(FormatError, match=r"verifier\.keys"):
        verifier_keys.parse(verifier_keys.encode(parties))
