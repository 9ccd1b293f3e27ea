"""One-time receiving keys of a trustee: who later takes all its keys learns no mask that travelled before.

Keeping their private halves until a deposit, and deleting them with it, is left to `roles/trustee`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diptych.crypto import hpke
from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import TDate, as_bytes, as_tdate
from diptych.formats.cose.statement import VERSION, Kind, as_exactly, as_fingerprint, parse_payload

ID_BYTES = 16
NONCE_BYTES = 16
LIFETIME = timedelta(hours=1)


@dataclass(frozen=True)
class PrekeyRequest:
    """An officer asks one trustee for a key to deposit under."""

    officer: bytes
    trustee: bytes
    nonce: bytes
    requested_at: datetime

    @property
    def signer(self) -> bytes:
        return self.officer

    def encode(self) -> bytes:
        """The exact inverse of `parse_prekey_request`."""
        return cbor.encode(
            {
                "version": VERSION,
                "officer": self.officer,
                "trustee": self.trustee,
                "nonce": self.nonce,
                "requested_at": TDate.of(self.requested_at),
            }
        )


@dataclass(frozen=True)
class Prekey:
    """A trustee's HPKE public key for one deposit by one officer. `request` is the digest of what asked for it."""

    trustee: bytes
    officer: bytes
    request: bytes
    prekey_id: bytes
    key: bytes = field(repr=False)
    expires: datetime

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_prekey`."""
        return cbor.encode(
            {
                "version": VERSION,
                "trustee": self.trustee,
                "officer": self.officer,
                "request": self.request,
                "id": self.prekey_id,
                "key": self.key,
                "expires": TDate.of(self.expires),
            }
        )


def parse_prekey_request(payload: bytes) -> PrekeyRequest:
    """The request in a payload, or `FormatError`."""
    check = "prekey_request"
    officer, trustee, nonce, requested_at = parse_payload(
        payload, check, ("officer", "trustee", "nonce", "requested_at")
    )
    return PrekeyRequest(
        as_fingerprint(officer, check),
        as_fingerprint(trustee, check),
        as_exactly(nonce, NONCE_BYTES, check),
        as_tdate(requested_at, check),
    )


def parse_prekey(payload: bytes) -> Prekey:
    """The prekey in a payload, or `FormatError`."""
    check = "prekey"
    names = ("trustee", "officer", "request", "id", "key", "expires")
    trustee, officer, request, prekey_id, key, expires = parse_payload(payload, check, names)
    public_key = as_bytes(key, check)
    hpke.check_public_key(public_key)
    if public_key[0] != hpke.HYBRID:
        # A key in a token is not made for an hour and deleted.
        raise FormatError("prekey.suite", f"a one-time key is of suite {hpke.HYBRID}")
    return Prekey(
        as_fingerprint(trustee, check),
        as_fingerprint(officer, check),
        as_fingerprint(request, check),
        as_exactly(prekey_id, ID_BYTES, check),
        public_key,
        as_tdate(expires, check),
    )


PREKEY_REQUEST = Kind("diptych prekey request 1", parse_prekey_request)
PREKEY = Kind("diptych prekey 1", parse_prekey)
