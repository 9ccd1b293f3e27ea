"""Nonces that need no memory until they are used: a time and randomness under a MAC.

Anyone may ask for as many as they like and nothing is stored. Using one only once is left to the caller, which then
stores no more than what authenticated requests consume, and forgets it when the nonce would have expired anyway.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, VerificationError
from diptych.formats import base64url
from diptych.private import Secret

TIME_BYTES = 5
RANDOM_BYTES = 16
MAC_BYTES = 16
MAX_SKEW_SECONDS = 5


@dataclass(frozen=True)
class Nonce:
    """A nonce of ours that still stands. `expires_at` is when it can be forgotten."""

    text: str
    expires_at: datetime


@dataclass(frozen=True)
class NonceMint:
    """Makes and recognises nonces of one `purpose`; a nonce of one purpose is nothing to another."""

    key: Secret
    purpose: str
    lifetime_seconds: int

    def issue(self, *, now: datetime, entropy: Entropy) -> str:
        """A fresh, unpredictable nonce."""
        body = int(now.timestamp()).to_bytes(TIME_BYTES, "big") + entropy(RANDOM_BYTES)
        return base64url.encode(body + self._mac(body))

    def check(self, text: str, *, now: datetime) -> Nonce:
        """The nonce, if this mint made it and it has not expired; else `VerificationError`."""
        try:
            data = base64url.decode(text)
        except FormatError as error:
            raise VerificationError("nonce.foreign", "this nonce was not given here: ask for a new one") from error
        body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if len(data) != TIME_BYTES + RANDOM_BYTES + MAC_BYTES or not hmac.compare_digest(mac, self._mac(body)):
            raise VerificationError("nonce.foreign", "this nonce was not given here: ask for a new one")
        issued_at = datetime.fromtimestamp(int.from_bytes(body[:TIME_BYTES], "big"), UTC)
        expires_at = issued_at + timedelta(seconds=self.lifetime_seconds)
        if not issued_at - timedelta(seconds=MAX_SKEW_SECONDS) <= now < expires_at:
            raise VerificationError("nonce.expired", "this nonce has expired: ask for a new one")
        return Nonce(text, expires_at)

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self.key.reveal(), self.purpose.encode() + b"\0" + body, "sha256")[:MAC_BYTES]
