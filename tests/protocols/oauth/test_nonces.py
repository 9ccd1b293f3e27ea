"""Nonces without memory."""

from datetime import UTC, datetime, timedelta
from os import urandom

import pytest

from diptych.errors import VerificationError
from diptych.formats import base64url
from diptych.private import Secret
from diptych.protocols.oauth.nonces import NonceMint

NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
MINT = NonceMint(Secret(b"k" * 32), "c_nonce", 300)


def test_a_nonce_is_recognised_until_it_expires() -> None:
    nonce = MINT.issue(now=NOW, entropy=urandom)
    assert MINT.check(nonce, now=NOW).expires_at == NOW + timedelta(seconds=300)
    MINT.check(nonce, now=NOW + timedelta(seconds=299))
    with pytest.raises(VerificationError, match=r"nonce\.expired"):
        MINT.check(nonce, now=NOW + timedelta(seconds=300))


def test_a_nonce_from_the_future_is_refused() -> None:
    nonce = MINT.issue(now=NOW + timedelta(seconds=60), entropy=urandom)
    with pytest.raises(VerificationError, match=r"nonce\.expired"):
        MINT.check(nonce, now=NOW)


def test_no_two_nonces_are_the_same() -> None:
    assert len({MINT.issue(now=NOW, entropy=urandom) for _ in range(1000)}) == 1000


def test_a_nonce_of_another_purpose_or_key_is_foreign() -> None:
    nonce = MINT.issue(now=NOW, entropy=urandom)
    for mint in (NonceMint(MINT.key, "dpop", 300), NonceMint(Secret(b"l" * 32), "c_nonce", 300)):
        with pytest.raises(VerificationError, match=r"nonce\.foreign"):
            mint.check(nonce, now=NOW)


def test_a_nonce_with_any_bit_flipped_is_foreign() -> None:
    data = base64url.decode(MINT.issue(now=NOW, entropy=urandom))
    for position in range(len(data) * 8):
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(VerificationError, match=r"nonce\.foreign"):
            MINT.check(base64url.encode(bytes(changed)), now=NOW)


@pytest.mark.parametrize("text", ["", "A", "====", "é", "A" * 10_000])
def test_nonsense_is_foreign(text: str) -> None:
    with pytest.raises(VerificationError, match=r"nonce\.foreign"):
        MINT.check(text, now=NOW)
