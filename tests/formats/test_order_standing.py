"""How an order stands, as an officer says it: every field is signed, and only for this."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from diptych.errors import DiptychError, FormatError, Refused, VerificationError
from diptych.formats.cbor import encode
from diptych.formats.cose import sign1
from diptych.formats.order import standing
from diptych.formats.order.signed import officer_fingerprint
from diptych.formats.order.standing import REASONS, Standing, StandingOrder
from tests.formats.mdoc_specimen import key

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
OFFICER = key("officer")
ISSUER = "https://issuer.example"
SAID = StandingOrder(b"o" * 16, ISSUER, officer_fingerprint(OFFICER.public_key), Standing.SUSPENDED, "lost", NOW)
MESSAGE = standing.sign(SAID, signer=OFFICER)


def verify(message: bytes, *, now: datetime = NOW, issuer: str = ISSUER, honours: bool = True) -> StandingOrder:
    officers = [OFFICER.public_key] if honours else [key("somebody").public_key]
    return standing.verify(standing.parse(message), officers=officers, expected_issuer=issuer, now=now).said


def test_what_an_officer_says_is_read_as_it_was_said() -> None:
    assert verify(MESSAGE) == SAID
    assert standing.parse(MESSAGE).encode() == MESSAGE


@pytest.mark.parametrize("said", list(Standing))
def test_every_reason_of_the_list_is_for_its_own_standing(said: Standing) -> None:
    for reason in REASONS[said]:
        assert verify(standing.sign(replace(SAID, standing=said, reason=reason), signer=OFFICER)).reason == reason
    with pytest.raises(FormatError, match=r"standing\.reason"):
        replace(SAID, standing=said, reason="because he is a nuisance")


def test_no_changed_byte_is_believed() -> None:
    for position in range(len(MESSAGE)):
        changed = MESSAGE[:position] + bytes([MESSAGE[position] ^ 1]) + MESSAGE[position + 1 :]
        with pytest.raises(DiptychError):
            verify(changed)


@pytest.mark.parametrize("minutes", [-11, 11])
def test_it_is_taken_while_it_is_new(minutes: int) -> None:
    with pytest.raises(VerificationError, match=r"standing\.said_at"):
        verify(MESSAGE, now=NOW + timedelta(minutes=minutes))


def test_it_is_for_one_issuer_and_by_an_officer_it_honours() -> None:
    with pytest.raises(VerificationError, match=r"standing\.issuer"):
        verify(MESSAGE, issuer="https://elsewhere.example")
    with pytest.raises(Refused, match=r"order\.officer"):
        verify(MESSAGE, honours=False)
    with pytest.raises(VerificationError, match=r"standing\.officer"):
        standing.sign(SAID, signer=key("somebody"))


def test_what_the_key_signed_for_another_purpose_is_no_standing() -> None:
    other = sign1.sign(SAID.encode(), signer=OFFICER, external_aad=b"diptych order 1").encode()
    with pytest.raises(VerificationError):
        verify(other)


def test_another_encoding_of_the_same_is_refused() -> None:
    members = {
        "order": SAID.order_id,
        "version": 1,
        "issuer": ISSUER,
        "officer": SAID.officer,
        "standing": "suspended",
        "reason": "lost",
    }
    payload = encode(members)
    with pytest.raises(FormatError):
        standing.parse(sign1.sign(payload, signer=OFFICER, external_aad=b"diptych order standing 1").encode())
